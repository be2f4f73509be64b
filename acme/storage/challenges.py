"""Rows of challenges."""

from datetime import datetime

import msgspec
from sqlalchemy import and_, bindparam, insert, select

from acme.challenges import Challenge, ChallengeFailure, ChallengeId, ChallengeType
from acme.identifiers import Identifier
from acme.storage.scope import SCOPE, Scope, is_owned, is_owned_alike, scope_of_row
from acme.storage.tables import AUTHORIZATIONS, CHALLENGES
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.kernel.clock import from_microseconds

_A, _C = AUTHORIZATIONS, CHALLENGES
#: What `challenge_of_row` reads, in its order; the identifier stands with the authorization.
CHALLENGE_COLUMNS = (
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
    _C.c.trouble,
)
_WITH_AUTHORIZATION = _C.join(_A, and_(_C.c.authorization_id == _A.c.id, *is_owned_alike(_C, _A)))

_INSERT_CHALLENGE = statement(
    insert(_C).values(
        {name: bindparam(name) for name in ("id", *SCOPE, "authorization_id", "type", "token", "attempts")}
    )
)
_FIND_CHALLENGE = statement(
    select(*CHALLENGE_COLUMNS)
    .select_from(_WITH_AUTHORIZATION)
    .where(*is_owned(_C), _C.c.id == bindparam("id"))
)


def add(transaction: Transaction, challenge: Challenge) -> None:
    """Write a new challenge; the statement travels with the next one."""
    transaction.send(
        _INSERT_CHALLENGE,
        **_scope_of(challenge).parameters(),
        id=challenge.id,
        authorization_id=challenge.authorization,
        type=challenge.type.value,
        token=challenge.token,
        attempts=0,
    )


async def find_challenge(database: Database, scope: Scope, challenge: str) -> Challenge | None:
    """Return a challenge of this account."""
    row = await database.read_one(_FIND_CHALLENGE, id=challenge, **scope.parameters())
    return None if row is None else challenge_of_row(row)


def _scope_of(challenge: Challenge) -> Scope:
    return Scope(challenge.tenant, challenge.directory, challenge.account)


def challenge_of_row(row: Row) -> Challenge:
    """Return the challenge of a row of `CHALLENGE_COLUMNS`."""
    scope = scope_of_row(row)
    id_, authorization, type_, value, kind, token, responded_at, answer, attempts, *outcome = row[4:]
    validated_at, failure, trouble = outcome
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
        failure=_failure(failure),
        trouble=_failure(trouble),
    )


def _failure(value: bytes | None) -> ChallengeFailure | None:
    return None if value is None else msgspec.json.decode(value, type=ChallengeFailure)


def _moment(value: int | None) -> datetime | None:
    return None if value is None else from_microseconds(value)
