"""Rows of authorizations, read together with their challenges."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import and_, bindparam, func, insert, select, update

from acme.authorizations import Authorization, AuthorizationId
from acme.challenges import Challenge, ChallengeType
from acme.identifiers import Identifier
from acme.storage import challenges
from acme.storage.challenges import CHALLENGE_COLUMNS, challenge_of_row
from acme.storage.scope import SCOPE, Scope, is_owned, is_owned_alike, scope_of_row
from acme.storage.tables import AUTHORIZATIONS, CHALLENGES, ORDER_AUTHORIZATIONS
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import any_of, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds

_A, _C, _L = AUTHORIZATIONS, CHALLENGES, ORDER_AUTHORIZATIONS
#: Of the authorizations of one name only the newest few are of interest.
_MOST = 5
#: Ids of one moment have no order, so challenges are shown in that of their types.
_RANK = {type_: rank for rank, type_ in enumerate(ChallengeType)}
AUTHORIZATION_COLUMNS = (
    *(_A.c[name] for name in SCOPE),
    _A.c.id,
    _A.c.identifier_type,
    _A.c.identifier_value,
    _A.c.is_wildcard,
    _A.c.created_at,
    _A.c.expires_at,
    _A.c.deactivated_at,
)

_INSERT_AUTHORIZATION = statement(
    insert(_A).values(
        {column.name: bindparam(column.name) for column in _A.c if column.name != "deactivated_at"}
    )
)
# An authorization and its challenges are one read: a row for each challenge.
WITH_CHALLENGES = _A.join(_C, and_(_C.c.authorization_id == _A.c.id, *is_owned_alike(_C, _A)))
_FIND_AUTHORIZATION = statement(
    select(*AUTHORIZATION_COLUMNS, *CHALLENGE_COLUMNS)
    .select_from(WITH_CHALLENGES)
    .where(*is_owned(_A), _A.c.id == bindparam("id"))
)
_PROVED_SINCE = statement(
    select(*AUTHORIZATION_COLUMNS, *CHALLENGE_COLUMNS)
    .select_from(WITH_CHALLENGES)
    .where(
        *is_owned(_A),
        any_of(_A.c.identifier_value, "values"),
        _A.c.created_at > bindparam("created_after"),
        _A.c.expires_at > bindparam("now"),
        _A.c.deactivated_at.is_(None),
        _C.c.validated_at.is_not(None),
    )
    .order_by(_A.c.id)
)
_OPEN_OF_IDENTIFIER = statement(
    select(*AUTHORIZATION_COLUMNS, *CHALLENGE_COLUMNS)
    .select_from(WITH_CHALLENGES)
    .where(
        *is_owned(_A),
        _A.c.id.in_(
            select(_A.c.id)
            .where(
                *is_owned(_A),
                _A.c.identifier_type == bindparam("identifier_type"),
                _A.c.identifier_value == bindparam("identifier_value"),
                _A.c.is_wildcard == 0,
                _A.c.expires_at > bindparam("now"),
                _A.c.deactivated_at.is_(None),
            )
            .order_by(_A.c.id.desc())
            .limit(_MOST)
            .correlate(None)
        ),
    )
    .order_by(_A.c.id.desc())
)
_COUNT_UNORDERED = statement(
    select(func.count())
    .select_from(_A.outerjoin(_L, and_(_L.c.authorization_id == _A.c.id, *is_owned_alike(_L, _A))))
    .where(*is_owned(_A), _A.c.expires_at > bindparam("now"), _L.c.order_id.is_(None))
)
_DEACTIVATE = statement(
    update(_A)
    .where(*is_owned(_A), _A.c.id == bindparam("id"), _A.c.deactivated_at.is_(None))
    .values(deactivated_at=bindparam("now"))
)
_DEACTIVATE_ALL = statement(
    update(_A)
    .where(*is_owned(_A), _A.c.deactivated_at.is_(None), _A.c.expires_at > bindparam("now"))
    .values(deactivated_at=bindparam("now"))
)


def add(transaction: Transaction, authorization: Authorization) -> None:
    """Write a new authorization and its challenges; the statements travel with the next one."""
    scope = Scope(authorization.tenant, authorization.directory, authorization.account)
    transaction.send(
        _INSERT_AUTHORIZATION,
        **scope.parameters(),
        id=authorization.id,
        identifier_type=authorization.identifier.type,
        identifier_value=authorization.identifier.value,
        is_wildcard=int(authorization.is_wildcard),
        created_at=to_microseconds(authorization.created_at),
        expires_at=to_microseconds(authorization.expires_at),
    )
    for challenge in authorization.challenges:
        challenges.add(transaction, challenge)


async def find(database: Database, scope: Scope, authorization: str) -> Authorization | None:
    """Return an authorization of this account with its challenges."""
    found = grouped(await database.read(_FIND_AUTHORIZATION, id=authorization, **scope.parameters()))
    return found[0] if found else None


async def proved_since(
    database: Database, scope: Scope, identifiers: Iterable[Identifier], *, created_after: datetime
) -> tuple[Authorization, ...]:
    """Return what an account proved of names and holds still, oldest first, each with its proof alone.

    The names may stand in identifiers of any type.
    """
    rows = await database.read(
        _PROVED_SINCE,
        values=sorted({identifier.base.value for identifier in identifiers}),
        created_after=to_microseconds(created_after),
        now=to_microseconds(database.now()),
        **scope.parameters(),
    )
    return grouped(rows)


async def open_of_identifier(
    database: Database, scope: Scope, identifier: Identifier
) -> tuple[Authorization, ...]:
    """Return the newest authorizations of an identifier that have neither run out nor been given up."""
    rows = await database.read(
        _OPEN_OF_IDENTIFIER,
        identifier_type=identifier.type,
        identifier_value=identifier.value,
        now=to_microseconds(database.now()),
        **scope.parameters(),
    )
    return grouped(rows)


async def count_unordered(transaction: Transaction, scope: Scope) -> int:
    """Return how many authorizations of this account that have not run out belong to no order."""
    now = to_microseconds(transaction.now)
    row = await transaction.fetch_one(_COUNT_UNORDERED, now=now, **scope.parameters())
    assert row is not None, "a count always has a row"
    return int(row[0])


async def deactivate(transaction: Transaction, authorization: Authorization) -> bool:
    """Deactivate an authorization; return False if it was deactivated before."""
    scope = Scope(authorization.tenant, authorization.directory, authorization.account)
    now = to_microseconds(transaction.now)
    return await transaction.execute(_DEACTIVATE, id=authorization.id, now=now, **scope.parameters()) == 1


async def deactivate_all(transaction: Transaction, scope: Scope) -> None:
    """Deactivate every authorization of an account that has not run out."""
    now = to_microseconds(transaction.now)
    await transaction.execute(_DEACTIVATE_ALL, now=now, **scope.parameters())


def grouped(rows: Iterable[Row]) -> tuple[Authorization, ...]:
    """Return authorizations in the order of the rows, which name each once for every challenge.

    A row begins with `AUTHORIZATION_COLUMNS` and `CHALLENGE_COLUMNS`.
    """
    start, end = len(AUTHORIZATION_COLUMNS), len(AUTHORIZATION_COLUMNS) + len(CHALLENGE_COLUMNS)
    found: dict[str, tuple[Row, dict[str, Challenge]]] = {}
    for row in rows:
        _, of_one = found.setdefault(row[4], (row[:start], {}))
        challenge = challenge_of_row(row[start:end])
        of_one[challenge.id] = challenge
    return tuple(_authorization(row, of_one.values()) for row, of_one in found.values())


def _authorization(row: Row, found: Iterable[Challenge]) -> Authorization:
    scope = scope_of_row(row)
    id_, type_, value, is_wildcard, created_at, expires_at, deactivated_at = row[4:]
    return Authorization(
        id=AuthorizationId(id_),
        tenant=scope.tenant,
        directory=scope.directory,
        account=scope.account,
        identifier=Identifier(type_, value),
        is_wildcard=bool(is_wildcard),
        created_at=from_microseconds(created_at),
        expires_at=from_microseconds(expires_at),
        deactivated_at=None if deactivated_at is None else from_microseconds(deactivated_at),
        challenges=tuple(sorted(found, key=lambda challenge: _RANK[challenge.type])),
    )
