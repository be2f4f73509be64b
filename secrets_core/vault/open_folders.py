"""Folders that must be there when something is put into them: held, revived or made in its transaction."""

import msgspec

from ca_service.database.errors import StillReferredToError
from ca_service.database.port import Transaction
from ca_service.governance.places import Environment
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from secrets_core.paths import FolderPath, ancestors_of
from secrets_core.vault.errors import ChangedMeanwhileError
from secrets_core.vault.folders import Folder
from secrets_core.vault.rows import VaultRows
from secrets_core.vault.storage.folders import (
    hold_folder,
    insert_folder,
    refetch_folder,
    update_folder,
)


class OpenFolders:
    """The folders that one transaction puts something into."""

    def __init__(
        self, transaction: Transaction, rows: VaultRows, identifiers: Identifiers, tenant: Tenant
    ) -> None:
        self._transaction = transaction
        self._mac = rows.folder_mac
        self._identifiers = identifiers
        self._tenant = tenant
        self._open: dict[tuple[str, FolderPath], Folder] = {}

    async def open(self, environment: Environment, path: FolderPath, seen: Folder | None) -> Folder:
        """Return the live folder at a path, which stays there until the transaction ends.

        `seen` is what was found there before; if it was not live, it is made or revived, and so are those
        around it. Raises ChangedMeanwhileError, and NotFoundError for an environment that is gone.
        """
        if seen is not None and seen.is_live and (environment.id, path) not in self._open:
            self._hold(seen)
            self._open[environment.id, path] = seen
        for each in (*ancestors_of(path), path):
            if (environment.id, path) not in self._open:
                await self._open_one(environment, each, "")
        return self._open[environment.id, path]

    async def make(self, environment: Environment, path: FolderPath, description: str) -> Folder | None:
        """Return the folder that was made at a path with this description, None if there is one already."""
        for above in ancestors_of(path):
            await self._open_one(environment, above, "")
        found = await self._refetch(environment, path)
        if found is not None and found.is_live:
            return None
        return await self._open_one(environment, path, description)

    async def _open_one(self, environment: Environment, path: FolderPath, description: str) -> Folder:
        """Return a folder whose surroundings are open."""
        key = (environment.id, path)
        if key in self._open:
            return self._open[key]
        found = await self._refetch(environment, path)
        if found is None:
            found = await self._make(environment, path, description)
        if not found.is_live:
            found = await self._revive(found, description)
        else:
            self._hold(found)
        self._open[key] = found
        return found

    async def _make(self, environment: Environment, path: FolderPath, description: str) -> Folder:
        now = self._transaction.now
        made = Folder(
            tenant=self._tenant,
            id=self._identifiers.new("fld"),
            environment=environment.id,
            path=path,
            description=description,
            created_at=now,
            updated_at=now,
        )
        try:
            await insert_folder(self._transaction, self._mac, made)
        except StillReferredToError as error:
            raise NotFoundError("environment") from error
        # As it was written, by us or by whoever was first.
        found = await self._refetch(environment, path)
        if found is None:
            raise ChangedMeanwhileError("folder")
        return found

    async def _revive(self, dead: Folder, description: str) -> Folder:
        now = self._transaction.now
        living = msgspec.structs.replace(dead, deleted_at=None, description=description, updated_at=now)
        try:
            is_done = await update_folder(self._transaction, self._mac, dead, living)
        except StillReferredToError as error:
            raise NotFoundError("environment") from error
        if not is_done:
            raise ChangedMeanwhileError("folder")
        return living

    async def _refetch(self, environment: Environment, path: FolderPath) -> Folder | None:
        return await refetch_folder(self._transaction, self._mac, self._tenant, environment.id, path)

    def _hold(self, folder: Folder) -> None:
        hold_folder(self._transaction, folder, lambda: ChangedMeanwhileError("folder"))
