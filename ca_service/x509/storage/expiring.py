"""What ends soon, over all projects: for the person who runs the instance, who sees counts and no names."""

from datetime import datetime

from sqlalchemy import bindparam, exists, func, select

from ca_service.database.port import Database
from ca_service.database.statement import statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.x509.authorities import AUTHORITY_PROFILE, AuthorityStatus
from ca_service.x509.ocsp_delegates import DELEGATE_PROFILE
from ca_service.x509.storage.tables import AUTHORITIES
from ca_service.x509.storage.tables import CERTIFICATES as T

_NEWER = T.alias("newer")
_COUNT_CERTIFICATES = statement(
    select(T.c.project, func.count(T.c.id), func.min(T.c.not_after))
    .where(
        T.c.not_after > bindparam("now"),
        T.c.not_after <= bindparam("until"),
        T.c.revoked_at.is_(None),
        T.c.profile != bindparam("renewed_by_itself"),
        # Authorities are named one by one, and responders are rotated.
        T.c.profile.not_in([AUTHORITY_PROFILE, DELEGATE_PROFILE]),
        ~exists(
            select(_NEWER.c.id).where(
                _NEWER.c.organization == T.c.organization,
                _NEWER.c.project == T.c.project,
                _NEWER.c.renewed_from == T.c.id,
            )
        ),
    )
    .group_by(T.c.project)
    .order_by(T.c.project)
)
_LIST_AUTHORITIES = statement(
    select(AUTHORITIES.c.project, AUTHORITIES.c.name, AUTHORITIES.c.not_after)
    .where(
        AUTHORITIES.c.not_after <= bindparam("until"),
        AUTHORITIES.c.status == AuthorityStatus.ACTIVE.value,
    )
    .order_by(AUTHORITIES.c.not_after)
)


async def count_expiring(
    database: Database, now: datetime, until: datetime, *, renewed_by_itself: str
) -> list[tuple[str, int, datetime]]:
    """Return (project, how many, the first end) of valid certificates that end by then and were not renewed.

    Certificates of the profile `renewed_by_itself` do not count, nor those of authorities.
    """
    rows = await database.scan(
        _COUNT_CERTIFICATES,
        now=to_microseconds(now),
        until=to_microseconds(until),
        renewed_by_itself=renewed_by_itself,
    )
    return [(row[0], row[1], from_microseconds(row[2])) for row in rows]


async def list_expiring_authorities(database: Database, until: datetime) -> list[tuple[str, str, datetime]]:
    """Return (project, name, end) of active authorities that end by then or have ended."""
    rows = await database.scan(_LIST_AUTHORITIES, until=to_microseconds(until))
    return [(row[0], row[1], from_microseconds(row[2])) for row in rows]
