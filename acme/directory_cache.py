"""Directories in memory: every request asks for one, and they hardly ever change.

Whatever any process changes is announced, and then all of them are read anew.
"""

from acme.directories import Directory, DirectoryId
from acme.storage import directories
from ca_service.database.port import Database
from ca_service.kernel.tenancy import Tenant

_MOST = 4096


class DirectoryCache:
    """Finds directories; what is not there is looked for each time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hint: int | None = None
        self._by_slug: dict[str, Directory] = {}
        self._by_id: dict[str, Directory] = {}

    def forget(self) -> None:
        """Read everything anew from now on."""
        self._by_slug.clear()
        self._by_id.clear()

    async def by_slug(self, slug: str) -> Directory | None:
        """Return the directory at this address."""
        self._look()
        found = self._by_slug.get(slug)
        if found is None:
            hint = self._hint
            found = self._keep(await directories.find_by_slug(self._database, slug), hint)
        return found

    async def by_id(self, tenant: Tenant, directory: DirectoryId) -> Directory | None:
        """Return a directory of this tenant by its id."""
        self._look()
        found = self._by_id.get(directory)
        if found is None:
            hint = self._hint
            found = self._keep(await directories.find(self._database, tenant, directory), hint)
        return found if found is None or found.tenant == tenant else None

    def _keep(self, found: Directory | None, hint: int | None) -> Directory | None:
        # What was announced during the read may be missing from it.
        if found is not None and hint is not None and hint == self._database.change_hint():
            if len(self._by_slug) >= _MOST:
                self.forget()
            self._by_slug[found.slug] = found
            self._by_id[found.id] = found
        return found

    def _look(self) -> None:
        hint = self._database.change_hint()
        if hint is None or hint != self._hint:
            self.forget()
            self._hint = hint
