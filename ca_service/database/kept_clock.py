"""What the database keeps of time: the highest that was given out, and when it was last accepted (S23)."""

from datetime import datetime

from sqlalchemy import bindparam, update

from ca_service.database.engine_clock import EngineClock
from ca_service.database.metadata import CLOCK
from ca_service.database.port import Transaction
from ca_service.database.statement import insert_if_absent, statement
from ca_service.kernel.clock import to_microseconds

_ACCEPT = statement(
    update(CLOCK)
    .where(CLOCK.c.id == 1)
    .values(at=bindparam("reading"), accepted_at=bindparam("new_accepted_at"))
)
_START = statement(insert_if_absent(CLOCK, "id", "at", conflict=("id",)))


async def keep_acceptance(transaction: Transaction, clock: EngineClock) -> datetime:
    """Have every process believe the clocks as they are now, from this commit on; return what they say."""
    reading = clock.reading()
    moment = to_microseconds(reading)
    await transaction.execute(_START, id=1, at=moment)
    await transaction.execute(_ACCEPT, reading=moment, new_accepted_at=moment)
    transaction.on_commit(lambda: clock.accept(moment))
    return reading
