"""Orders read together with what they need: one read for a poll, one for a new order."""

import msgspec
from msgspec import Struct
from sqlalchemy import and_, bindparam, case, exists, or_, select

from acme.authorizations import Authorization
from acme.identifiers import Identifier
from acme.orders import Order
from acme.storage.authorizations import AUTHORIZATION_COLUMNS, WITH_CHALLENGES, grouped
from acme.storage.challenges import CHALLENGE_COLUMNS
from acme.storage.orders import IS_OPEN, ORDER_COLUMNS, order_of_row
from acme.storage.scope import SCOPE, Scope, is_in_project, is_owned, is_owned_alike
from acme.storage.tables import ACCOUNTS, AUTHORIZATIONS, CHALLENGES, ORDER_AUTHORIZATIONS, ORDERS
from ca_service.database.port import Database, Row
from ca_service.database.statement import any_of, statement
from ca_service.kernel.clock import to_microseconds

_A, _C, _L, _O = AUTHORIZATIONS, CHALLENGES, ORDER_AUTHORIZATIONS, ORDERS
_BEFORE_ORDER = len(AUTHORIZATION_COLUMNS) + len(CHALLENGE_COLUMNS)
_BEHIND_ORDER = _BEFORE_ORDER + len(ORDER_COLUMNS)
_ORDER_ID = _BEFORE_ORDER + len(SCOPE)

# Identifiers stand in the rows of the first authorization only: a hundred names in each row would be much.
_ORDER = (
    select(
        *AUTHORIZATION_COLUMNS,
        *CHALLENGE_COLUMNS,
        *ORDER_COLUMNS,
        case((_L.c.position == 0, _O.c.identifiers)).label("identifiers"),
    )
    .select_from(
        WITH_CHALLENGES.join(_L, and_(_L.c.authorization_id == _A.c.id, *is_owned_alike(_L, _A))).join(
            _O, and_(_O.c.id == _L.c.order_id, *is_owned_alike(_O, _L))
        )
    )
    .where(*is_owned(_O), _O.c.id == bindparam("id"))
    .order_by(_L.c.position)
)
_FIND = statement(_ORDER)
# The accounts of the whole project: a key that owns one anywhere in it is no certificate's.
_FIND_WITH_KEY = statement(
    _ORDER.add_columns(
        case((exists().where(*is_in_project(ACCOUNTS), ACCOUNTS.c.thumbprint == bindparam("thumbprint")), 1))
    )
)
# The account's open orders for exactly these identifiers, each with all that it needs; and what the account
# proved of the identifiers. A row of the one kind has an order, a row of the other a proof.
_REUSABLE = statement(
    select(*AUTHORIZATION_COLUMNS, *CHALLENGE_COLUMNS, *ORDER_COLUMNS)
    .select_from(
        WITH_CHALLENGES.outerjoin(
            # Bound to the account by itself too: SQLite reads this side of the join first, as a whole.
            _L.join(
                _O,
                and_(
                    _O.c.id == _L.c.order_id,
                    *is_owned_alike(_O, _L),
                    *is_owned(_O),
                    *IS_OPEN,
                    _O.c.expires_at > bindparam("now"),
                    _O.c.identifiers == bindparam("identifiers"),
                ),
            ),
            and_(_L.c.authorization_id == _A.c.id, *is_owned_alike(_L, _A)),
        )
    )
    .where(
        *is_owned(_A),
        any_of(_A.c.identifier_value, "values"),
        _A.c.expires_at > bindparam("now"),
        _A.c.deactivated_at.is_(None),
        or_(_C.c.validated_at.is_not(None), _O.c.id.is_not(None)),
    )
    .order_by(_A.c.id)
)


class Reusable(Struct, frozen=True):
    """Open orders with what they need, the newest last, and authorizations that have been proved, alike."""

    orders: tuple[tuple[Order, tuple[Authorization, ...]], ...]
    proved: tuple[Authorization, ...]


async def find(
    database: Database, scope: Scope, order: str
) -> tuple[Order, tuple[Authorization, ...]] | None:
    """Return an order of this account and what it needs, in the order of its identifiers."""
    rows = await database.read(_FIND, id=order, **scope.parameters())
    if not rows:
        return None
    return order_of_row(rows[0][_BEFORE_ORDER:_BEHIND_ORDER], rows[0][_BEHIND_ORDER]), grouped(rows)


async def find_with_key(
    database: Database, scope: Scope, order: str, thumbprint: str
) -> tuple[Order, tuple[Authorization, ...], bool] | None:
    """Return the same, and whether a key owns an account of any directory of this project."""
    rows = await database.read(_FIND_WITH_KEY, id=order, thumbprint=thumbprint, **scope.parameters())
    if not rows:
        return None
    found = order_of_row(rows[0][_BEFORE_ORDER:_BEHIND_ORDER], rows[0][_BEHIND_ORDER])
    return found, grouped(rows), rows[0][-1] is not None


async def list_reusable(database: Database, scope: Scope, identifiers: tuple[Identifier, ...]) -> Reusable:
    """Return what of this account a new order for these identifiers may come to.

    What the orders need stands in no particular order.
    """
    encoded = msgspec.json.encode(identifiers)
    rows = await database.read(
        _REUSABLE,
        identifiers=encoded,
        values=sorted({identifier.base.value for identifier in identifiers}),
        now=to_microseconds(database.now()),
        **scope.parameters(),
    )
    by_order: dict[str, list[Row]] = {}
    for row in rows:
        if row[_ORDER_ID] is not None:
            by_order.setdefault(row[_ORDER_ID], []).append(row)
    found = [
        (order_of_row(own[0][_BEFORE_ORDER:_BEHIND_ORDER], encoded), grouped(own))
        for _, own in sorted(by_order.items())
    ]
    return Reusable(tuple(found), tuple(each for each in grouped(rows) if each.proof is not None))
