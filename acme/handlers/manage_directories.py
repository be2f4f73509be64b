"""Opens and lists directories."""

from msgspec import Struct

from acme.directories import SLUG, Directory, DirectoryId
from acme.errors import DirectoryNotFoundError
from acme.operations import CreateDirectory, ListDirectories, ReadDirectory
from acme.resources import directory_access, project_access
from acme.storage import directories
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.port import Child, Gate
from ca_service.governance.operations import CreatePolicy, PolicyRecord
from ca_service.kernel.errors import ConflictError, MalformedError
from ca_service.kernel.identifiers import Identifiers
from ca_service.policy.sets import open_directory_policy
from ca_service.policy.values import Grant


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

    def __init__(self, database: Database, identifiers: Identifiers, gate: Gate) -> None:
        self._database = database
        self._identifiers = identifiers
        self._gate = gate

    async def prepare(self, call: Call, operation: CreateDirectory) -> Prepared[DirectoryDraft]:
        if not SLUG.fullmatch(operation.slug):
            raise MalformedError(
                "`slug` must be 1 to 63 of a-z, 0-9 and hyphens, not at its ends.", field="slug", rule="slug"
            )
        directory = Directory(
            id=DirectoryId(self._identifiers.new("dir")),
            tenant=call.home,
            slug=operation.slug,
            profile=operation.profile,
            authority=operation.authority,
            eab=operation.eab,
            created_at=call.now,
        )
        details = {"directory": directory.id, "slug": directory.slug, "profile": directory.profile}
        draft = DirectoryDraft(directory, operation.is_open)
        return Prepared(draft, (project_access(operation.action, call.home),), details)

    async def sign(self, call: Call, draft: DirectoryDraft, grant: Grant) -> SignedDirectory:
        del grant
        if not draft.is_open:
            return SignedDirectory(draft.directory, None)
        directory = draft.directory
        operation = CreatePolicy(
            project=call.home.project,
            name=f"acme-{directory.slug}-open",
            text=open_directory_policy(directory.id, directory.profile),
        )
        return SignedDirectory(directory, await self._gate.prepare(call, operation))

    async def record(self, transaction: Transaction, call: Call, signed: SignedDirectory) -> Directory:
        del call
        if not await directories.add(transaction, signed.directory):
            raise ConflictError(
                f"A directory `{signed.directory.slug}` exists on this instance; take another slug."
            )
        if signed.policy is not None:
            await self._gate.record(transaction, signed.policy)
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
        found = await directories.find_by_slug(self._database, operation.slug)
        if found is None or found.tenant != call.home:
            raise DirectoryNotFoundError
        return Prepared(found, (directory_access(operation.action, found),))
