"""Certificates that end soon, in the order of their ends: each is passed once."""

from datetime import datetime

from sqlalchemy import and_, bindparam, exists, or_, select

from ca_service.database.port import Database
from ca_service.database.statement import statement
from ca_service.kernel.clock import to_microseconds
from ca_service.x509.certificates import Certificate
from ca_service.x509.channels import Channel
from ca_service.x509.listener import PROFILE as LISTENER_PROFILE
from ca_service.x509.ocsp_delegates import DELEGATE_PROFILE
from ca_service.x509.storage.certificates import JOINED, MINE, SELECTED, certificate_of
from ca_service.x509.storage.tables import CERTIFICATES as T

_RENEWED_BY_THEMSELVES = [LISTENER_PROFILE, DELEGATE_PROFILE]
_NEWER = T.alias("newer")
_LIST_ENDING = statement(
    select(*SELECTED)
    .select_from(JOINED)
    .where(
        *MINE,
        or_(
            T.c.not_after > bindparam("after"),
            and_(T.c.not_after == bindparam("after"), T.c.id > bindparam("after_id")),
        ),
        # Repeated as one range, which is what an index is read by.
        T.c.not_after >= bindparam("after"),
        T.c.not_after <= bindparam("until"),
        T.c.revoked_at.is_(None),
        T.c.profile.not_in(_RENEWED_BY_THEMSELVES),
        ~exists(
            select(_NEWER.c.id).where(
                _NEWER.c.organization == T.c.organization,
                _NEWER.c.project == T.c.project,
                _NEWER.c.renewed_from == T.c.id,
            )
        ),
    )
    .order_by(T.c.not_after, T.c.id)
    .limit(bindparam("most", type_=T.c.created_at.type))
)


async def list_ending(
    database: Database, channel: Channel, until: datetime, *, most: int
) -> list[Certificate]:
    """Return valid certificates, not renewed, that end by then and that a channel was not told of."""
    rows = await database.scan(
        _LIST_ENDING,
        organization=channel.tenant.organization,
        project=channel.tenant.project,
        after=to_microseconds(channel.expiry_after),
        after_id=channel.expiry_after_id,
        until=to_microseconds(until),
        most=most,
    )
    return [certificate_of(row) for row in rows]
