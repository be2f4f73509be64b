"""Statements of the jobs that end leases, over all tenants: what is due, and who works on it."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import bindparam, func, select, update

from ca_service.database.port import Database, Transaction
from ca_service.database.statement import any_of, statement
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from secrets_core.dynamic.leases import LONGEST_CLAIM
from secrets_core.dynamic.storage.leases import late_since
from secrets_core.dynamic.storage.tables import LEASES, TARGETS

_T = LEASES.c
_R = TARGETS.c
_NOW = bindparam("now", type_=_T.due_at.type)
_UNTIL = bindparam("claimed_until", type_=_T.claimed_until.type)
_IS_DOWN = (
    select(_R.target)
    .where(
        _R.organization == _T.organization,
        _R.project == _T.project,
        _R.target == _T.target,
        _R.open_until > _NOW,
    )
    .exists()
)
#: A claim beyond the longest that we give is none of ours.
_IS_FREE = (_T.claimed_until <= _NOW) | (_T.claimed_until > bindparam("longest_claim"))
_DUE = (_T.due_at <= _NOW, _IS_FREE, ~_IS_DOWN)
_HAS_DUE = statement(select(_T.id).where(*_DUE).limit(1))
_due = (
    select(_T.organization, _T.project, _T.id)
    .where(*_DUE)
    .order_by(_T.due_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
    # As a subquery it might be run, and its rows locked, more than once.
    .cte("due")
)
_CLAIM = statement(
    update(LEASES)
    .where(
        select(_due.c.id)
        .where(_due.c.organization == _T.organization, _due.c.project == _T.project, _due.c.id == _T.id)
        .exists()
    )
    .values(claim=bindparam("claim"), claimed_until=_UNTIL)
    .returning(_T.organization, _T.project, _T.id, _T.target)
)
_RELEASE = statement(
    update(LEASES)
    .where(any_of(_T.id, "ids"), _T.claim == bindparam("of_claim"))
    .values(claim="", claimed_until=0)
)
_LATE = bindparam("late_since", type_=_T.expires_at.type)
_COUNT_LATE = statement(
    select(_T.project, func.count(), func.min(_T.expires_at), func.max(_T.last_error))
    .where(_T.due_at.is_not(None), (_T.expires_at <= _LATE) | (_T.ending_at <= _LATE))
    .group_by(_T.project)
    .order_by(_T.project)
    .limit(100)
)


class DueLease(Struct, frozen=True):
    """A lease whose end is due, and where its account lies."""

    tenant: Tenant
    id: str
    target: str


async def has_due_leases(database: Database) -> bool:
    """Tell whether there is anything to claim."""
    now = database.now()
    longest = to_microseconds(now + LONGEST_CLAIM)
    row = await database.read_one(_HAS_DUE, now=to_microseconds(now), longest_claim=longest)
    return row is not None


async def claim_due_leases(
    transaction: Transaction, claim: str, until: datetime, limit: int
) -> list[DueLease]:
    """Claim what is due longest, but nothing at a target that is known to be down."""
    rows = await transaction.fetch_all(
        _CLAIM,
        now=to_microseconds(transaction.now),
        longest_claim=to_microseconds(transaction.now + LONGEST_CLAIM),
        claim=claim,
        claimed_until=to_microseconds(until),
        limit=limit,
    )
    return [DueLease(Tenant(OrganizationId(row[0]), ProjectId(row[1])), row[2], row[3]) for row in rows]


async def release_leases(transaction: Transaction, claim: str, ids: list[str]) -> None:
    """Give back what was claimed and not worked on."""
    await transaction.execute(_RELEASE, ids=ids, of_claim=claim)


async def count_late_leases(database: Database) -> Mapping[str, tuple[int, int, str]]:
    """Return for each project the overdue leases: how many, when the first should have ended, one reason."""
    rows = await database.scan(_COUNT_LATE, late_since=late_since(to_microseconds(database.now())))
    return {row[0]: (int(row[1]), int(row[2]), row[3]) for row in rows}
