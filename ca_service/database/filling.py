"""Fills an empty database with the rows of a backup, in one transaction: all of it or nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import MetaData, Table, bindparam, insert, literal, select

from ca_service.database.backup_file import Header
from ca_service.database.errors import BackupError
from ca_service.database.port import Transaction
from ca_service.database.statement import Statement, statement

#: Rows that the engine keeps for itself: they say nothing about what was backed up.
OWN_TABLES = frozenset({"database_clock"})
_NOTHING = statement(select(literal(1)))


async def fill(
    transaction: Transaction,
    metadata: MetaData,
    header: Header,
    groups: Iterable[tuple[str, list[tuple[Any, ...]]]],
) -> int:
    """Write all rows and return how many. Raises BackupError if there are any already."""
    tables = _tables_of(metadata, header)
    for table in metadata.sorted_tables:
        await _verify_empty(transaction, table)
    inserts: Mapping[str, tuple[tuple[str, ...], Statement]] = {
        name: (columns, _insert(tables[name], columns)) for name, columns in header.tables
    }
    count = 0
    for name, rows in groups:
        if name not in inserts:
            raise BackupError(f"the backup has rows of a table `{name}` that it does not announce")
        columns, into = inserts[name]
        for row in rows:
            if len(row) != len(columns):
                raise BackupError(f"a row of `{name}` in the backup has not as many columns as its table")
            transaction.send(into, **dict(zip(columns, row, strict=True)))
        # Waits for what was sent, so that no more than one group is under way.
        await transaction.fetch_one(_NOTHING)
        count += len(rows)
    return count


def _tables_of(metadata: MetaData, header: Header) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for name, columns in header.tables:
        table = metadata.tables.get(name)
        if table is None or not set(columns) <= set(table.columns.keys()):
            raise BackupError(f"the backup's table `{name}` is not one of this release")
        tables[name] = table
    return tables


async def _verify_empty(transaction: Transaction, table: Table) -> None:
    if table.name in OWN_TABLES:
        return
    any_row = statement(select(literal(1)).select_from(table).limit(1))
    if await transaction.fetch_one(any_row) is not None:
        raise BackupError(
            "this database is not empty: name a new one with --data or --database, so that nothing is lost"
        )


def _insert(table: Table, columns: tuple[str, ...]) -> Statement:
    return statement(insert(table).values({name: bindparam(name) for name in columns}))
