"""Backups of the whole database, and the way back (S6). The root key is never in one."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from msgspec import Struct

from ca_service.config import Config
from ca_service.database.backup_file import BackupReader, Header, header_of, write_backup
from ca_service.database.errors import BackupError
from ca_service.database.exclusive import exclusively
from ca_service.database.filling import OWN_TABLES, fill
from ca_service.database.migration import current_revision, head_revision
from ca_service.database.open import open_database
from ca_service.database.port import Transaction
from ca_service.database.snapshot import snapshot
from ca_service.kernel.clock import Clock, SystemClock, from_microseconds, to_microseconds
from ca_service.serve.preparation import migrate_only
from ca_service.x509.storage.revocation_lists import raise_numbers
from migrations.tables import load_all_tables
from ssh_ca.storage.authorities import raise_epoch

#: Epochs are counted in minutes from here, so that no two restores begin the same numbers.
_FIRST_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
#: CRLs are numbered by the second; how far a flood of publications may have run ahead of the clock.
_NUMBERS_AHEAD = 24 * 60 * 60
#: How far this machine's clock may be behind the backup's.
_CLOCK_SLACK = timedelta(seconds=60)


class Backup(Struct, frozen=True):
    """What a file holds."""

    created_at: datetime
    revision: str
    rows: int


def back_up(config: Config, file: Path, *, clock: Clock | None = None) -> Backup:
    """Write everything the database holds at this moment to a new file; a service may go on beside it.

    The file appears whole or not at all. Raises BackupError; FileExistsError if there is such a file.
    """
    head = head_revision()
    if head is None or current_revision(config.database_url) != head:
        raise BackupError("the database is not at this release's schema: run keywright migrate first")
    tables = [table for table in load_all_tables().sorted_tables if table.name not in OWN_TABLES]
    created_at = to_microseconds((clock or SystemClock()).now())
    # SQLAlchemy's names are texts of a kind of their own.
    columns = tuple((str(table.name), tuple(map(str, table.columns.keys()))) for table in tables)
    header = header_of(head, created_at, columns)
    if file.exists():
        raise FileExistsError(17, "there is such a file already", str(file))
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out, snapshot(config.database_url) as held:
            rows = write_backup(out, header, ((str(table.name), held.rows(table)) for table in tables))
            out.flush()
            os.fsync(out.fileno())
        os.link(partial, file)
    finally:
        partial.unlink()
    _sync_folder(file.absolute().parent)
    return Backup(from_microseconds(created_at), head, rows)


def restore(config: Config, file: Path, *, clock: Clock | None = None) -> Backup:
    """Fill an empty database from a backup, in one transaction.

    Serial numbers of SSH certificates go on in an epoch of their own, and numbers of CRLs above all that were
    published, so that none that was given out after the backup is ever given out again (S6). Raises
    BackupError; then nothing has changed.
    """
    time = clock or SystemClock()
    with file.open("rb") as opened:
        header = _read_whole(opened, time)
        migrate_only(config)
        opened.seek(0)
        rows = asyncio.run(_fill(config, opened, time))
    return Backup(from_microseconds(header.created_at), header.revision, rows)


def _read_whole(opened: IO[bytes], clock: Clock) -> Header:
    """Return the header of a backup that is whole to its end, and that this machine may restore."""
    reader = BackupReader(opened)
    for _ in reader.rows():
        pass
    header = reader.header
    if header.revision != head_revision():
        raise BackupError(
            f"the backup is at revision {header.revision} of the schema and this release is at "
            f"{head_revision()}: restore it with the release that made it, then start this one"
        )
    if from_microseconds(header.created_at) > clock.now() + _CLOCK_SLACK:
        raise BackupError("the backup is from the future: set this machine's clock first")
    return header


async def _fill(config: Config, opened: IO[bytes], clock: Clock) -> int:
    reader = BackupReader(opened)
    epoch = int((clock.now() - _FIRST_EPOCH) / timedelta(minutes=1))

    async def work(transaction: Transaction) -> int:
        rows = await fill(transaction, load_all_tables(), reader.header, reader.rows())
        await raise_epoch(transaction, epoch)
        await raise_numbers(transaction, int(clock.now().timestamp()) + _NUMBERS_AHEAD)
        return rows

    async with exclusively(config.database_url):
        database = await open_database(config.database_url, clock)
        try:
            return await database.begin(work)
        finally:
            await database.close()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
