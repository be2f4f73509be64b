"""Lists, makes and describes folders."""

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.principals import principal_of
from ca_service.governance.places import Environment
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Grant
from secrets_core.paths import ROOT, FolderPath, parse_path
from secrets_core.vault.accesses import folder_access
from secrets_core.vault.errors import FolderTakenError
from secrets_core.vault.folders import Folder, parse_description
from secrets_core.vault.open_folders import OpenFolders
from secrets_core.vault.operations.folders import CreateFolder, FolderPage, FolderRecord, ListFolders
from secrets_core.vault.storage.folders import find_folder, list_folders
from secrets_core.vault.vault import Vault


class ListFoldersReader(Reader[ListFolders, FolderPage]):
    """Lists the folders below one that the caller may see."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def prepare(self, call: Call, operation: ListFolders) -> Prepared[FolderPage]:
        """Read one page, and one row more to know whether another follows; ask for each."""
        path = parse_path(operation.path)
        environment = await self._vault.environments.find(call.home, operation.environment)
        if path != ROOT:
            await live_folder(self._vault, call, environment, path)
        read = await list_folders(
            self._vault.database,
            self._vault.rows.folder_mac,
            call.home,
            environment.id,
            path,
            after=operation.after or path,
            limit=operation.limit + 1,
        )
        items = read[: operation.limit]
        accesses = [folder_access(operation.action, call.home, environment, path)]
        shown, principal = [], principal_of(call.caller)
        for folder in items:
            access = folder_access(operation.action, call.home, environment, folder.path)
            if (await self._vault.policy.decide(principal, access)).allowed:
                accesses.append(access)
                shown.append(folder_record(folder, environment))
        next_key = items[-1].path if len(read) > len(items) else None
        return Prepared(FolderPage(tuple(shown), next_key), tuple(accesses), {"items": len(shown)})


class FolderToMake(Struct, frozen=True):
    """A folder that is to be there."""

    environment: Environment
    path: FolderPath
    description: str
    seen: Folder | None


class CreateFolderHandler(Handler[CreateFolder, FolderToMake, FolderToMake, FolderRecord]):
    """Makes a folder and those missing around it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def prepare(self, call: Call, operation: CreateFolder) -> Prepared[FolderToMake]:
        """Find out what is there."""
        path = parse_path(operation.path)
        environment = await self._vault.environments.find(call.home, operation.environment)
        seen = await find_folder(
            self._vault.database, self._vault.rows.folder_mac, call.home, environment.id, path
        )
        draft = FolderToMake(environment, path, parse_description(operation.description), seen)
        return Prepared(draft, (folder_access(operation.action, call.home, environment, path),))

    async def sign(self, call: Call, draft: FolderToMake, grant: Grant) -> FolderToMake:
        """Refuse a folder that is there."""
        del call, grant
        if draft.path == ROOT or (draft.seen is not None and draft.seen.is_live):
            raise _taken(draft.environment, draft.path)
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: FolderToMake) -> FolderRecord:
        """Make it."""
        folders = OpenFolders(transaction, self._vault.rows, self._vault.identifiers, call.home)
        folder = await folders.make(signed.environment, signed.path, signed.description)
        if folder is None:
            raise _taken(signed.environment, signed.path)
        return folder_record(folder, signed.environment)


def folder_record(folder: Folder, environment: Environment) -> FolderRecord:
    """Return a folder as it is shown."""
    return FolderRecord(
        id=folder.id,
        path=folder.path,
        environment=environment.slug,
        description=folder.description,
        created_at=folder.created_at,
        updated_at=folder.updated_at,
    )


async def live_folder(vault: Vault, call: Call, environment: Environment, path: FolderPath) -> Folder:
    """Return the folder at a path. Raises NotFoundError("folder")."""
    found = await find_folder(vault.database, vault.rows.folder_mac, call.home, environment.id, path)
    if found is None or not found.is_live:
        raise NotFoundError("folder")
    return found


def _taken(environment: Environment, path: FolderPath) -> FolderTakenError:
    return FolderTakenError(
        f"{environment.slug} has a folder {path} already; use it as it is.", field="path", rule="unique"
    )
