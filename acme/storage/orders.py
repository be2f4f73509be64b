"""Rows of orders."""

from collections.abc import Callable
from datetime import datetime

import msgspec
from sqlalchemy import BigInteger, bindparam, func, insert, literal_column, select, update

from acme.authorizations import Authorization
from acme.challenges import ChallengeFailure
from acme.directories import DirectoryId
from acme.identifiers import Identifier
from acme.orders import CertificateId, Order, OrderId
from acme.storage.scope import SCOPE, Scope, is_in_project, is_owned, scope_of_row
from acme.storage.tables import ACCOUNTS, AUTHORIZATIONS, ORDER_AUTHORIZATIONS, ORDERS
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import any_of, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import Tenant

_O, _L, _A, _ACC = ORDERS, ORDER_AUTHORIZATIONS, AUTHORIZATIONS, ACCOUNTS
#: What `order_of_row` reads, in its order. Identifiers may be long and are selected apart.
ORDER_COLUMNS = (
    *(_O.c[name] for name in SCOPE),
    _O.c.id,
    _O.c.created_at,
    _O.c.expires_at,
    _O.c.certificate,
    _O.c.request_digest,
    _O.c.failure,
    _O.c.profile,
    _O.c.not_before,
    _O.c.not_after,
)
IS_OPEN = (_O.c.certificate.is_(None), _O.c.failure.is_(None))

_INSERT = statement(
    insert(_O).values(
        {
            name: bindparam(name)
            for name in (
                "id",
                *SCOPE,
                "identifiers",
                "created_at",
                "expires_at",
                "profile",
                "not_before",
                "not_after",
            )
        }
    )
)
_INSERT_LINK = statement(
    insert(_L).values(
        {name: bindparam(name) for name in ("order_id", "position", *SCOPE, "authorization_id")}
    )
)
_LIST = statement(
    select(_O.c.id)
    .where(*is_owned(_O), _O.c.id < bindparam("before"), _O.c.failure.is_(None))
    .order_by(_O.c.id.desc())
    .limit(bindparam("most"))
)
# What a new order depends on: who asks, what it rests on, and how much is open.
_ACCOUNT_IS_VALID = statement(
    select(_ACC.c.id).where(
        _ACC.c.organization == bindparam("organization"),
        _ACC.c.project == bindparam("project"),
        _ACC.c.directory == bindparam("directory"),
        _ACC.c.id == bindparam("account"),
        _ACC.c.deactivated_at.is_(None),
    )
)
_HOLDS_ALL = statement(
    select(literal_column("1")).where(
        select(func.count())
        .select_from(_A)
        .where(
            # By id alone inside the tenant: SQLite would look through all of the account's.
            *is_in_project(_A),
            any_of(_A.c.id, "authorizations"),
            _A.c.expires_at > bindparam("now"),
            _A.c.deactivated_at.is_(None),
        )
        .scalar_subquery()
        == bindparam("needed", type_=BigInteger)
    )
)
_HAS_ROOM = statement(
    select(literal_column("1")).where(
        select(func.count())
        .select_from(_O)
        .where(*is_owned(_O), *IS_OPEN, _O.c.expires_at > bindparam("now"))
        .scalar_subquery()
        < bindparam("most", type_=BigInteger)
    )
)
_FINALIZE = statement(
    update(_O)
    .where(*is_owned(_O), _O.c.id == bindparam("id"), *IS_OPEN, _O.c.expires_at > bindparam("now"))
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
        *IS_OPEN,
        _O.c.id.in_(
            select(_L.c.order_id).where(*is_owned(_L), _L.c.authorization_id == bindparam("authorization"))
        ),
    )
    .values(failure=bindparam("why"))
)
_FAIL_ALL = statement(update(_O).where(*is_owned(_O), *IS_OPEN).values(failure=bindparam("why")))
_FIND_BY_CERTIFICATE = statement(
    select(_O.c.identifiers, *ORDER_COLUMNS).where(
        _O.c.organization == bindparam("organization"),
        _O.c.project == bindparam("project"),
        _O.c.directory == bindparam("directory"),
        _O.c.certificate_digest == bindparam("certificate_digest"),
    )
)


def add(transaction: Transaction, order: Order, authorizations: tuple[Authorization, ...]) -> None:
    """Write a new order and which authorizations it needs; the statements travel with the next one."""
    scope = Scope(order.tenant, order.directory, order.account)
    transaction.send(
        _INSERT,
        **scope.parameters(),
        id=order.id,
        identifiers=msgspec.json.encode(order.identifiers),
        created_at=to_microseconds(order.created_at),
        expires_at=to_microseconds(order.expires_at),
        profile=order.profile,
        not_before=_microseconds(order.not_before),
        not_after=_microseconds(order.not_after),
    )
    for position, authorization in enumerate(authorizations):
        transaction.send(
            _INSERT_LINK,
            **scope.parameters(),
            order_id=order.id,
            position=position,
            authorization_id=authorization.id,
        )


async def find_by_certificate(
    database: Database, tenant: Tenant, directory: DirectoryId, digest: bytes
) -> Order | None:
    """Return the order of this directory whose certificate has this SHA-256 (of its DER)."""
    row = await database.read_one(
        _FIND_BY_CERTIFICATE,
        organization=tenant.organization,
        project=tenant.project,
        directory=directory,
        certificate_digest=digest,
    )
    return None if row is None else order_of_row(row[1:], row[0])


async def list_ids(database: Database, scope: Scope, *, before: str, most: int) -> list[str]:
    """Return ids of orders that did not fail, newest first, from the one before `before` on."""
    rows = await database.read(_LIST, before=before, most=most, **scope.parameters())
    return [row[0] for row in rows]


def require_valid_account(transaction: Transaction, scope: Scope, otherwise: Callable[[], Exception]) -> None:
    """Let the transaction end with `otherwise()` unless the account is valid."""
    transaction.require(_ACCOUNT_IS_VALID, otherwise, **scope.parameters())


def require_held(
    transaction: Transaction, tenant: Tenant, authorizations: list[str], otherwise: Callable[[], Exception]
) -> None:
    """Let the transaction end with `otherwise()` if one of these authorizations ended or was given up."""
    transaction.require(
        _HOLDS_ALL,
        otherwise,
        organization=tenant.organization,
        project=tenant.project,
        authorizations=authorizations,
        needed=len(authorizations),
        now=to_microseconds(transaction.now),
    )


def require_room(
    transaction: Transaction, scope: Scope, most: int, otherwise: Callable[[], Exception]
) -> None:
    """Let the transaction end with `otherwise()` if `most` orders of the account are open already."""
    transaction.require(
        _HAS_ROOM, otherwise, most=most, now=to_microseconds(transaction.now), **scope.parameters()
    )


def finalize(
    transaction: Transaction,
    order: Order,
    otherwise: Callable[[], Exception],
    *,
    certificate: str,
    certificate_digest: bytes,
    request_digest: bytes,
) -> None:
    """Give an open order its certificate; `otherwise()` if it is no longer open: another request won."""
    scope = Scope(order.tenant, order.directory, order.account)
    transaction.require(
        _FINALIZE,
        otherwise,
        **scope.parameters(),
        id=order.id,
        new_certificate=certificate,
        new_certificate_digest=certificate_digest,
        digest=request_digest,
        now=to_microseconds(transaction.now),
    )


def fail_orders_of(
    transaction: Transaction, scope: Scope, authorization: str, failure: ChallengeFailure
) -> None:
    """Fail every open order that needs this authorization; the statement travels with the next one."""
    why = msgspec.json.encode(failure)
    transaction.send(_FAIL, authorization=authorization, why=why, **scope.parameters())


async def fail_all(transaction: Transaction, scope: Scope, failure: ChallengeFailure) -> None:
    """Fail every open order of an account."""
    await transaction.execute(_FAIL_ALL, why=msgspec.json.encode(failure), **scope.parameters())


def order_of_row(row: Row, identifiers: bytes) -> Order:
    """Return the order of a row of `ORDER_COLUMNS` and its identifiers."""
    scope = scope_of_row(row)
    id_, created_at, expires_at, certificate, request_digest, failure, *asked = row[4:]
    profile, not_before, not_after = asked
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
        profile=profile,
        not_before=_moment(not_before),
        not_after=_moment(not_after),
    )


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else to_microseconds(moment)


def _moment(value: int | None) -> datetime | None:
    return None if value is None else from_microseconds(value)
