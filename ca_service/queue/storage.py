"""Tables and statements of the queue.

`run_at` is the one column that says when a row is anybody's: the planned time, or the end of the lease while
somebody works on it, or NULL once the job is dead. So one index answers every claim.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    insert,
    null,
    or_,
    select,
    update,
)

from ca_service.database.metadata import METADATA
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import any_of, conflict_insert, insert_if_absent, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.queue.jobs import DeadJob, Job

JOBS = Table(
    "queue_jobs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("unique_key", Text, unique=True),
    Column("requested", BigInteger, nullable=False),
    Column("run_at", BigInteger),
    Column("lease_owner", Text),
    Column("attempts", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("died_at", BigInteger),
    Column("last_error", Text, nullable=False),
    Index(None, "run_at"),
    Index(None, "died_at"),
)

#: Who alone may do something for a while, such as run the timers.
LEASES = Table(
    "queue_leases",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("held_until", BigInteger, nullable=False),
)

_NEW_JOB = {
    "id": bindparam("id"),
    "kind": bindparam("kind"),
    "payload": bindparam("payload"),
    "requested": 1,
    "run_at": bindparam("run_at"),
    "attempts": 0,
    "created_at": bindparam("now"),
    "last_error": "",
}
_INSERT = statement(insert(JOBS).values(_NEW_JOB))
_INSERT_LEASED = statement(
    insert(JOBS).values(
        {**_NEW_JOB, "lease_owner": bindparam("lease_owner"), "attempts": bindparam("attempts")}
    )
)
_UNIQUE = conflict_insert(JOBS).values({**_NEW_JOB, "unique_key": bindparam("unique_key")})
_earlier = case(
    # A job that somebody works on keeps its lease; it runs again afterwards, because `requested` has moved.
    (JOBS.c.lease_owner.is_not(None), JOBS.c.run_at),
    (_UNIQUE.excluded.run_at < JOBS.c.run_at, _UNIQUE.excluded.run_at),
    else_=JOBS.c.run_at,
)
_INSERT_UNIQUE = statement(
    _UNIQUE.on_conflict_do_update(
        index_elements=["unique_key"],
        set_={
            "payload": _UNIQUE.excluded.payload,
            "requested": JOBS.c.requested + 1,
            "run_at": _earlier,
        },
    )
)
_NEXT = statement(select(JOBS.c.run_at).where(JOBS.c.run_at.is_not(None)).order_by(JOBS.c.run_at).limit(1))
_due = (
    select(JOBS.c.id)
    .where(JOBS.c.run_at <= bindparam("now"))
    .order_by(JOBS.c.run_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
    # As a subquery it might be run, and its rows locked, more than once.
    .cte("due")
)
_CLAIM = statement(
    update(JOBS)
    .where(JOBS.c.id.in_(select(_due.c.id)))
    .values(run_at=bindparam("lease_until"), lease_owner=bindparam("owner"), attempts=JOBS.c.attempts + 1)
    .returning(JOBS.c.id, JOBS.c.kind, JOBS.c.payload, JOBS.c.attempts, JOBS.c.requested)
)
_mine = and_(JOBS.c.id == bindparam("id"), JOBS.c.lease_owner == bindparam("owner"))
_EXTEND = statement(
    update(JOBS)
    .where(any_of(JOBS.c.id, "ids"), JOBS.c.lease_owner == bindparam("owner"))
    .values(run_at=bindparam("lease_until"))
)
_DELETE = statement(delete(JOBS).where(_mine, JOBS.c.requested == bindparam("requested")))
_AGAIN = statement(
    update(JOBS).where(_mine).values(run_at=bindparam("now"), lease_owner=null(), attempts=0, last_error="")
)
_RETRY = statement(
    update(JOBS)
    .where(_mine)
    .values(run_at=bindparam("run_at"), lease_owner=null(), last_error=bindparam("last_error"))
)
_GIVE_BACK = statement(
    update(JOBS)
    .where(any_of(JOBS.c.id, "ids"), JOBS.c.lease_owner == bindparam("owner"))
    .values(run_at=bindparam("now"), lease_owner=null(), attempts=JOBS.c.attempts - 1)
)
_BURY = statement(
    update(JOBS)
    .where(_mine)
    # Without its key it does not stand in the way of the next one.
    .values(
        run_at=null(),
        lease_owner=null(),
        unique_key=null(),
        died_at=bindparam("now"),
        last_error=bindparam("last_error"),
    )
)
_DEAD = statement(
    select(JOBS.c.id, JOBS.c.kind, JOBS.c.attempts, JOBS.c.died_at, JOBS.c.last_error)
    .where(JOBS.c.died_at.is_not(None))
    .order_by(JOBS.c.died_at.desc())
    .limit(bindparam("limit"))
)
_REVIVE = statement(
    update(JOBS)
    .where(JOBS.c.id == bindparam("id"), JOBS.c.died_at.is_not(None))
    .values(run_at=bindparam("now"), died_at=null(), attempts=0)
)
_NEW_LEASE = statement(insert_if_absent(LEASES, "name", "owner", "held_until", conflict=("name",)))
_TAKE_LEASE = statement(
    update(LEASES)
    .where(
        LEASES.c.name == bindparam("name"),
        or_(LEASES.c.held_until <= bindparam("now"), LEASES.c.owner == bindparam("owner")),
    )
    .values(owner=bindparam("owner"), held_until=bindparam("until"))
)
_READ_LEASE = statement(select(LEASES.c.owner, LEASES.c.held_until).where(LEASES.c.name == bindparam("name")))
_END_LEASE = statement(
    update(LEASES)
    .where(LEASES.c.name == bindparam("name"), LEASES.c.owner == bindparam("owner"))
    .values(held_until=0)
)


def insert_job(
    transaction: Transaction, id_: str, kind: str, payload: bytes, run_at: datetime | None, unique: str | None
) -> None:
    """Add a job, or ask again for the one that has the same key; the newest payload counts."""
    now = to_microseconds(transaction.now)
    planned = now if run_at is None else to_microseconds(run_at)
    if unique is None:
        transaction.send(_INSERT, id=id_, kind=kind, payload=payload, run_at=planned, now=now)
    else:
        transaction.send(
            _INSERT_UNIQUE, id=id_, kind=kind, payload=payload, run_at=planned, now=now, unique_key=unique
        )


def insert_leased_job(transaction: Transaction, job: Job, owner: str, lease_until: datetime) -> None:
    """Add a job as if `owner` had claimed it already."""
    transaction.send(
        _INSERT_LEASED,
        id=job.id,
        kind=job.kind,
        payload=job.payload,
        attempts=job.attempts,
        run_at=to_microseconds(lease_until),
        lease_owner=owner,
        now=to_microseconds(transaction.now),
    )


async def read_next_run(database: Database) -> datetime | None:
    """Return when the next job is due, or its lease over."""
    row = await database.read_one(_NEXT)
    return None if row is None else from_microseconds(row[0])


async def claim_jobs(transaction: Transaction, owner: str, lease_until: datetime, limit: int) -> list[Job]:
    """Take the jobs that are due, the longest waiting first; each is nobody else's until `lease_until`."""
    rows = await transaction.fetch_all(
        _CLAIM,
        now=to_microseconds(transaction.now),
        owner=owner,
        lease_until=to_microseconds(lease_until),
        limit=limit,
    )
    return [Job(*row) for row in rows]


async def extend_leases(transaction: Transaction, owner: str, ids: list[str], lease_until: datetime) -> None:
    """Keep jobs that take long."""
    await transaction.execute(_EXTEND, owner=owner, ids=ids, lease_until=to_microseconds(lease_until))


async def finish_job(transaction: Transaction, owner: str, job: Job) -> bool:
    """Remove the job, or let it run again if it was asked for once more while it ran, and return whether."""
    done = await transaction.execute(_DELETE, id=job.id, owner=owner, requested=job.requested)
    if done == 0:
        await transaction.execute(_AGAIN, id=job.id, owner=owner, now=to_microseconds(transaction.now))
    return done == 0


def finish_job_with(transaction: Transaction, owner: str, job: Job) -> None:
    """Do the same as part of another transaction, without asking which of both it was."""
    transaction.send(_DELETE, id=job.id, owner=owner, requested=job.requested)
    # What was removed is not there to run again.
    transaction.send(_AGAIN, id=job.id, owner=owner, now=to_microseconds(transaction.now))


async def retry_job(
    transaction: Transaction, owner: str, job: Job, run_at: datetime, last_error: str
) -> None:
    """Plan the next attempt."""
    await transaction.execute(
        _RETRY, id=job.id, owner=owner, run_at=to_microseconds(run_at), last_error=last_error
    )


async def bury_job(transaction: Transaction, owner: str, job: Job, last_error: str) -> None:
    """Keep the job for people to see, but run it no more."""
    now = to_microseconds(transaction.now)
    await transaction.execute(_BURY, id=job.id, owner=owner, now=now, last_error=last_error)


async def give_back_jobs(transaction: Transaction, owner: str, ids: list[str]) -> None:
    """Let others run jobs that were claimed but not finished because the process stops."""
    await transaction.execute(_GIVE_BACK, owner=owner, ids=ids, now=to_microseconds(transaction.now))


async def read_dead_jobs(database: Database, limit: int) -> list[DeadJob]:
    """Return dead jobs, the latest first."""
    rows = await database.read(_DEAD, limit=limit)
    return [DeadJob(row[0], row[1], row[2], from_microseconds(row[3]), row[4]) for row in rows]


async def revive_job(transaction: Transaction, id_: str) -> bool:
    """Let a dead job start over, and tell whether it was there."""
    return await transaction.execute(_REVIVE, id=id_, now=to_microseconds(transaction.now)) == 1


async def take_lease(transaction: Transaction, name: str, owner: str, until: datetime) -> bool:
    """Take or prolong a lease, and tell whether it is now the owner's."""
    held_until, now = to_microseconds(until), to_microseconds(transaction.now)
    if await transaction.execute(_TAKE_LEASE, name=name, owner=owner, until=held_until, now=now):
        return True
    return await transaction.execute(_NEW_LEASE, name=name, owner=owner, held_until=held_until) == 1


async def read_lease(database: Database, name: str) -> tuple[str, datetime] | None:
    """Return who holds a lease and until when."""
    row = await database.read_one(_READ_LEASE, name=name)
    return None if row is None else (row[0], from_microseconds(row[1]))


async def end_lease(transaction: Transaction, name: str, owner: str) -> None:
    """Let go of a lease before its time."""
    await transaction.execute(_END_LEASE, name=name, owner=owner)
