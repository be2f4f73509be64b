"""Filling the hashes of certificates that a release before them wrote, so many at a time."""

from hashlib import sha256

from sqlalchemy import bindparam, select, update

from ca_service.database.port import Database, Transaction
from ca_service.database.statement import statement
from ca_service.x509.storage.certificates import key_hash_of
from ca_service.x509.storage.tables import CERTIFICATES as T

_LIST_UNFILLED = statement(
    select(T.c.organization, T.c.project, T.c.id, T.c.certificate)
    .where(T.c.fingerprint.is_(None))
    .order_by(T.c.id)
    .limit(bindparam("most", type_=T.c.created_at.type))
)
_FILL = statement(
    update(T)
    .where(
        T.c.organization == bindparam("organization"),
        T.c.project == bindparam("project"),
        T.c.id == bindparam("id"),
    )
    .values(fingerprint=bindparam("new_fingerprint"), key_hash=bindparam("new_key_hash"))
)


async def are_hashes_complete(database: Database) -> bool:
    """Tell whether every certificate is found by its hashes."""
    return not await database.read(_LIST_UNFILLED, most=1)


async def fill_hashes(database: Database, *, most: int) -> int:
    """Fill the hashes of at most so many certificates and return how many that were."""
    rows = await database.read(_LIST_UNFILLED, most=most)
    if not rows:
        return 0
    found = [(row, sha256(row[3]).digest(), key_hash_of(row[3])) for row in rows]

    async def work(transaction: Transaction) -> None:
        for row, fingerprint, key_hash in found:
            transaction.send(
                _FILL,
                organization=row[0],
                project=row[1],
                id=row[2],
                new_fingerprint=fingerprint,
                new_key_hash=key_hash,
            )

    await database.begin(work)
    return len(found)
