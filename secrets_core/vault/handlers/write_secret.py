"""Writes, moves, deletes, undeletes and destroys one secret: each is a commit of one change."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import MalformedError
from ca_service.policy.values import Grant
from secrets_core.paths import parse_path
from secrets_core.vault.commits import ChangeAction
from secrets_core.vault.operations.secrets import (
    DeleteSecret,
    PutSecret,
    SecretRecord,
    UndeleteSecret,
    UpdateSecret,
)
from secrets_core.vault.places import SecretPlace
from secrets_core.vault.questions import questions_of
from secrets_core.vault.secrets import (
    parse_comment,
    parse_message,
    parse_metadata,
    parse_name,
    parse_tags,
    parse_value,
)
from secrets_core.vault.storage.secrets import Found
from secrets_core.vault.vault import Vault
from secrets_core.vault.wishes import Wish
from secrets_core.vault.writing import Writing, Written, draft_all, record_of, write_all


class Wished(Struct, frozen=True):
    """A wish about one secret, and what was found at its place."""

    wish: Wish
    found: Found
    message: str = ""


class _OneSecret:
    """The acts that all writes of one secret share."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def _wished(self, call: Call, wish: Wish, message: str = "") -> Prepared[Wished]:
        found = await self._vault.find(call, wish.place)
        accesses = tuple(questions_of(call.home, wish, found.secret))
        return Prepared(Wished(wish, found, message), accesses)

    async def sign(self, call: Call, draft: Wished, grant: Grant) -> Writing:
        """Seal what is to be kept; find out whether it can be done at all."""
        del grant
        return await draft_all(self._vault, call, [(draft.wish, draft.found)], draft.message)

    async def _write(self, transaction: Transaction, call: Call, signed: Writing) -> Written:
        return await write_all(self._vault, transaction, call, signed)


class PutSecretHandler(_OneSecret, Handler[PutSecret, Wished, Writing, SecretRecord]):
    """Writes the next version of a secret."""

    async def prepare(self, call: Call, operation: PutSecret) -> Prepared[Wished]:
        """Find what is there."""
        place = await self._vault.place(call, operation.environment, operation.path, operation.name)
        parse_value(operation.value.reveal())
        wish = Wish(
            action=ChangeAction.SET,
            place=place,
            value=operation.value,
            if_version=operation.if_version,
            **_notes_asked(operation),
        )
        return await self._wished(call, wish, parse_message(operation.message))

    async def record(self, transaction: Transaction, call: Call, signed: Writing) -> SecretRecord:
        """Write it down."""
        return record_of((await self._write(transaction, call, signed)).drafts[0])

    def details(self, answer: SecretRecord) -> Mapping[str, Any]:
        """Return the version and the commit."""
        return {"version": answer.version, "commit": answer.commit}


class UpdateSecretHandler(_OneSecret, Handler[UpdateSecret, Wished, Writing, SecretRecord]):
    """Changes or moves a secret that is there."""

    async def prepare(self, call: Call, operation: UpdateSecret) -> Prepared[Wished]:
        """Find what is there."""
        place = await self._vault.place(call, operation.environment, operation.path, operation.name)
        if operation.value is not None:
            parse_value(operation.value.reveal())
        wish = Wish(
            action=ChangeAction.SET,
            place=place,
            value=operation.value,
            if_version=operation.if_version,
            must_exist=True,
            to=_new_place(place, operation),
            **_notes_asked(operation),
        )
        if not wish.makes_version and wish.to is None:
            raise MalformedError(
                "Say what to change: value, comment, tags, metadata, new_name or new_path.", rule="required"
            )
        return await self._wished(call, wish, parse_message(operation.message))

    async def record(self, transaction: Transaction, call: Call, signed: Writing) -> SecretRecord:
        """Write it down."""
        return record_of((await self._write(transaction, call, signed)).drafts[0])

    def details(self, answer: SecretRecord) -> Mapping[str, Any]:
        """Return where it lies now, the version and the commit."""
        return {"name": answer.name, "path": answer.path, "version": answer.version, "commit": answer.commit}


class DeleteSecretHandler(_OneSecret, Handler[DeleteSecret, Wished, Writing, None]):
    """Deletes a secret."""

    async def prepare(self, call: Call, operation: DeleteSecret) -> Prepared[Wished]:
        """Find what is there."""
        place = await self._vault.place(call, operation.environment, operation.path, operation.name)
        wish = Wish(action=ChangeAction.DELETE, place=place, if_version=operation.if_version)
        return await self._wished(call, wish)

    async def record(self, transaction: Transaction, call: Call, signed: Writing) -> None:
        """Write it down."""
        await self._write(transaction, call, signed)


class UndeleteSecretHandler(_OneSecret, Handler[UndeleteSecret, Wished, Writing, SecretRecord]):
    """Brings a deleted secret back."""

    async def prepare(self, call: Call, operation: UndeleteSecret) -> Prepared[Wished]:
        """Find what was there."""
        place = await self._vault.place(call, operation.environment, operation.path, operation.name)
        return await self._wished(call, Wish(action=ChangeAction.UNDELETE, place=place))

    async def record(self, transaction: Transaction, call: Call, signed: Writing) -> SecretRecord:
        """Write it down."""
        written = await self._write(transaction, call, signed)
        return record_of(written.drafts[0])


def _new_place(place: SecretPlace, operation: UpdateSecret) -> SecretPlace | None:
    name = place.name if operation.new_name is None else parse_name(operation.new_name, field="new_name")
    path = place.path if operation.new_path is None else parse_path(operation.new_path, field="new_path")
    if (name, path) == (place.name, place.path) and operation.new_name is None and operation.new_path is None:
        return None
    return SecretPlace(place.environment, path, name)


def _notes_asked(operation: PutSecret | UpdateSecret) -> dict[str, Any]:
    comment, tags, metadata = operation.comment, operation.tags, operation.metadata
    return {
        "comment": None if comment is None else parse_comment(comment),
        "tags": None if tags is None else parse_tags(tags),
        "metadata": None if metadata is None else parse_metadata(metadata),
    }
