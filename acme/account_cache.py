"""Accounts in memory: every request of a client asks for one, and they hardly ever change.

Whatever any process changes is announced, and then all of them are read anew. Announcements may take a moment
to arrive, so nothing rests on them alone: what an account is permitted because of a row in memory is done in
a transaction that requires the row to be as it was (`AccountRows.require_usable`), and nobody is refused
before the row was read once more.
"""

from typing import NamedTuple

from acme.accounts import Account
from acme.directories import Directory
from acme.storage.accounts import AccountRows
from ca_service.database.port import Database
from ca_service.policy.cache import BoundedCache

_MOST = 4096


class Found(NamedTuple):
    """An account, and whether it was in memory and may be behind its row."""

    account: Account
    was_kept: bool


class AccountCache:
    """Finds accounts by their ids; what is not there is looked for each time."""

    def __init__(self, database: Database, rows: AccountRows) -> None:
        self._database = database
        self._rows = rows
        self._hint: int | None = None
        self._kept: BoundedCache[tuple[str, str], Account] = BoundedCache(_MOST)

    def forget(self) -> None:
        """Read everything anew from now on."""
        self._kept.clear()

    async def find(self, directory: Directory, account: str) -> Found | None:
        """Return an account of this directory."""
        self._look()
        kept = self._kept.get((directory.id, account))
        if kept is not None and kept.tenant == directory.tenant:
            return Found(kept, was_kept=True)
        read = await self.find_anew(directory, account)
        return None if read is None else Found(read, was_kept=False)

    async def find_anew(self, directory: Directory, account: str) -> Account | None:
        """Return an account of this directory as its row is now. Raises IntegrityError."""
        hint = self._look()
        read = await self._rows.find(self._database, directory, account)
        # What was announced during the read may be missing from it.
        if read is not None and hint is not None and hint == self._database.change_hint():
            self._kept.put((directory.id, account), read)
        return read

    def _look(self) -> int | None:
        hint = self._database.change_hint()
        if hint is None or hint != self._hint:
            self.forget()
            self._hint = hint
        return hint
