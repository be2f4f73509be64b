"""What an administrator should know of ends that come near."""

from collections.abc import Sequence
from datetime import timedelta

from ca_service.database.port import Database
from ca_service.web.instance.operations import Notice
from ca_service.x509.listener import PROFILE as LISTENER_PROFILE
from ca_service.x509.storage.expiring import count_expiring, list_expiring_authorities

SOON = timedelta(days=14)


async def expiring_notices(database: Database) -> Sequence[Notice]:
    """Return a notice for each authority and each project whose certificates end within 14 days."""
    now = database.now()
    until = now + SOON
    notices = [
        Notice("expiring", f"the authority {name} of project {project} ends on {end:%Y-%m-%d}: renew it now")
        for project, name, end in await list_expiring_authorities(database, until)
    ]
    for project, count, first in await count_expiring(
        database, now, until, renewed_by_itself=LISTENER_PROFILE
    ):
        what = "1 certificate" if count == 1 else f"{count} certificates"
        notices.append(
            Notice("expiring", f"{what} of project {project}, the first on {first:%Y-%m-%d}, not renewed yet")
        )
    return notices
