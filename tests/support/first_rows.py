"""What making something leaves in an empty database, remembered, so that it need not be made for every test.

A first start of the certificate authority performs a dozen operations, and signs; most tests only want what
it leaves. The rows are read once in a process for each engine, and written again for others.
"""

from collections.abc import Awaitable, Callable
from functools import cache, partial

from sqlalchemy import Table, bindparam, insert, select

from ca_service.database.metadata import METADATA
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import Statement, statement
from tests.support.fakes.kernel import FakeClock

#: The engine's own, which it keeps by itself.
_KEPT_BY_THE_ENGINE = {"database_clock"}
_Rows = list[tuple[Table, list[Row]]]
_remembered: dict[tuple[str, str], _Rows] = {}


async def make_once(database: Database, what: str, make: Callable[[], Awaitable[None]]) -> None:
    """Have in a database what `make` makes at the time at which tests begin.

    At another time, or in a database that is not empty, it is called.
    """
    if database.now() != FakeClock().now():
        await make()
        return
    key = (what, database.dialect)
    rows = _remembered.get(key)
    if rows is not None and await database.read_one(_reading(rows[0][0])) is None:
        await database.begin(partial(_write_all, rows=rows))
        return
    await make()
    if rows is None:
        _remembered[key] = await _read_all(database)


async def _read_all(database: Database) -> _Rows:
    found = []
    for table in METADATA.sorted_tables:
        rows = [] if table.name in _KEPT_BY_THE_ENGINE else await database.scan(_reading(table))
        if rows:
            found.append((table, rows))
    return found


async def _write_all(transaction: Transaction, rows: _Rows) -> None:
    for table, of_table in rows:
        writing, names = _writing(table)
        for row in of_table:
            transaction.send(writing, **dict(zip(names, row, strict=True)))
    transaction.announce()


@cache
def _reading(table: Table) -> Statement:
    return statement(select(*table.columns))


@cache
def _writing(table: Table) -> tuple[Statement, list[str]]:
    names = [column.name for column in table.columns]
    return statement(insert(table).values({name: bindparam(name) for name in names})), names
