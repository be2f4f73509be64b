"""What an administrator should know of leases whose accounts should be gone."""

from collections.abc import Sequence

from ca_service.database.port import Database
from ca_service.kernel.clock import from_microseconds
from ca_service.web.instance.operations import Notice
from secrets_core.dynamic.storage.due_leases import count_late_leases


async def overdue_notices(database: Database) -> Sequence[Notice]:
    """Return a notice for each project with accounts that outlive their leases."""
    late = await count_late_leases(database)
    return [Notice("promise", _sentence(project, *facts)) for project, facts in late.items()]


def _sentence(project: str, count: int, first: int, reason: str) -> str:
    what = "1 lease" if count == 1 else f"{count} leases"
    since = f"{from_microseconds(first):%Y-%m-%d %H:%M} UTC"
    why = f": {reason}" if reason else ""
    return f"{what} of project {project} should have ended, the first at {since}{why}"
