"""Rows of targets that did not answer lately: the circuit breaker."""

from sqlalchemy import bindparam, delete, select, update

from ca_service.database.port import Database, Transaction, Value
from ca_service.database.statement import conflict_insert, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import Tenant
from secrets_core.dynamic.storage.tables import TARGETS
from secrets_core.dynamic.targets import Breaker

_T = TARGETS.c
_OF = (
    _T.organization == bindparam("organization"),
    _T.project == bindparam("project"),
    _T.target == bindparam("target"),
)
_FIND = statement(select(TARGETS).where(*_OF))
_NEW = conflict_insert(TARGETS).values({column.name: bindparam(column.name) for column in TARGETS.columns})
_PUT = statement(
    _NEW.on_conflict_do_update(
        index_elements=["organization", "project", "target"],
        set_={name: _NEW.excluded[name] for name in ("failures", "down_since", "open_until", "last_error")},
    )
)
_CLOSE = statement(delete(TARGETS).where(*_OF))
_PROBE = statement(
    update(TARGETS)
    .where(*_OF, _T.open_until <= bindparam("now", type_=_T.open_until.type))
    .values(open_until=bindparam("new_open_until"))
)


async def find_breaker(database: Database, tenant: Tenant, target: str) -> Breaker | None:
    """Return what is known of a target that did not answer; None for one that did."""
    row = await database.read_one(_FIND, **_named(tenant, target))
    if row is None:
        return None
    return Breaker(row[3], from_microseconds(row[4]), from_microseconds(row[5]), row[6])


def open_breaker(transaction: Transaction, tenant: Tenant, target: str, breaker: Breaker) -> None:
    """Keep jobs away from a target for a while."""
    transaction.send(
        _PUT,
        failures=breaker.failures,
        down_since=to_microseconds(breaker.down_since),
        open_until=to_microseconds(breaker.open_until),
        last_error=breaker.last_error,
        **_named(tenant, target),
    )


def close_breaker(transaction: Transaction, tenant: Tenant, target: str) -> None:
    """Let jobs to a target that answered."""
    transaction.send(_CLOSE, **_named(tenant, target))


async def take_probe(transaction: Transaction, tenant: Tenant, target: str, probing_until: int) -> bool:
    """Become the one who finds out whether a target answers again; False if another is."""
    now = to_microseconds(transaction.now)
    changed = await transaction.execute(
        _PROBE, now=now, new_open_until=probing_until, **_named(tenant, target)
    )
    return changed == 1


def _named(tenant: Tenant, target: str) -> dict[str, Value]:
    return {"organization": tenant.organization, "project": tenant.project, "target": target}
