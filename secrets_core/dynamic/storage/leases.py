"""Statements of leases that callers have to do with; those of jobs are in `due_leases`."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from sqlalchemy import bindparam, func, insert, or_, select, update

from ca_service.database.port import Database, Transaction, Value
from ca_service.database.statement import Statement, any_of, statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.tenancy import Tenant
from secrets_core.dynamic.leases import OVERDUE_AFTER, Lease, LeaseStatus
from secrets_core.dynamic.storage.durations import to_micros
from secrets_core.dynamic.storage.lease_rows import lease_of, lease_values
from secrets_core.dynamic.storage.tables import DYNAMIC_SECRETS, LEASES

_T = LEASES.c
_S = DYNAMIC_SECRETS.c
_MINE = (_T.organization == bindparam("organization"), _T.project == bindparam("project"))
_IS_LIVE = _T.due_at.is_not(None)
_FIND = statement(select(LEASES).where(*_MINE, _T.id == bindparam("id")))
_INSERT = statement(insert(LEASES).values({column.name: bindparam(column.name) for column in LEASES.columns}))
#: Never written again: whose it is, and how its account is ended.
_FIXED = ("organization", "project", "id", "dynamic_secret", "config_version", "holder", "username", "target",
          "recipe")  # fmt: skip
_CHANGED: dict[str, Any] = {
    each.name: bindparam(f"new_{each.name}") for each in _T if each.name not in _FIXED
}
_OF = (
    *_MINE,
    _T.id == bindparam("of_id"),
    _T.status == bindparam("of_status"),
    _T.expires_at == bindparam("of_expires_at"),
)
#: Whoever holds the claim, or anybody while nobody does; and nobody once status or end are others.
_TAKE = statement(
    update(LEASES)
    .where(
        *_OF,
        or_(
            _T.claim == bindparam("of_claim"),
            _T.claimed_until <= bindparam("now", type_=_T.claimed_until.type),
        ),
    )
    .values(_CHANGED)
)
_COUNT = statement(
    select(func.count()).select_from(
        select(_T.id)
        .where(
            *_MINE,
            _T.dynamic_secret == bindparam("dynamic_secret"),
            _T.holder == bindparam("holder"),
            _IS_LIVE,
        )
        .limit(bindparam("most"))
        .subquery()
    )
)
_HAS_LIVE = statement(
    select(_T.id).where(*_MINE, _T.dynamic_secret == bindparam("dynamic_secret"), _IS_LIVE).limit(1)
)
_BRING_FORWARD = statement(
    update(LEASES)
    .where(*_MINE, _T.dynamic_secret == bindparam("of_secret"), _IS_LIVE)
    .values(due_at=bindparam("new_due_at"))
)
_OF_NAMES = statement(
    select(LEASES).where(
        *_MINE, _T.dynamic_secret == bindparam("dynamic_secret"), any_of(_T.username, "names")
    )
)
_ACTIVE = statement(
    select(LEASES)
    .where(
        *_MINE,
        _T.dynamic_secret == bindparam("dynamic_secret"),
        _T.target == bindparam("target"),
        _T.status == LeaseStatus.ACTIVE.value,
        _T.id > bindparam("after"),
    )
    .order_by(_T.id)
    .limit(bindparam("limit"))
)
_BEHIND = (*_MINE, _T.id < bindparam("before"))
_LATE = bindparam("late_since", type_=_T.expires_at.type)
_CONDITIONS = {
    "dynamic_secret": or_(
        _T.dynamic_secret == bindparam("dynamic_secret"),
        _T.dynamic_secret.in_(
            select(_S.id).where(
                _S.organization == bindparam("organization"),
                _S.project == bindparam("project"),
                _S.name == bindparam("dynamic_secret"),
            )
        ),
    ),
    "status": _T.status == bindparam("status"),
    "late_since": (_IS_LIVE & or_(_T.expires_at <= _LATE, _T.ending_at <= _LATE)),
}
_LISTS: dict[tuple[str, ...], Statement] = {
    names: statement(
        select(LEASES)
        .where(*_BEHIND, *(_CONDITIONS[name] for name in names))
        .order_by(_T.id.desc())
        .limit(bindparam("limit"))
    )
    for names in (
        (),
        ("dynamic_secret",),
        ("status",),
        ("late_since",),
        ("dynamic_secret", "status"),
        ("dynamic_secret", "late_since"),
        ("status", "late_since"),
        ("dynamic_secret", "status", "late_since"),
    )
}
_AFTER_ALL = "lse_~"


class LeaseFilter(Struct, frozen=True, kw_only=True):
    """Which leases are listed. `dynamic_secret` is an id or a name; `late_since` in microseconds."""

    dynamic_secret: str | None = None
    status: str | None = None
    late_since: int | None = None


async def find_lease(database: Database, mac: RowMac, tenant: Tenant, lease_id: str) -> Lease | None:
    """Return the lease of this id in a project."""
    row = await database.read_one(_FIND, id=lease_id, **_owner(tenant))
    return None if row is None else lease_of(row, mac)


async def list_leases(
    database: Database, mac: RowMac, tenant: Tenant, only: LeaseFilter, limit: int, after: str | None
) -> list[Lease]:
    """Return at most `limit` leases, newest first, from the one behind `after` on."""
    asked = {name: getattr(only, name) for name in _CONDITIONS if getattr(only, name) is not None}
    rows = await database.scan(
        _LISTS[tuple(asked)], before=after or _AFTER_ALL, limit=limit, **asked, **_owner(tenant)
    )
    return [lease_of(row, mac) for row in rows]


async def list_active_leases(
    database: Database, mac: RowMac, tenant: Tenant, secret_id: str, target: str, limit: int, after: str
) -> list[Lease]:
    """Return active leases of a target in the order of their ids, those behind `after`."""
    rows = await database.scan(
        _ACTIVE, dynamic_secret=secret_id, target=target, limit=limit, after=after, **_owner(tenant)
    )
    return [lease_of(row, mac) for row in rows]


async def find_leases_of_accounts(
    database: Database, mac: RowMac, tenant: Tenant, secret_id: str, names: list[str]
) -> list[Lease]:
    """Return the leases of a dynamic secret that these accounts were made for."""
    rows = await database.scan(_OF_NAMES, dynamic_secret=secret_id, names=names, **_owner(tenant))
    return [lease_of(row, mac) for row in rows]


async def count_live(transaction: Transaction, tenant: Tenant, secret_id: str, holder: str, most: int) -> int:
    """Return how many live leases of a dynamic secret a caller holds, counting no further than `most`."""
    row = await transaction.fetch_one(
        _COUNT, dynamic_secret=secret_id, holder=holder, most=most, **_owner(tenant)
    )
    return 0 if row is None else int(row[0])


async def has_live_leases(transaction: Transaction, tenant: Tenant, secret_id: str) -> bool:
    """Tell whether any lease of a dynamic secret has not ended."""
    row = await transaction.fetch_one(_HAS_LIVE, dynamic_secret=secret_id, **_owner(tenant))
    return row is not None


async def bring_forward(transaction: Transaction, tenant: Tenant, secret_id: str) -> None:
    """Let the jobs end every live lease of a dynamic secret from now on."""
    await transaction.execute(
        _BRING_FORWARD, of_secret=secret_id, new_due_at=to_microseconds(transaction.now), **_owner(tenant)
    )


async def insert_lease(transaction: Transaction, mac: RowMac, lease: Lease) -> None:
    """Keep a lease before its account is made."""
    await transaction.execute(_INSERT, **lease_values(lease, mac))


async def change_lease(
    transaction: Transaction, mac: RowMac, before: Lease, after: Lease, *, claim: str
) -> bool:
    """Write a lease anew if it still has its status and end and nobody else than `claim` works on it."""
    now = to_microseconds(transaction.now)
    return await transaction.execute(_TAKE, now=now, **_change(mac, before, after, claim)) == 1


def require_change(
    transaction: Transaction,
    mac: RowMac,
    before: Lease,
    after: Lease,
    otherwise: Callable[[], Exception],
    *,
    claim: str,
) -> None:
    """Do the same; `otherwise()` ends the transaction where that is not so."""
    now = to_microseconds(transaction.now)
    transaction.require(_TAKE, otherwise, now=now, **_change(mac, before, after, claim))


def late_since(now: int) -> int:
    """Return since when an end that was not reached is overdue."""
    return now - to_micros(OVERDUE_AFTER)


def _change(mac: RowMac, before: Lease, after: Lease, claim: str) -> dict[str, Value]:
    values = {f"new_{name}": value for name, value in lease_values(after, mac).items() if name not in _FIXED}
    return {
        **values,
        "of_id": before.id,
        "of_status": before.status.value,
        "of_expires_at": to_microseconds(before.expires_at),
        "of_claim": claim,
        **_owner(before.tenant),
    }


def _owner(tenant: Tenant) -> dict[str, Value]:
    return {"organization": tenant.organization, "project": tenant.project}
