"""Used nonces: one unique row each, until they would have expired anyway."""

from datetime import datetime

from sqlalchemy import bindparam, delete

from acme.storage.tables import USED_NONCES as T
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import insert_if_absent, statement
from ca_service.kernel.clock import to_microseconds

_USE = statement(insert_if_absent(T, "nonce", "used_at", conflict=("nonce",)))
_SWEEP = statement(delete(T).where(T.c.used_at < bindparam("before")))


async def use(database: Database, nonce: bytes) -> bool:
    """Use a nonce up and return once that is durable; return False if it was used before."""

    async def work(transaction: Transaction) -> bool:
        return await transaction.execute(_USE, nonce=nonce, used_at=to_microseconds(transaction.now)) == 1

    return await database.begin(work)


async def sweep(database: Database, before: datetime) -> int:
    """Forget nonces that were used before this time; return how many."""

    async def work(transaction: Transaction) -> int:
        return await transaction.execute(_SWEEP, before=to_microseconds(before))

    return await database.begin(work)
