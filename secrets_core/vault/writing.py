"""Writing a commit: its drafts one after another in one order, then the commit itself."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call
from secrets_core.vault.commits import ChangeAction, Commit, CommittedChange
from secrets_core.vault.drafts import Draft, Drafter
from secrets_core.vault.errors import ChangedMeanwhileError, SecretTakenError
from secrets_core.vault.open_folders import OpenFolders
from secrets_core.vault.operations.secrets import SecretRecord
from secrets_core.vault.places import SecretPlace
from secrets_core.vault.secrets import Notes, Secret, SecretVersion
from secrets_core.vault.storage.commits import insert_commit
from secrets_core.vault.storage.folders import refetch_folder
from secrets_core.vault.storage.secrets import (
    Found,
    destroy_versions,
    insert_secret,
    insert_version,
    lock_secret,
    refetch_secret,
    update_secret,
)
from secrets_core.vault.vault import Vault
from secrets_core.vault.wishes import Wish

#: How often a change is drafted; the row is locked before the second, so that a third is never needed twice.
_ATTEMPTS = 4


class Writing(Struct, frozen=True):
    """A commit ready to be written."""

    drafter: Drafter
    drafts: tuple[Draft, ...]
    message: str


async def draft_all(vault: Vault, call: Call, wishes: Sequence[tuple[Wish, Found]], message: str) -> Writing:
    """Return the commit of these wishes, everything in it sealed. Raises what drafting raises."""
    sealer = await vault.custody.sealer(call.home)
    drafter = Drafter(sealer, vault.rows, vault.identifiers, call)
    return Writing(drafter, tuple(drafter.draft(wish, found) for wish, found in wishes), message)


async def write_all(vault: Vault, transaction: Transaction, call: Call, writing: Writing) -> "Written":
    """Write a commit and all its changes.

    The rows of secrets are changed in the order of their places, so that two commits never wait for each
    other, and the number of the commit is taken last. Raises what drafting raises, ChangedMeanwhileError and
    SecretTakenError; nothing remains then.
    """
    writer = _Writer(vault, transaction, call, writing.drafter)
    order = sorted(range(len(writing.drafts)), key=lambda i: writing.drafts[i].wish.place.order)
    written: dict[int, Draft] = {}
    for i in order:
        written[i] = await writer.write(writing.drafts[i])
    drafts = tuple(written[i] for i in range(len(order)))
    changes = tuple(change for draft in drafts for change in draft.changes())
    commit = commit_of(transaction, call, writing.drafter.commit, writing.message, changes)
    insert_commit(transaction, commit)
    return Written(commit, drafts)


def commit_of(
    transaction: Transaction,
    call: Call,
    commit_id: str,
    message: str,
    changes: tuple[CommittedChange, ...],
) -> Commit:
    """Return a commit of these changes, not yet numbered."""
    return Commit(
        tenant=call.home,
        id=commit_id,
        number=0,
        message=message,
        author=call.caller.id,
        created_at=transaction.now,
        changes=changes,
    )


class Written(Struct, frozen=True):
    """A commit that was written, its number still unread, and the drafts as they were written."""

    commit: Commit
    drafts: tuple[Draft, ...]


class _Writer:
    def __init__(self, vault: Vault, transaction: Transaction, call: Call, drafter: Drafter) -> None:
        self._vault = vault
        self._transaction = transaction
        self._call = call
        self._drafter = drafter
        self._folders = OpenFolders(transaction, vault.rows, vault.identifiers, call.home)

    async def write(self, draft: Draft) -> Draft:
        """Write one change, drafted anew if its secret is not as it was seen."""
        decided = draft.found.secret
        for _ in range(_ATTEMPTS):
            placed = await self._put_into_folder(draft)
            if await self._write_secret(placed):
                self._write_version(placed)
                return placed
            found = await self._find_locked(draft.wish.place)
            self._verify_still_decided(decided, found.secret)
            draft = self._drafter.draft(draft.wish, found)
        raise ChangedMeanwhileError("secret")

    async def _put_into_folder(self, draft: Draft) -> Draft:
        if not draft.needs_folder:
            return draft
        place, seen = draft.wish.target, draft.found.folder
        if draft.wish.target.path != draft.wish.place.path:
            seen = await refetch_folder(
                self._transaction,
                self._vault.rows.folder_mac,
                self._call.home,
                place.environment.id,
                place.path,
            )
        folder = await self._folders.open(place.environment, place.path, seen)
        return msgspec.structs.replace(draft, new=msgspec.structs.replace(draft.new, folder=folder.id))

    async def _write_secret(self, draft: Draft) -> bool:
        seen = draft.found.secret
        if seen is None:
            return await insert_secret(self._transaction, self._vault.rows, draft.new)
        try:
            return await update_secret(self._transaction, self._vault.rows, seen, draft.new)
        except UniqueViolationError as error:
            raise SecretTakenError(
                f"{draft.wish.target} exists already, or was deleted and can be undeleted. Choose another "
                "name or folder.",
                field="new_name",
                rule="unique",
            ) from error

    def _write_version(self, draft: Draft) -> None:
        if draft.version is not None:
            insert_version(self._transaction, draft.version)
        if draft.wish.action is ChangeAction.DESTROY:
            destroy_versions(self._transaction, draft.new, draft.wish.versions)

    async def _find_locked(self, place: SecretPlace) -> Found:
        found = await self._refetch(place)
        if found.secret is not None:
            await lock_secret(self._transaction, found.secret)
            found = await self._refetch(place)
        return found

    async def _refetch(self, place: SecretPlace) -> Found:
        return await refetch_secret(
            self._transaction,
            self._vault.rows,
            self._call.home,
            place.environment.id,
            place.path,
            place.name,
        )

    def _verify_still_decided(self, decided: Secret | None, found: Secret | None) -> None:
        """Refuse to go on with a secret whose tags the policy has not seen."""
        if (found.tags if found else ()) != (decided.tags if decided else ()):
            raise ChangedMeanwhileError("secret")


def record_of(draft: Draft) -> SecretRecord:
    """Return a secret as it stands after a change."""
    assert draft.shown is not None, "whatever is shown was found or made"
    record = shown(draft.wish.target, draft.new, draft.shown, draft.notes)
    return msgspec.structs.replace(record, was_created=draft.is_first)


def shown(place: SecretPlace, secret: Secret, version: SecretVersion, notes: Notes) -> SecretRecord:
    """Return a version of a secret as it is shown."""
    return SecretRecord(
        id=secret.id,
        name=place.name,
        path=place.path,
        environment=place.environment.slug,
        version=version.version,
        created_at=secret.created_at,
        updated_at=version.created_at,
        comment=notes.comment,
        tags=notes.tags,
        metadata=notes.metadata,
        commit=version.commit,
    )
