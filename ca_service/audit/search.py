"""Searching the trail: conditions, numbered entries, and the cursor that a page ends with."""

from datetime import datetime

from msgspec import Struct

from ca_service.audit.digests import entry_of
from ca_service.audit.entries import AuditEntry, AuditOutcome
from ca_service.audit.storage import search_statement
from ca_service.database.port import Database, Value
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.errors import MalformedError
from ca_service.kernel.tenancy import OrganizationId, ProjectId

MOST = 1000


class AuditFilter(Struct, frozen=True, kw_only=True):
    """Which entries: those that meet every condition given.

    `organization` None searches the whole instance, which is for its administrator alone. `after` is
    included, `before` is not. `cursor` continues after the entry it was taken from.
    """

    organization: OrganizationId | None
    project: ProjectId | None = None
    caller: str | None = None
    action: str | None = None
    resource: str | None = None
    outcome: AuditOutcome | None = None
    after: datetime | None = None
    before: datetime | None = None
    cursor: str | None = None
    limit: int = 100


class NumberedEntry(Struct, frozen=True):
    """An entry of the trail; `seq` is None for the second or so until the sequencer has come by."""

    seq: int | None
    entry: AuditEntry

    @property
    def cursor(self) -> str:
        """Return the cursor that continues after this entry."""
        return f"{to_microseconds(self.entry.at)}-{self.entry.id}"


async def search_entries(database: Database, wanted: AuditFilter) -> list[NumberedEntry]:
    """Return the newest entries that fit, newest first. Raises MalformedError for a cursor of others."""
    conditions: dict[str, Value] = {
        "organization": wanted.organization,
        "project": wanted.project,
        "caller": wanted.caller,
        "action": wanted.action,
        "resource": wanted.resource,
        "outcome": None if wanted.outcome is None else wanted.outcome.value,
        "after": None if wanted.after is None else to_microseconds(wanted.after),
        "before": None if wanted.before is None else to_microseconds(wanted.before),
    }
    if wanted.cursor is not None:
        conditions["cursor_at"], conditions["cursor_id"] = _parse_cursor(wanted.cursor)
    present = {name: value for name, value in conditions.items() if value is not None}
    rows = await database.scan(
        search_statement(frozenset(present)), at_most=max(1, min(wanted.limit, MOST)), **present
    )
    return [NumberedEntry(row[-1], entry_of(row)) for row in rows]


def _parse_cursor(cursor: str) -> tuple[int, str]:
    moment, separator, entry_id = cursor.partition("-")
    if not separator or not moment.isascii() or not moment.isdigit() or len(moment) > 18 or not entry_id:
        raise MalformedError(
            "The cursor is none of ours: take `next_cursor` of the page before.", field="cursor"
        )
    return int(moment), entry_id
