"""Rows of authorizations and their challenges."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import and_, bindparam, insert, select, update

from acme.authorizations import Authorization, AuthorizationId
from acme.challenges import Challenge, ChallengeFailure, ChallengeId, ChallengeType
from acme.identifiers import Identifier
from acme.storage.scope import SCOPE, Scope, is_in_project, is_owned, is_owned_alike, scope_of_row
from acme.storage.tables import AUTHORIZATIONS, CHALLENGES, ORDER_AUTHORIZATIONS
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import Tenant

_A, _C, _L = AUTHORIZATIONS, CHALLENGES, ORDER_AUTHORIZATIONS
_AUTHORIZATION_COLUMNS = (
    *(_A.c[name] for name in SCOPE),
    _A.c.id,
    _A.c.identifier_type,
    _A.c.identifier_value,
    _A.c.is_wildcard,
    _A.c.created_at,
    _A.c.expires_at,
    _A.c.deactivated_at,
)
_CHALLENGE_COLUMNS = (
    *(_C.c[name] for name in SCOPE),
    _C.c.id,
    _C.c.authorization_id,
    _A.c.identifier_type,
    _A.c.identifier_value,
    _C.c.type,
    _C.c.token,
    _C.c.responded_at,
    _C.c.key_authorization,
    _C.c.attempts,
    _C.c.validated_at,
    _C.c.failure,
)
_WITH_AUTHORIZATION = _C.join(_A, and_(_C.c.authorization_id == _A.c.id, *is_owned_alike(_C, _A)))

_INSERT_AUTHORIZATION = statement(
    insert(_A).values(
        {column.name: bindparam(column.name) for column in _A.c if column.name != "deactivated_at"}
    )
)
_INSERT_CHALLENGE = statement(
    insert(_C).values(
        {name: bindparam(name) for name in ("id", *SCOPE, "authorization_id", "type", "token", "attempts")}
    )
)
_FIND_AUTHORIZATION = statement(
    select(*_AUTHORIZATION_COLUMNS).where(*is_owned(_A), _A.c.id == bindparam("id"))
)
_AUTHORIZATIONS_OF_ORDER = statement(
    select(*_AUTHORIZATION_COLUMNS)
    .select_from(_L.join(_A, and_(_L.c.authorization_id == _A.c.id, *is_owned_alike(_L, _A))))
    .where(*is_owned(_L), _L.c.order_id == bindparam("order"))
    .order_by(_L.c.position)
)
_CHALLENGES_OF_ORDER = statement(
    select(*_CHALLENGE_COLUMNS)
    .select_from(
        _WITH_AUTHORIZATION.join(_L, and_(_L.c.authorization_id == _A.c.id, *is_owned_alike(_L, _A)))
    )
    .where(*is_owned(_L), _L.c.order_id == bindparam("order"))
    .order_by(_C.c.id)
)
_CHALLENGES_OF_AUTHORIZATION = statement(
    select(*_CHALLENGE_COLUMNS)
    .select_from(_WITH_AUTHORIZATION)
    .where(*is_owned(_C), _C.c.authorization_id == bindparam("authorization"))
    .order_by(_C.c.id)
)
_FIND_CHALLENGE = statement(
    select(*_CHALLENGE_COLUMNS)
    .select_from(_WITH_AUTHORIZATION)
    .where(*is_owned(_C), _C.c.id == bindparam("id"))
)
_FIND_CHALLENGE_IN_PROJECT = statement(
    select(*_CHALLENGE_COLUMNS)
    .select_from(_WITH_AUTHORIZATION)
    .where(*is_in_project(_C), _C.c.id == bindparam("id"))
)
_OPEN = (_C.c.validated_at.is_(None), _C.c.failure.is_(None))
_RESPOND = statement(
    update(_C)
    .where(*is_owned(_C), _C.c.id == bindparam("id"), _C.c.responded_at.is_(None), *_OPEN)
    .values(responded_at=bindparam("now"), key_authorization=bindparam("answer"))
)
_COUNT_ATTEMPT = statement(
    update(_C)
    .where(*is_owned(_C), _C.c.id == bindparam("id"), _C.c.responded_at.is_not(None), *_OPEN)
    .values(attempts=_C.c.attempts + 1)
)
_VALIDATE = statement(
    update(_C)
    .where(*is_owned(_C), _C.c.id == bindparam("id"), _C.c.responded_at.is_not(None), *_OPEN)
    .values(validated_at=bindparam("now"))
)
_FAIL = statement(
    update(_C)
    .where(*is_owned(_C), _C.c.id == bindparam("id"), _C.c.responded_at.is_not(None), *_OPEN)
    .values(failure=bindparam("why"))
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


async def add_authorization(transaction: Transaction, authorization: Authorization) -> None:
    """Write a new authorization and its challenges."""
    scope = Scope(authorization.tenant, authorization.directory, authorization.account)
    await transaction.execute(
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
        await transaction.execute(
            _INSERT_CHALLENGE,
            **scope.parameters(),
            id=challenge.id,
            authorization_id=authorization.id,
            type=challenge.type.value,
            token=challenge.token,
            attempts=0,
        )


async def find_authorization(database: Database, scope: Scope, authorization: str) -> Authorization | None:
    """Return an authorization of this account with its challenges."""
    row = await database.read_one(_FIND_AUTHORIZATION, id=authorization, **scope.parameters())
    if row is None:
        return None
    rows = await database.read(
        _CHALLENGES_OF_AUTHORIZATION, authorization=authorization, **scope.parameters()
    )
    return _authorization(row, map(_challenge, rows))


async def authorizations_of_order(database: Database, scope: Scope, order: str) -> tuple[Authorization, ...]:
    """Return what an order of this account needs, in the order's order."""
    rows = await database.read(_AUTHORIZATIONS_OF_ORDER, order=order, **scope.parameters())
    challenges = await database.read(_CHALLENGES_OF_ORDER, order=order, **scope.parameters())
    return _grouped(rows, challenges)


async def find_challenge(database: Database, scope: Scope, challenge: str) -> Challenge | None:
    """Return a challenge of this account."""
    row = await database.read_one(_FIND_CHALLENGE, id=challenge, **scope.parameters())
    return None if row is None else _challenge(row)


async def find_challenge_in_project(database: Database, tenant: Tenant, challenge: str) -> Challenge | None:
    """Return a challenge of any account of this project: for the job that validates it."""
    row = await database.read_one(
        _FIND_CHALLENGE_IN_PROJECT, id=challenge, organization=tenant.organization, project=tenant.project
    )
    return None if row is None else _challenge(row)


async def respond(transaction: Transaction, challenge: Challenge, answer: str) -> bool:
    """Mark a pending challenge as answered by the client; return False if it was not pending."""
    parameters = _scope_of(challenge).parameters()
    now = to_microseconds(transaction.now)
    return await transaction.execute(_RESPOND, id=challenge.id, now=now, answer=answer, **parameters) == 1


async def count_attempt(transaction: Transaction, challenge: Challenge) -> bool:
    """Count one more attempt at a processing challenge; return False if it is not processing."""
    parameters = _scope_of(challenge).parameters()
    return await transaction.execute(_COUNT_ATTEMPT, id=challenge.id, **parameters) == 1


async def validate(transaction: Transaction, challenge: Challenge) -> bool:
    """Mark a processing challenge as met; return False if it is not processing."""
    parameters = _scope_of(challenge).parameters()
    now = to_microseconds(transaction.now)
    return await transaction.execute(_VALIDATE, id=challenge.id, now=now, **parameters) == 1


async def fail(transaction: Transaction, challenge: Challenge, failure: ChallengeFailure) -> bool:
    """Mark a processing challenge as failed; return False if it is not processing."""
    parameters = _scope_of(challenge).parameters()
    why = msgspec.json.encode(failure)
    return await transaction.execute(_FAIL, id=challenge.id, why=why, **parameters) == 1


async def deactivate(transaction: Transaction, authorization: Authorization) -> bool:
    """Deactivate an authorization; return False if it was deactivated before."""
    scope = Scope(authorization.tenant, authorization.directory, authorization.account)
    now = to_microseconds(transaction.now)
    return await transaction.execute(_DEACTIVATE, id=authorization.id, now=now, **scope.parameters()) == 1


async def deactivate_all(transaction: Transaction, scope: Scope) -> None:
    """Deactivate every authorization of an account that has not run out."""
    now = to_microseconds(transaction.now)
    await transaction.execute(_DEACTIVATE_ALL, now=now, **scope.parameters())


def _scope_of(challenge: Challenge) -> Scope:
    return Scope(challenge.tenant, challenge.directory, challenge.account)


def _grouped(rows: list[Row], challenge_rows: list[Row]) -> tuple[Authorization, ...]:
    challenges = [_challenge(row) for row in challenge_rows]
    return tuple(
        _authorization(row, [challenge for challenge in challenges if challenge.authorization == row[4]])
        for row in rows
    )


def _authorization(row: Row, challenges: Iterable[Challenge]) -> Authorization:
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
        deactivated_at=_moment(deactivated_at),
        challenges=tuple(challenges),
    )


def _challenge(row: Row) -> Challenge:
    scope = scope_of_row(row)
    id_, authorization, type_, value, kind, token, responded_at, answer, attempts, validated_at, failure = (
        row[4:]
    )
    return Challenge(
        id=ChallengeId(id_),
        tenant=scope.tenant,
        directory=scope.directory,
        account=scope.account,
        authorization=authorization,
        identifier=Identifier(type_, value),
        type=ChallengeType(kind),
        token=token,
        responded_at=_moment(responded_at),
        key_authorization=answer,
        attempts=attempts,
        validated_at=_moment(validated_at),
        failure=None if failure is None else msgspec.json.decode(failure, type=ChallengeFailure),
    )


def _moment(value: int | None) -> datetime | None:
    return None if value is None else from_microseconds(value)
