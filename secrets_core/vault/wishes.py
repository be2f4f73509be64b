"""What a caller wishes done to one secret, and what was found at its place."""

from collections.abc import Mapping

from msgspec import Struct

from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.secret_value import SecretValue
from secrets_core.vault.commits import ChangeAction
from secrets_core.vault.errors import (
    NotDeletedError,
    VersionDestroyedError,
    VersionInUseError,
    VersionMismatchError,
)
from secrets_core.vault.places import SecretPlace
from secrets_core.vault.secrets import Secret


class Wish(Struct, frozen=True, kw_only=True):
    """One change, asked for. What is None stays as the version before had it.

    `if_version` is the version that must be current, 0 where there must be no such secret. `must_exist`
    refuses to make a secret. `to` is where it shall lie from now on. `versions` are those to destroy.
    `label` stands before the names of fields in problems: `changes[3].`.
    """

    action: ChangeAction
    place: SecretPlace
    value: SecretValue[str] | None = None
    comment: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: Mapping[str, str] | None = None
    if_version: int | None = None
    must_exist: bool = False
    to: SecretPlace | None = None
    versions: tuple[int, ...] = ()
    label: str = ""

    @property
    def makes_version(self) -> bool:
        """Tell whether it writes anything but a place."""
        told = (self.value, self.comment, self.tags, self.metadata)
        return self.action is ChangeAction.SET and any(each is not None for each in told)

    @property
    def target(self) -> SecretPlace:
        """Return where the secret lies afterwards."""
        return self.to or self.place


def verify_possible(wish: Wish, found: Secret | None, *, is_destroyed: bool) -> None:
    """Refuse a wish that cannot be done to what was found.

    `is_destroyed` tells whether the version it was found with is destroyed. Raises NotFoundError,
    VersionMismatchError, NotDeletedError, VersionDestroyedError, VersionInUseError.
    """
    is_live = found is not None and found.is_live
    match wish.action:
        case ChangeAction.DELETE | ChangeAction.MOVE:
            must_be_there = True
        case ChangeAction.SET:
            must_be_there = wish.must_exist
        case ChangeAction.UNDELETE | ChangeAction.DESTROY:
            must_be_there = False
    if must_be_there and not is_live:
        raise NotFoundError("secret")
    if wish.action in {ChangeAction.UNDELETE, ChangeAction.DESTROY}:
        _verify_past(wish, found, is_destroyed=is_destroyed)
    elif wish.if_version is not None:
        _verify_version(wish, found.version if found is not None and is_live else 0)


def _verify_version(wish: Wish, current: int) -> None:
    wanted = wish.if_version
    if wanted == current:
        return
    if wanted == 0:
        detail = f"{wish.place} exists at version {current}, and it was to be made only if it did not."
    elif current == 0:
        detail = f"{wish.place} does not exist, and version {wanted} was asked for. Read it, then decide."
    else:
        detail = f"{wish.place} is at version {current}, not {wanted}. Read it again, then decide."
    raise VersionMismatchError(detail, field=f"{wish.label}if_version", rule="version")


def _verify_past(wish: Wish, found: Secret | None, *, is_destroyed: bool) -> None:
    if found is None:
        raise NotFoundError("secret")
    if wish.action is ChangeAction.UNDELETE:
        if found.is_live:
            raise NotDeletedError(f"{wish.place} is not deleted.", field=f"{wish.label}name", rule="deleted")
        if wish.if_version not in {None, found.version}:
            _verify_version(wish, found.version)
        if is_destroyed:
            raise VersionDestroyedError(
                f"Version {found.version}, at which {wish.place} was deleted, was destroyed. Write a new "
                "value.",
                field=f"{wish.label}name",
                rule="destroyed",
            )
    elif found.is_live and found.version in wish.versions:
        raise VersionInUseError(
            f"Version {found.version} is current. Write another or delete the secret, then destroy it.",
            field="versions",
            rule="current",
        )
