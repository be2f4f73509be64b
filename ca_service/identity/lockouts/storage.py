"""The table of failed logins: one row for each identity and source, and never many for one identity.

A row holds nobody's right: whoever removes one only lets a source guess again.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)

from ca_service.database.metadata import METADATA
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import insert_if_absent, statement
from ca_service.identity.identities import MachineIdentity
from ca_service.identity.lockouts.lockouts import LONGEST_WINDOW, Lockout, LockoutRule
from ca_service.kernel.clock import from_microseconds, to_microseconds

#: Sources kept of one identity; beyond them the one that has been quiet for longest is forgotten.
MOST_SOURCES = 256

LOCKOUTS = Table(
    "identity_lockouts",
    METADATA,
    Column("organization", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("last_failed_at", BigInteger, nullable=False),
    Column("locked_until", BigInteger),
    PrimaryKeyConstraint("organization", "identity", "source"),
    Index("ix_identity_lockouts_last_failed_at", "last_failed_at"),
)
_L = LOCKOUTS.c
_OF_IDENTITY = (_L.organization == bindparam("organization"), _L.identity == bindparam("identity"))
_HERE = (*_OF_IDENTITY, _L.source == bindparam("source"))
_SHOWN = (_L.identity, _L.source, _L.failures, _L.last_failed_at, _L.locked_until)

_FIND = statement(select(*_SHOWN).where(*_HERE))
_LIST = statement(
    select(*_SHOWN)
    .where(*_OF_IDENTITY, _L.source > bindparam("after"))
    .order_by(_L.source)
    .limit(bindparam("limit"))
)
# Counts from 1 again where the last failure is long ago or its lock is over.
_COUNT = statement(
    update(LOCKOUTS)
    .where(*_HERE)
    .values(
        failures=case(
            (
                or_(_L.last_failed_at < bindparam("window_start"), _L.locked_until <= bindparam("failed_at")),
                1,
            ),
            else_=_L.failures + 1,
        ),
        locked_until=case((_L.locked_until > bindparam("failed_at"), _L.locked_until), else_=None),
        last_failed_at=bindparam("failed_at"),
    )
    .returning(_L.failures)
)
_INSERT = statement(
    insert_if_absent(
        LOCKOUTS,
        *[column.name for column in LOCKOUTS.columns],
        conflict=("organization", "identity", "source"),
    )
)
_LOCK = statement(update(LOCKOUTS).where(*_HERE).values(locked_until=bindparam("new_locked_until")))
_COUNT_SOURCES = statement(select(func.count(_L.source)).where(*_OF_IDENTITY))
_FIND_QUIETEST = statement(select(_L.source).where(*_OF_IDENTITY).order_by(_L.last_failed_at).limit(1))
_CLEAR = statement(delete(LOCKOUTS).where(*_HERE))
_CLEAR_ALL = statement(delete(LOCKOUTS).where(*_OF_IDENTITY))
_FORGET = statement(
    delete(LOCKOUTS).where(
        _L.last_failed_at < bindparam("before"),
        or_(_L.locked_until.is_(None), _L.locked_until < bindparam("now")),
    )
)


async def find_lockout(database: Database, identity: MachineIdentity, source: str) -> Lockout | None:
    """Return the failures of this identity from this source, if there were any lately."""
    row = await database.read_one(
        _FIND, organization=identity.organization, identity=identity.id, source=source
    )
    return None if row is None else _read(row)


async def list_lockouts(
    database: Database, identity: MachineIdentity, after: str, limit: int
) -> list[Lockout]:
    """Return them in the order of their sources, those behind `after`."""
    rows = await database.read(
        _LIST, organization=identity.organization, identity=identity.id, after=after, limit=limit
    )
    return [_read(row) for row in rows]


async def count_failure(
    transaction: Transaction, identity: MachineIdentity, source: str, rule: LockoutRule
) -> None:
    """Count one failure, and lock the source out if it is one too many."""
    here = {"organization": identity.organization, "identity": identity.id, "source": source}
    now = transaction.now
    counting: dict[str, str | int] = {
        **here,
        "failed_at": to_microseconds(now),
        "window_start": to_microseconds(now - rule.window),
    }
    row = await transaction.fetch_one(_COUNT, **counting)
    if row is None:
        await _make_room(transaction, identity)
        is_new = await transaction.execute(
            _INSERT,
            **here,
            project=identity.project or "",
            failures=1,
            last_failed_at=to_microseconds(now),
            locked_until=None,
        )
        row = (1,) if is_new else await transaction.fetch_one(_COUNT, **counting)
    if row is not None and row[0] >= rule.threshold:
        await transaction.execute(_LOCK, **here, new_locked_until=to_microseconds(now + rule.duration))


def forget_failures(transaction: Transaction, organization: str, identity: str, source: str) -> None:
    """Start from nothing: this identity logged in from there."""
    transaction.send(_CLEAR, organization=organization, identity=identity, source=source)


async def clear_lockouts(transaction: Transaction, identity: MachineIdentity, source: str | None) -> int:
    """Forget the failures from this source, or from all; return how many sources that were."""
    here = {"organization": identity.organization, "identity": identity.id}
    if source is None:
        return await transaction.execute(_CLEAR_ALL, **here)
    return await transaction.execute(_CLEAR, **here, source=source)


async def forget_ended(transaction: Transaction) -> None:
    """Remove what is too old to count, whatever the rule."""
    now = transaction.now
    await transaction.execute(_FORGET, before=to_microseconds(now - LONGEST_WINDOW), now=to_microseconds(now))


async def _make_room(transaction: Transaction, identity: MachineIdentity) -> None:
    here = {"organization": identity.organization, "identity": identity.id}
    count = await transaction.fetch_one(_COUNT_SOURCES, **here)
    if count is not None and count[0] >= MOST_SOURCES:
        quietest = await transaction.fetch_one(_FIND_QUIETEST, **here)
        if quietest is not None:
            await transaction.execute(_CLEAR, **here, source=quietest[0])


def _read(row: Row) -> Lockout:
    return Lockout(
        identity=row[0],
        source=row[1],
        failures=row[2],
        last_failed_at=from_microseconds(row[3]),
        locked_until=None if row[4] is None else from_microseconds(row[4]),
    )
