"""Opens, shows, changes and closes directories."""

from typing import Any

import msgspec
from msgspec import UNSET, Struct

from acme.directories import Directory, DirectoryId, DirectoryRules
from acme.directory_cache import DirectoryCache
from acme.directory_rules import parse_directory_name, verify_rules
from acme.errors import DirectoryNotFoundError
from acme.handlers.named_directory import directory_named
from acme.handlers.profile_terms import ProfileTerms
from acme.operations import (
    CreateDirectory,
    DeleteDirectory,
    DirectoryChanges,
    ListDirectories,
    ReadDirectory,
    UpdateDirectory,
)
from acme.resources import directory_access, project_access
from acme.storage import directories
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.port import Child, Gate
from ca_service.governance.operations import CreatePolicy, PolicyRecord
from ca_service.kernel.errors import ConflictError
from ca_service.kernel.identifiers import Identifiers
from ca_service.policy.sets import open_directory_policy
from ca_service.policy.values import Grant

_RULES = frozenset(DirectoryRules.__struct_fields__)


class DirectoryDraft(Struct, frozen=True):
    """A new directory, and whether to store the policy that opens it."""

    directory: Directory
    is_open: bool


class SignedDirectory(Struct, frozen=True):
    """The same with that policy, decided and waiting for its transaction."""

    directory: Directory
    policy: Child[PolicyRecord] | None


class DirectoryCreation(Handler[CreateDirectory, DirectoryDraft, SignedDirectory, Directory]):
    """Makes one directory. Its accounts get nothing before a policy permits them something (S2)."""

    def __init__(
        self, identifiers: Identifiers, gate: Gate, terms: ProfileTerms, cache: DirectoryCache
    ) -> None:
        self._identifiers = identifiers
        self._gate = gate
        self._terms = terms
        self._cache = cache

    async def prepare(self, call: Call, operation: CreateDirectory) -> Prepared[DirectoryDraft]:
        directory = Directory(
            id=DirectoryId(self._identifiers.new("dir")),
            tenant=call.home,
            slug=parse_directory_name(operation.slug),
            profile=operation.profile,
            authority=operation.authority,
            eab=operation.eab,
            created_at=call.now,
            rules=operation.rules,
        )
        verify_rules(directory)
        draft = DirectoryDraft(directory, operation.is_open)
        return Prepared(draft, (project_access(operation.action, call.home),), _details(directory))

    async def sign(self, call: Call, draft: DirectoryDraft, grant: Grant) -> SignedDirectory:
        del grant
        directory = draft.directory
        await self._terms.verify(directory)
        if not draft.is_open:
            return SignedDirectory(directory, None)
        operation = CreatePolicy(
            project=call.home.project,
            name=f"acme-{directory.slug}-open",
            text=open_directory_policy(directory.id, *directory.profiles),
        )
        return SignedDirectory(directory, await self._gate.prepare(call, operation))

    async def record(self, transaction: Transaction, call: Call, signed: SignedDirectory) -> Directory:
        del call
        if not await directories.add(transaction, signed.directory):
            raise ConflictError(
                f"A directory `{signed.directory.slug}` exists or existed on this instance; take another "
                "name: they are never used again.",
                field="name",
                rule="slug_taken",
            )
        if signed.policy is not None:
            await self._gate.record(transaction, signed.policy)
        transaction.announce()
        transaction.on_commit(self._cache.forget)
        return signed.directory


class DirectoryListing(Reader[ListDirectories, tuple[Directory, ...]]):
    """Answers all directories of a project."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: ListDirectories) -> Prepared[tuple[Directory, ...]]:
        found = await directories.list_all(self._database, call.home)
        return Prepared(found, (project_access(operation.action, call.home),))


class DirectoryReading(Reader[ReadDirectory, Directory]):
    """Answers one directory."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: ReadDirectory) -> Prepared[Directory]:
        found = await directory_named(self._database, call, operation.slug)
        return Prepared(found, (directory_access(operation.action, found),))


class DirectoryChange(Struct, frozen=True):
    """A directory as it was read and as it shall be."""

    former: Directory
    changed: Directory
    verifies_profiles: bool


class DirectoryUpdate(Handler[UpdateDirectory, DirectoryChange, DirectoryChange, Directory]):
    """Changes one directory."""

    def __init__(self, database: Database, terms: ProfileTerms, cache: DirectoryCache) -> None:
        self._database = database
        self._terms = terms
        self._cache = cache

    async def prepare(self, call: Call, operation: UpdateDirectory) -> Prepared[DirectoryChange]:
        former = await directory_named(self._database, call, operation.slug)
        given = _given(operation.changes)
        changed = _changed(former, given)
        verify_rules(changed)
        # A profile that was disabled since must not keep anyone from changing something else.
        verifies_profiles = bool(given.keys() & {"profile", "further_profiles", "authority"})
        draft = DirectoryChange(former, changed, verifies_profiles)
        details = {**_details(changed), "changes": sorted(given)}
        return Prepared(draft, (directory_access(operation.action, former),), details)

    async def sign(self, call: Call, draft: DirectoryChange, grant: Grant) -> DirectoryChange:
        del call, grant
        if draft.verifies_profiles:
            await self._terms.verify(draft.changed)
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: DirectoryChange) -> Directory:
        del call
        if not await directories.change(transaction, signed.former, signed.changed):
            raise ConflictError("Another request changed the directory at the same time; try again.")
        transaction.announce()
        transaction.on_commit(self._cache.forget)
        return signed.changed


class DirectoryDeletion(Handler[DeleteDirectory, Directory, Directory, None]):
    """Closes one directory."""

    def __init__(self, database: Database, cache: DirectoryCache) -> None:
        self._database = database
        self._cache = cache

    async def prepare(self, call: Call, operation: DeleteDirectory) -> Prepared[Directory]:
        found = await directory_named(self._database, call, operation.slug)
        return Prepared(found, (directory_access(operation.action, found),), _details(found))

    async def sign(self, call: Call, draft: Directory, grant: Grant) -> Directory:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Directory) -> None:
        del call
        if not await directories.delete(transaction, signed):
            raise DirectoryNotFoundError
        transaction.announce()
        transaction.on_commit(self._cache.forget)


def _given(changes: DirectoryChanges) -> dict[str, Any]:
    return {field: value for field, value in msgspec.structs.asdict(changes).items() if value is not UNSET}


def _changed(former: Directory, given: dict[str, Any]) -> Directory:
    rules = {field: value for field, value in given.items() if field in _RULES}
    others = {field: value for field, value in given.items() if field not in _RULES}
    return msgspec.structs.replace(former, rules=msgspec.structs.replace(former.rules, **rules), **others)


def _details(directory: Directory) -> dict[str, str]:
    return {"directory": directory.id, "slug": directory.slug, "profile": directory.profile}
