"""Rows of orders."""

import msgspec
from sqlalchemy import bindparam, func, insert, select, update

from acme.authorizations import Authorization
from acme.challenges import ChallengeFailure
from acme.directories import Directory
from acme.identifiers import Identifier
from acme.orders import CertificateId, Order, OrderId
from acme.storage.scope import SCOPE, Scope, is_owned, scope_of_row
from acme.storage.tables import ORDER_AUTHORIZATIONS, ORDERS
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.kernel.clock import from_microseconds, to_microseconds

_O, _L = ORDERS, ORDER_AUTHORIZATIONS
_COLUMNS = (
    *(_O.c[name] for name in SCOPE),
    _O.c.id,
    _O.c.identifiers,
    _O.c.created_at,
    _O.c.expires_at,
    _O.c.certificate,
    _O.c.request_digest,
    _O.c.failure,
)
_IS_OPEN = (_O.c.certificate.is_(None), _O.c.failure.is_(None))

_INSERT = statement(
    insert(_O).values(
        {name: bindparam(name) for name in ("id", *SCOPE, "identifiers", "created_at", "expires_at")}
    )
)
_INSERT_LINK = statement(
    insert(_L).values(
        {name: bindparam(name) for name in ("order_id", "position", *SCOPE, "authorization_id")}
    )
)
_FIND = statement(select(*_COLUMNS).where(*is_owned(_O), _O.c.id == bindparam("id")))
_LIST = statement(
    select(_O.c.id)
    .where(*is_owned(_O), _O.c.id < bindparam("before"), _O.c.failure.is_(None))
    .order_by(_O.c.id.desc())
    .limit(bindparam("most"))
)
_COUNT_OPEN = statement(
    select(func.count()).select_from(_O).where(*is_owned(_O), *_IS_OPEN, _O.c.expires_at > bindparam("now"))
)
_FINALIZE = statement(
    update(_O)
    .where(*is_owned(_O), _O.c.id == bindparam("id"), *_IS_OPEN, _O.c.expires_at > bindparam("now"))
    .values(
        certificate=bindparam("new_certificate"),
        certificate_digest=bindparam("new_certificate_digest"),
        request_digest=bindparam("digest"),
        finalized_at=bindparam("now"),
    )
)
_FAIL = statement(
    update(_O)
    .where(
        *is_owned(_O),
        *_IS_OPEN,
        _O.c.id.in_(
            select(_L.c.order_id).where(*is_owned(_L), _L.c.authorization_id == bindparam("authorization"))
        ),
    )
    .values(failure=bindparam("why"))
)
_FAIL_ALL = statement(update(_O).where(*is_owned(_O), *_IS_OPEN).values(failure=bindparam("why")))
_FIND_BY_CERTIFICATE = statement(
    select(*_COLUMNS).where(
        _O.c.organization == bindparam("organization"),
        _O.c.project == bindparam("project"),
        _O.c.directory == bindparam("directory"),
        _O.c.certificate_digest == bindparam("certificate_digest"),
    )
)


async def add(transaction: Transaction, order: Order, authorizations: tuple[Authorization, ...]) -> None:
    """Write a new order and which authorizations it needs; those are written already."""
    scope = Scope(order.tenant, order.directory, order.account)
    await transaction.execute(
        _INSERT,
        **scope.parameters(),
        id=order.id,
        identifiers=msgspec.json.encode(order.identifiers),
        created_at=to_microseconds(order.created_at),
        expires_at=to_microseconds(order.expires_at),
    )
    for position, authorization in enumerate(authorizations):
        await transaction.execute(
            _INSERT_LINK,
            **scope.parameters(),
            order_id=order.id,
            position=position,
            authorization_id=authorization.id,
        )


async def find(database: Database, scope: Scope, order: str) -> Order | None:
    """Return an order of this account."""
    row = await database.read_one(_FIND, id=order, **scope.parameters())
    return None if row is None else _order(row)


async def find_by_certificate(database: Database, directory: Directory, digest: bytes) -> Order | None:
    """Return the order of this directory whose certificate has this SHA-256 (of its DER)."""
    row = await database.read_one(
        _FIND_BY_CERTIFICATE,
        organization=directory.tenant.organization,
        project=directory.tenant.project,
        directory=directory.id,
        certificate_digest=digest,
    )
    return None if row is None else _order(row)


async def list_ids(database: Database, scope: Scope, *, before: str, most: int) -> list[str]:
    """Return ids of orders that did not fail, newest first, from the one before `before` on."""
    rows = await database.read(_LIST, before=before, most=most, **scope.parameters())
    return [row[0] for row in rows]


async def count_open(transaction: Transaction, scope: Scope) -> int:
    """Return how many orders of this account wait for something."""
    row = await transaction.fetch_one(_COUNT_OPEN, now=to_microseconds(transaction.now), **scope.parameters())
    assert row is not None, "a count always has a row"
    return int(row[0])


async def finalize(
    transaction: Transaction,
    order: Order,
    *,
    certificate: str,
    certificate_digest: bytes,
    request_digest: bytes,
) -> bool:
    """Give an open order its certificate; return False if it is no longer open: another request won."""
    scope = Scope(order.tenant, order.directory, order.account)
    changed = await transaction.execute(
        _FINALIZE,
        **scope.parameters(),
        id=order.id,
        new_certificate=certificate,
        new_certificate_digest=certificate_digest,
        digest=request_digest,
        now=to_microseconds(transaction.now),
    )
    return changed == 1


async def fail_orders_of(
    transaction: Transaction, scope: Scope, authorization: str, failure: ChallengeFailure
) -> None:
    """Fail every open order that needs this authorization."""
    why = msgspec.json.encode(failure)
    await transaction.execute(_FAIL, authorization=authorization, why=why, **scope.parameters())


async def fail_all(transaction: Transaction, scope: Scope, failure: ChallengeFailure) -> None:
    """Fail every open order of an account."""
    await transaction.execute(_FAIL_ALL, why=msgspec.json.encode(failure), **scope.parameters())


def _order(row: Row) -> Order:
    scope = scope_of_row(row)
    id_, identifiers, created_at, expires_at, certificate, request_digest, failure = row[4:]
    return Order(
        id=OrderId(id_),
        tenant=scope.tenant,
        directory=scope.directory,
        account=scope.account,
        identifiers=msgspec.json.decode(identifiers, type=tuple[Identifier, ...]),
        created_at=from_microseconds(created_at),
        expires_at=from_microseconds(expires_at),
        certificate=None if certificate is None else CertificateId(certificate),
        request_digest=None if request_digest is None else bytes(request_digest),
        failure=None if failure is None else msgspec.json.decode(failure, type=ChallengeFailure),
    )
