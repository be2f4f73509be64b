"""Rows of challenges as they are answered, looked at and decided.

A challenge is decided only while its authorization waits for a proof, so that a failed authorization never
becomes valid, nor the reverse: each decision first takes the row of the authorization for itself.
"""

from collections.abc import Callable

import msgspec
from sqlalchemy import and_, bindparam, case, exists, select, update

from acme.challenges import Challenge, ChallengeFailure, Validation
from acme.storage.challenges import CHALLENGE_COLUMNS, challenge_of_row
from acme.storage.scope import SCOPE, Scope, is_in_project, is_owned, is_owned_alike
from acme.storage.tables import AUTHORIZATIONS, CHALLENGES
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.tenancy import Tenant

_A, _C = AUTHORIZATIONS, CHALLENGES
_OTHER = CHALLENGES.alias("other")
_OF_SAME = (
    _OTHER.c.authorization_id == _C.c.authorization_id,
    *(_OTHER.c[name] == _C.c[name] for name in SCOPE),
)
_IS_MET = exists().where(*_OF_SAME, _OTHER.c.validated_at.is_not(None)).correlate(_C)
_HAS_FAILED = exists().where(*_OF_SAME, _OTHER.c.failure.is_not(None)).correlate(_C)
_WITH_AUTHORIZATION = _C.join(_A, and_(_C.c.authorization_id == _A.c.id, *is_owned_alike(_C, _A)))
_VALIDATION = select(
    *CHALLENGE_COLUMNS,
    _A.c.is_wildcard,
    case(
        (_A.c.deactivated_at.is_not(None), "deactivated"),
        (_A.c.expires_at <= bindparam("now"), "expired"),
        (_IS_MET, "valid"),
        (_HAS_FAILED, "invalid"),
    ),
).select_from(_WITH_AUTHORIZATION)

_FIND = statement(_VALIDATION.where(*is_owned(_C), _C.c.id == bindparam("id")))
_FIND_IN_PROJECT = statement(_VALIDATION.where(*is_in_project(_C), _C.c.id == bindparam("id")))
_HOLD_AUTHORIZATION = statement(
    update(_A).where(*is_owned(_A), _A.c.id == bindparam("authorization")).values(expires_at=_A.c.expires_at)
)
_MINE = (*is_owned(_C), _C.c.id == bindparam("id"))
_IS_PROCESSING = (_C.c.responded_at.is_not(None), _C.c.validated_at.is_(None), _C.c.failure.is_(None))
_IS_AWAITED = (
    exists()
    .where(
        _A.c.id == _C.c.authorization_id,
        *is_owned_alike(_A, _C),
        _A.c.deactivated_at.is_(None),
        _A.c.expires_at > bindparam("now"),
    )
    .correlate(_C),
    ~_IS_MET,
    ~_HAS_FAILED,
)
_RESPOND = statement(
    update(_C)
    .where(*_MINE, _C.c.responded_at.is_(None), *_IS_AWAITED)
    .values(responded_at=bindparam("now"), key_authorization=bindparam("answer"))
)
_VALIDATE = statement(
    update(_C)
    .where(*_MINE, *_IS_PROCESSING, *_IS_AWAITED)
    .values(validated_at=bindparam("now"), attempts=_C.c.attempts + 1)
)
_FAIL = statement(
    update(_C)
    .where(*_MINE, *_IS_PROCESSING, *_IS_AWAITED)
    .values(failure=bindparam("why"), attempts=_C.c.attempts + 1)
)
_POSTPONE = statement(
    update(_C)
    # Who looked at the same time as another does not count twice.
    .where(*_MINE, *_IS_PROCESSING, _C.c.attempts == bindparam("attempts_before"))
    .values(trouble=bindparam("why"), attempts=_C.c.attempts + 1)
)


async def find(database: Database, scope: Scope, challenge: str) -> Validation | None:
    """Return a challenge of this account and what its authorization says of it."""
    row = await database.read_one(_FIND, id=challenge, now=_now(database), **scope.parameters())
    return None if row is None else _validation(row)


async def find_in_project(database: Database, tenant: Tenant, challenge: str) -> Validation | None:
    """Return a challenge of any account of this project: for the job that validates it."""
    row = await database.read_one(
        _FIND_IN_PROJECT,
        id=challenge,
        now=_now(database),
        organization=tenant.organization,
        project=tenant.project,
    )
    return None if row is None else _validation(row)


def respond(
    transaction: Transaction, challenge: Challenge, answer: str, otherwise: Callable[[], Exception]
) -> None:
    """Mark a pending challenge as answered by the client; `otherwise()` if it no longer waits for that."""
    now = to_microseconds(transaction.now)
    transaction.require(_RESPOND, otherwise, now=now, answer=answer, **_key(challenge))


def validate(transaction: Transaction, challenge: Challenge, otherwise: Callable[[], Exception]) -> None:
    """Mark a processing challenge as met; `otherwise()` if its authorization waits no longer."""
    now = to_microseconds(transaction.now)
    _hold(transaction, challenge)
    transaction.require(_VALIDATE, otherwise, now=now, **_key(challenge))


def fail(
    transaction: Transaction,
    challenge: Challenge,
    failure: ChallengeFailure,
    otherwise: Callable[[], Exception],
) -> None:
    """Mark a processing challenge as failed; `otherwise()` if its authorization waits no longer."""
    now = to_microseconds(transaction.now)
    why = msgspec.json.encode(failure)
    _hold(transaction, challenge)
    transaction.require(_FAIL, otherwise, now=now, why=why, **_key(challenge))


def postpone(transaction: Transaction, challenge: Challenge, trouble: ChallengeFailure) -> None:
    """Note why a challenge is looked at again, if it is processing still."""
    why = msgspec.json.encode(trouble)
    transaction.send(_POSTPONE, why=why, attempts_before=challenge.attempts, **_key(challenge))


def _hold(transaction: Transaction, challenge: Challenge) -> None:
    scope = Scope(challenge.tenant, challenge.directory, challenge.account)
    transaction.send(_HOLD_AUTHORIZATION, authorization=challenge.authorization, **scope.parameters())


def _key(challenge: Challenge) -> dict[str, str]:
    return {
        "organization": challenge.tenant.organization,
        "project": challenge.tenant.project,
        "directory": challenge.directory,
        "account": challenge.account,
        "id": challenge.id,
    }


def _now(database: Database) -> int:
    return to_microseconds(database.now())


def _validation(row: Row) -> Validation:
    is_wildcard, obstacle = row[-2:]
    return Validation(challenge_of_row(row[:-2]), bool(is_wildcard), obstacle)
