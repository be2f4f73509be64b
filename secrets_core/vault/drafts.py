"""Drafts: what will stand in the rows once a wish is done, sealed and ready to be written.

A draft rests on what was found. If the rows have changed when it is written, it is drafted anew from what
they hold then, so that every write to one secret makes the next version and none is lost.
"""

from datetime import datetime

import msgspec
from msgspec import Struct

from ca_service.custody.sealing import Sealer
from ca_service.gate.handler import Call
from ca_service.kernel.identifiers import Identifiers
from secrets_core.vault.commits import ChangeAction, CommittedChange
from secrets_core.vault.rows import VaultRows
from secrets_core.vault.sealed import open_notes, open_value, seal_notes, seal_value
from secrets_core.vault.secrets import LAST_VERSION, Notes, Secret, SecretVersion
from secrets_core.vault.storage.secrets import Found
from secrets_core.vault.wishes import Wish, verify_possible

_NO_NOTES = Notes()
#: What is answered with the secret as it stands then.
_SHOWN = frozenset({ChangeAction.SET, ChangeAction.UNDELETE})


class Draft(Struct, frozen=True, kw_only=True):
    """One change ready to be written. `new` is the secret's row after it; its folder may still be unknown.

    `version` is the new version, if there is one; `shown` the version that is current afterwards, and `notes`
    what stands beside it. `needs_folder` tells whether its folder must be there, and may have to be made.
    """

    wish: Wish
    found: Found
    new: Secret
    version: SecretVersion | None
    shown: SecretVersion | None
    notes: Notes
    needs_folder: bool

    @property
    def is_first(self) -> bool:
        """Tell whether it makes a secret where there was none."""
        seen = self.found.secret
        return seen is None or not seen.is_live

    def changes(self) -> tuple[CommittedChange, ...]:
        """Return it as commits tell it: a line for each version that was destroyed, else one."""
        place, action = self.wish.target, self.wish.action
        is_move = action is ChangeAction.SET and self.version is None
        return tuple(
            CommittedChange(
                action=ChangeAction.MOVE if is_move else action,
                environment=place.environment.slug,
                environment_id=place.environment.id,
                path=place.path,
                name=place.name,
                secret=self.new.id,
                version=version,
            )
            for version in self.wish.versions or (self.new.version,)
        )


class Drafter:
    """Drafts the changes of one commit; without a sealer only those that write and show nothing sealed."""

    def __init__(self, sealer: Sealer | None, rows: VaultRows, identifiers: Identifiers, call: Call) -> None:
        self._sealer = sealer
        self._rows = rows
        self._identifiers = identifiers
        self._call = call
        #: The id of the commit to come.
        self.commit = identifiers.new("cmt")

    @property
    def _own_sealer(self) -> Sealer:
        assert self._sealer is not None, "only deletions are drafted without a sealer"
        return self._sealer

    def draft(self, wish: Wish, found: Found) -> Draft:
        """Return the change. Raises what `verify_possible` does, and IntegrityError for an edited row."""
        version = found.version
        is_destroyed = version is not None and version.destroyed_at is not None
        verify_possible(wish, found.secret, is_destroyed=is_destroyed)
        if wish.makes_version:
            return self._with_version(wish, found)
        seen = found.secret
        assert seen is not None, "a wish that writes no version is about a secret"
        deleted_at = seen.deleted_at
        if wish.action is ChangeAction.DELETE:
            deleted_at = self._call.now
        elif wish.action is ChangeAction.UNDELETE:
            deleted_at = None
        target = wish.target
        new = msgspec.structs.replace(seen, name=target.name, deleted_at=deleted_at)
        is_elsewhere = target.path != wish.place.path
        return Draft(
            wish=wish,
            found=found,
            new=new,
            version=None,
            shown=version,
            notes=self._notes(wish, found) if wish.action in _SHOWN else _NO_NOTES,
            needs_folder=is_elsewhere or wish.action is ChangeAction.UNDELETE,
        )

    def _with_version(self, wish: Wish, found: Found) -> Draft:
        seen, now = found.secret, self._call.now
        secret_id = self._identifiers.new("sec") if seen is None else seen.id
        number = 1 if seen is None else seen.version + 1
        assert number < LAST_VERSION, "nobody writes so many versions"
        notes, value = self._notes(wish, found), self._value(wish, found)
        updated_at = now if seen is None else max(now, seen.updated_at)
        new = Secret(
            tenant=self._call.home,
            id=secret_id,
            folder="" if seen is None else seen.folder,
            name=wish.target.name,
            version=number,
            tags=notes.tags,
            created_at=now if seen is None else seen.created_at,
            updated_at=updated_at,
        )
        version = self._version(new, value, notes, updated_at)
        was_live = seen is not None and seen.is_live
        return Draft(
            wish=wish,
            found=found,
            new=new,
            version=version,
            shown=version,
            notes=notes,
            needs_folder=not was_live or wish.target.path != wish.place.path,
        )

    def _version(self, new: Secret, value: bytes, notes: Notes, at: datetime) -> SecretVersion:
        sealer = self._own_sealer
        return SecretVersion(
            tenant=new.tenant,
            secret=new.id,
            version=new.version,
            value=seal_value(sealer, new.id, new.version, value),
            notes=seal_notes(sealer, new.id, new.version, notes),
            digest=self._rows.digest(new.tenant, new.id, value),
            created_at=at,
            created_by=self._call.caller.id,
            commit=self.commit,
        )

    def _value(self, wish: Wish, found: Found) -> bytes:
        if wish.value is not None:
            return wish.value.reveal().encode()
        assert found.version is not None, "only a secret that is there keeps its value"
        return open_value(self._own_sealer, found.version).encode()

    def _notes(self, wish: Wish, found: Found) -> Notes:
        before = _NO_NOTES
        is_told = wish.comment is not None and wish.tags is not None and wish.metadata is not None
        if not is_told and found.version is not None and found.version.destroyed_at is None:
            before = open_notes(self._own_sealer, found.version)
        return Notes(
            before.comment if wish.comment is None else wish.comment,
            before.tags if wish.tags is None else wish.tags,
            before.metadata if wish.metadata is None else wish.metadata,
        )
