"""Lists, makes and takes away the imports of a folder."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.governance.places import Environment
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Grant
from secrets_core.paths import ROOT, FolderPath, parse_path
from secrets_core.vault.accesses import folder_access
from secrets_core.vault.errors import ImportRefusedError, ImportTakenError
from secrets_core.vault.folders import Folder
from secrets_core.vault.handlers.folders import live_folder
from secrets_core.vault.imports import MOST_IMPORTS, PREFIX, Import, parse_position
from secrets_core.vault.open_folders import OpenFolders
from secrets_core.vault.operations.reading import (
    CreateImport,
    DeleteImport,
    ImportPage,
    ImportRecord,
    ListImports,
)
from secrets_core.vault.storage.folders import find_folder
from secrets_core.vault.storage.imports import FoundImport, ImportRows
from secrets_core.vault.vault import Vault


class ListImportsReader(Reader[ListImports, ImportPage]):
    """Lists what a folder imports."""

    def __init__(self, vault: Vault, imports: ImportRows) -> None:
        self._vault = vault
        self._imports = imports

    async def prepare(self, call: Call, operation: ListImports) -> Prepared[ImportPage]:
        """Read them; those of environments that are gone show nothing and are left out."""
        path = parse_path(operation.path)
        environment = await self._vault.environments.find(call.home, operation.environment)
        if path != ROOT:
            await live_folder(self._vault, call, environment, path)
        found = await self._imports.list_at(self._vault.database, call.home, environment.id, path)
        records = []
        for each in found:
            try:
                source = await self._vault.environments.find(call.home, each.held.environment)
            except NotFoundError:
                continue
            records.append(_record(each.held, source))
        access = folder_access(operation.action, call.home, environment, path)
        return Prepared(ImportPage(tuple(records)), (access,), {"items": len(records)})


class ImportToMake(Struct, frozen=True):
    """An import that is to be there; its folder may have to be made."""

    environment: Environment
    path: FolderPath
    seen: Folder | None
    source: Environment
    source_path: FolderPath
    position: int | None


class CreateImportHandler(Handler[CreateImport, ImportToMake, ImportToMake, ImportRecord]):
    """Lets a folder show the secrets of another."""

    def __init__(self, vault: Vault, imports: ImportRows) -> None:
        self._vault = vault
        self._imports = imports

    async def prepare(self, call: Call, operation: CreateImport) -> Prepared[ImportToMake]:
        """Find both. Nobody reads more by an import: each secret is decided for whoever reads it."""
        path = parse_path(operation.path)
        environment = await self._vault.environments.find(call.home, operation.environment)
        seen = await find_folder(
            self._vault.database, self._vault.rows.folder_mac, call.home, environment.id, path
        )
        source = await self._vault.environments.find(call.home, operation.source_environment)
        position = None if operation.position is None else parse_position(operation.position)
        draft = ImportToMake(environment, path, seen, source, parse_path(operation.source_path), position)
        accesses = (
            folder_access(operation.action, call.home, environment, path),
            folder_access("secrets:describe", call.home, source, draft.source_path),
        )
        return Prepared(draft, accesses, {"source": f"{source.slug}:{draft.source_path}"})

    async def sign(self, call: Call, draft: ImportToMake, grant: Grant) -> ImportToMake:
        """Refuse a folder that would import itself."""
        del call, grant
        if (draft.environment.id, draft.path) == (draft.source.id, draft.source_path):
            raise ImportRefusedError("A folder does not import itself.", field="path", rule="import-itself")
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: ImportToMake) -> ImportRecord:
        """Keep it, behind all others where no position was asked for."""
        folders = OpenFolders(transaction, self._vault.rows, self._vault.identifiers, call.home)
        folder = await folders.open(signed.environment, signed.path, signed.seen)
        count, last = await self._imports.count(transaction, folder)
        if count >= MOST_IMPORTS:
            raise ImportRefusedError(
                f"A folder imports at most {MOST_IMPORTS} others.", field="path", rule="imports"
            )
        new = Import(
            tenant=call.home,
            id=self._vault.identifiers.new(PREFIX),
            folder=folder.id,
            environment=signed.source.id,
            path=signed.source_path,
            position=parse_position(last + 1 if signed.position is None else signed.position),
            created_at=transaction.now,
            created_by=call.caller.id,
        )
        if not await self._imports.insert(transaction, new):
            raise ImportTakenError(
                f"{signed.path} imports {signed.source.slug}:{signed.source_path} already; delete that.",
                field="path",
                rule="unique",
            )
        return _record(new, signed.source)

    def details(self, answer: ImportRecord) -> Mapping[str, Any]:
        """Return the import."""
        return {"import": answer.id}


class DeleteImportHandler(Handler[DeleteImport, FoundImport, FoundImport, None]):
    """Takes an import away."""

    def __init__(self, vault: Vault, imports: ImportRows) -> None:
        self._vault = vault
        self._imports = imports

    async def prepare(self, call: Call, operation: DeleteImport) -> Prepared[FoundImport]:
        """Find it."""
        environment = await self._vault.environments.find(call.home, operation.environment)
        found = await self._imports.find(self._vault.database, call.home, environment.id, operation.import_id)
        if found is None:
            raise NotFoundError("import")
        access = folder_access(operation.action, call.home, environment, found.folder.path)
        resource = msgspec.structs.replace(access.resource, noun="import")
        access = msgspec.structs.replace(access, resource=resource)
        return Prepared(found, (access,), {"import": found.held.id})

    async def sign(self, call: Call, draft: FoundImport, grant: Grant) -> FoundImport:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: FoundImport) -> None:
        """Forget it."""
        del call
        if not await self._imports.delete(transaction, signed.held):
            raise NotFoundError("import")


def _record(held: Import, source: Environment) -> ImportRecord:
    return ImportRecord(id=held.id, environment=source.slug, path=held.path, position=held.position)
