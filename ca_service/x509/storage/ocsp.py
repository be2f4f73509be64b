"""What the inventory says of numbers that somebody asks about: one read of an index, nothing written (S8)."""

from collections.abc import Iterable

from sqlalchemy import bindparam, select

from ca_service.database.port import Database
from ca_service.database.statement import any_of, statement
from ca_service.kernel.clock import from_microseconds
from ca_service.x509.authorities import Authority
from ca_service.x509.ocsp_answers import RecordedStatus
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.storage.certificates import MINE
from ca_service.x509.storage.revoked_entries import find_revoked_numbers
from ca_service.x509.storage.tables import CERTIFICATES as T

_FIND_STATUSES = statement(
    select(T.c.serial_number, T.c.revoked_at, T.c.revocation_reason).where(
        *MINE, any_of(T.c.serial_number, "serial_numbers"), T.c.authority == bindparam("authority")
    )
)


async def find_statuses(
    database: Database, authority: Authority, serial_numbers: Iterable[str]
) -> dict[str, RecordedStatus]:
    """Return the statuses of those numbers that this authority issued: the facts that its CRL tells."""
    wanted = list(serial_numbers)
    rows = await database.read(
        _FIND_STATUSES,
        organization=authority.tenant.organization,
        project=authority.tenant.project,
        authority=authority.id,
        serial_numbers=wanted,
    )
    statuses = {
        serial: RecordedStatus(
            None if at is None else from_microseconds(at),
            None if reason is None else RevocationReason(reason),
        )
        for serial, at, reason in rows
    }
    unknown = [serial for serial in wanted if serial not in statuses]
    if unknown:
        # Those that were lost and then revoked by their numbers (S6).
        revoked = await find_revoked_numbers(database, authority, unknown)
        statuses |= {serial: RecordedStatus(at, reason) for serial, (at, reason) in revoked.items()}
    return statuses
