"""Reads orders, authorizations and challenges of the calling account."""

from acme.authorizations import Authorization
from acme.callers import scope_of
from acme.challenges import Challenge
from acme.operations import (
    ListOrders,
    OrderPage,
    ReadAuthorization,
    ReadChallenge,
    ReadOrder,
)
from acme.orders import OrderView, view_of
from acme.resources import account_access, authorization_access, order_access
from acme.storage import authorizations, challenges, order_views, orders
from acme.storage.scope import Scope
from ca_service.database.port import Database
from ca_service.gate.handler import Call, Prepared, Reader
from ca_service.kernel.errors import NotFoundError

#: Sorts after every id, so that a list without a cursor begins with the newest.
_NEWEST = "z"


async def view_order(database: Database, call: Call, order: str) -> OrderView:
    """Return an order of the calling account as it stands now. Raises NotFoundError."""
    scope = scope_of(call)
    found = await order_views.find(database, scope, order)
    if found is None:
        raise NotFoundError("order")
    return view_of(*found, call.now)


async def find_authorization(database: Database, scope: Scope, authorization: str) -> Authorization:
    """Return an authorization of the calling account. Raises NotFoundError."""
    found = await authorizations.find(database, scope, authorization)
    if found is None:
        raise NotFoundError("authorization")
    return found


async def find_challenge(database: Database, scope: Scope, challenge: str) -> Challenge:
    """Return a challenge of the calling account. Raises NotFoundError."""
    found = await challenges.find_challenge(database, scope, challenge)
    if found is None:
        raise NotFoundError("challenge")
    return found


class OrderReading(Reader[ReadOrder, OrderView]):
    """Answers one order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: ReadOrder) -> Prepared[OrderView]:
        view = await view_order(self._database, call, operation.order)
        order = view.order
        return Prepared(view, (order_access(operation.action, call.home, order.directory, order.id),))


class OrderListing(Reader[ListOrders, OrderPage]):
    """Answers a page of ids."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: ListOrders) -> Prepared[OrderPage]:
        scope = scope_of(call)
        before = operation.cursor or _NEWEST
        ids = await orders.list_ids(self._database, scope, before=before, most=operation.limit + 1)
        listed = tuple(ids[: operation.limit])
        cursor = listed[-1] if len(ids) > operation.limit else None
        return Prepared(OrderPage(listed, cursor), (account_access(operation.action, scope),))


class AuthorizationReading(Reader[ReadAuthorization, Authorization]):
    """Answers one authorization with its challenges."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: ReadAuthorization) -> Prepared[Authorization]:
        found = await find_authorization(self._database, scope_of(call), operation.authorization)
        access = authorization_access(operation.action, call.home, found.directory, found.id)
        return Prepared(found, (access,))


class ChallengeReading(Reader[ReadChallenge, Challenge]):
    """Answers one challenge."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: ReadChallenge) -> Prepared[Challenge]:
        found = await find_challenge(self._database, scope_of(call), operation.challenge)
        access = authorization_access(operation.action, call.home, found.directory, found.authorization)
        return Prepared(found, (access,))
