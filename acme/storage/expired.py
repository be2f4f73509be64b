"""Rows that ran out: taken away in batches, over all tenants, without regard to whose they are.

What a certificate came of stays: an order that has one, and the authorizations it rests on.
"""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import bindparam, delete, exists, or_, select

from acme.storage.tables import AUTHORIZATIONS, CHALLENGES, ORDER_AUTHORIZATIONS, ORDERS
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import any_of, statement
from ca_service.kernel.clock import to_microseconds

_O, _L, _A, _C = ORDERS, ORDER_AUTHORIZATIONS, AUTHORIZATIONS, CHALLENGES

_LIST_ORDERS = statement(
    select(_O.c.id)
    .where(_O.c.certificate.is_(None), _O.c.expires_at < bindparam("before"))
    .order_by(_O.c.expires_at)
    .limit(bindparam("most"))
)
_DROP_ORDERS = statement(delete(_O).where(any_of(_O.c.id, "orders"), _O.c.certificate.is_(None)))
_DROP_LINKS = statement(delete(_L).where(any_of(_L.c.order_id, "orders")))
_LIST_AUTHORIZATIONS = statement(
    select(_A.c.expires_at, _A.c.id)
    .where(
        _A.c.expires_at >= bindparam("after"),
        or_(_A.c.expires_at > bindparam("after"), _A.c.id > bindparam("after_id")),
        _A.c.expires_at < bindparam("before"),
    )
    .order_by(_A.c.expires_at, _A.c.id)
    .limit(bindparam("most"))
)
_DROP_AUTHORIZATIONS = statement(
    delete(_A)
    .where(any_of(_A.c.id, "authorizations"), ~exists().where(_L.c.authorization_id == _A.c.id))
    .returning(_A.c.id)
)
_DROP_CHALLENGES = statement(delete(_C).where(any_of(_C.c.authorization_id, "authorizations")))


class Position(Struct, frozen=True):
    """How far a walk over expired authorizations has come, in the order in which they ran out."""

    expires_at: int = -1
    id: str = ""


async def drop_orders(database: Database, before: datetime, *, most: int) -> int:
    """Take away orders without a certificate that expired before this time; return how many."""

    async def work(transaction: Transaction) -> int:
        rows = await transaction.fetch_all(_LIST_ORDERS, before=to_microseconds(before), most=most)
        ids = [row[0] for row in rows]
        if ids:
            # Nothing finalizes an expired order, so none of them gets a certificate between the two.
            transaction.send(_DROP_LINKS, orders=ids)
            await transaction.execute(_DROP_ORDERS, orders=ids)
        return len(ids)

    return await database.begin(work)


async def drop_authorizations(
    database: Database, after: Position, before: datetime, *, most: int
) -> Position | None:
    """Take away authorizations that no order needs, of the next `most` that expired before this time.

    Return how far that went; None if there were no more.
    """

    async def work(transaction: Transaction) -> Position | None:
        rows = await transaction.fetch_all(
            _LIST_AUTHORIZATIONS,
            after=after.expires_at,
            after_id=after.id,
            before=to_microseconds(before),
            most=most,
        )
        if not rows:
            return None
        dropped = await transaction.fetch_all(_DROP_AUTHORIZATIONS, authorizations=[row[1] for row in rows])
        if dropped:
            await transaction.execute(_DROP_CHALLENGES, authorizations=[row[0] for row in dropped])
        return Position(*rows[-1])

    return await database.begin(work)
