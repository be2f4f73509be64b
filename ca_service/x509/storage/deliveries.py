"""Rows of deliveries: the outbox, and the log of what became of each."""

from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.channels import Channel
from ca_service.x509.deliveries import MOST_ERROR, Attempt, Delivery, DeliveryStatus, status_after
from ca_service.x509.storage.life_tables import DELIVERIES as T

_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
_INSERT = statement(
    insert(T).values(
        organization=bindparam("organization"),
        project=bindparam("project"),
        id=bindparam("id"),
        channel=bindparam("channel"),
        event=bindparam("event"),
        payload=bindparam("payload"),
        status=DeliveryStatus.PENDING.value,
        attempts=0,
        last_error="",
        created_at=bindparam("created_at"),
    )
)
_FIND = statement(select(T).where(*_MINE, T.c.id == bindparam("id")))
_LIST = statement(
    select(T)
    .where(*_MINE, T.c.channel == bindparam("channel"), T.c.id < bindparam("before_id"))
    .order_by(T.c.id.desc())
    .limit(bindparam("most", type_=T.c.created_at.type))
)
_BEGIN = statement(
    update(T)
    .where(
        *_MINE,
        T.c.id == bindparam("id"),
        T.c.status == DeliveryStatus.PENDING.value,
        T.c.attempts == bindparam("former_attempts"),
    )
    .values(attempts=T.c.attempts + 1)
)
_SETTLE = statement(
    update(T)
    .where(*_MINE, T.c.id == bindparam("id"), T.c.status == DeliveryStatus.PENDING.value)
    .values(
        status=bindparam("new_status"),
        answer_status=bindparam("answer_status"),
        last_error=bindparam("last_error"),
        settled_at=bindparam("settled_at"),
    )
)
_OLD = (
    select(T.c.organization, T.c.project, T.c.id)
    .where(T.c.created_at < bindparam("before"))
    .order_by(T.c.created_at)
    .limit(bindparam("most", type_=T.c.created_at.type))
)
_LIST_OLD = statement(_OLD)
_FORGET = statement(delete(T).where(*_MINE, T.c.id == bindparam("id")))
#: Above every id.
_FIRST_PAGE = "~"


def _key(tenant: Tenant, delivery_id: str) -> dict[str, str]:
    return {"organization": tenant.organization, "project": tenant.project, "id": delivery_id}


def _delivery(row: Row) -> Delivery:
    return Delivery(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        channel=row[3],
        event=row[4],
        payload=row[5],
        status=DeliveryStatus(row[6]),
        attempts=row[7],
        answer_status=row[8],
        last_error=row[9],
        created_at=from_microseconds(row[10]),
        settled_at=None if row[11] is None else from_microseconds(row[11]),
    )


def insert_delivery(
    transaction: Transaction, channel: Channel, delivery_id: str, event: str, payload: bytes
) -> None:
    """Leave an event for a channel, in the transaction in which it happens."""
    transaction.send(
        _INSERT,
        channel=channel.id,
        event=event,
        payload=payload,
        created_at=to_microseconds(transaction.now),
        **_key(channel.tenant, delivery_id),
    )


async def find_delivery(database: Database, tenant: Tenant, delivery_id: str) -> Delivery | None:
    """Return the delivery of this id in a project."""
    row = await database.read_one(_FIND, **_key(tenant, delivery_id))
    return None if row is None else _delivery(row)


async def list_deliveries(
    database: Database, channel: Channel, *, before_id: str | None, most: int
) -> list[Delivery]:
    """Return the latest deliveries of a channel, the newest first."""
    rows = await database.read(
        _LIST,
        organization=channel.tenant.organization,
        project=channel.tenant.project,
        channel=channel.id,
        before_id=before_id or _FIRST_PAGE,
        most=most,
    )
    return [_delivery(row) for row in rows]


async def begin_attempt(transaction: Transaction, delivery: Delivery) -> bool:
    """Count an attempt before it is made; False if it was settled or another makes it."""
    changed = await transaction.execute(
        _BEGIN, former_attempts=delivery.attempts, **_key(delivery.tenant, delivery.id)
    )
    return changed == 1


async def settle_attempt(transaction: Transaction, delivery: Delivery, attempt: Attempt) -> DeliveryStatus:
    """Note what an attempt came to and return the status that follows."""
    status = status_after(attempt, delivery.attempts + 1)
    is_settled = status is not DeliveryStatus.PENDING
    await transaction.execute(
        _SETTLE,
        new_status=status.value,
        answer_status=attempt.answer_status,
        last_error=attempt.error[:MOST_ERROR],
        settled_at=to_microseconds(transaction.now) if is_settled else None,
        **_key(delivery.tenant, delivery.id),
    )
    return status


async def forget_deliveries(transaction: Transaction, before: datetime, *, most: int) -> int:
    """Remove the oldest lines of the log; returns how many."""
    rows = await transaction.fetch_all(_LIST_OLD, before=to_microseconds(before), most=most)
    for organization, project, delivery_id in rows:
        transaction.send(_FORGET, organization=organization, project=project, id=delivery_id)
    return len(rows)
