"""Used nonces: one unique row each, until they would have expired anyway."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import bindparam, delete, insert

from acme.storage.tables import USED_NONCES as T
from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import insert_if_absent, statement
from ca_service.kernel.clock import to_microseconds

_USE = statement(insert(T).values(nonce=bindparam("nonce"), used_at=bindparam("used_at")))
_USE_IF_UNUSED = statement(insert_if_absent(T, "nonce", "used_at", conflict=("nonce",)))
_SWEEP = statement(delete(T).where(T.c.used_at < bindparam("before")))


async def use(database: Database, nonce: bytes) -> bool:
    """Use a nonce up and return once that is durable; return False if it was used before.

    The nonces of concurrent requests share one commit.
    """
    try:
        await database.append(_USE, nonce=nonce, used_at=to_microseconds(database.now()))
    except UniqueViolationError:
        return False
    return True


def use_in(transaction: Transaction, nonce: bytes, otherwise: Callable[[], Exception]) -> None:
    """Use a nonce up with a transaction, which ends with `otherwise()` if it was used before."""
    transaction.require(_USE_IF_UNUSED, otherwise, nonce=nonce, used_at=to_microseconds(transaction.now))


async def sweep(database: Database, before: datetime) -> int:
    """Forget nonces that were used before this time; return how many."""

    async def work(transaction: Transaction) -> int:
        return await transaction.execute(_SWEEP, before=to_microseconds(before))

    return await database.begin(work)
