"""The tables of the trail."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    bindparam,
    func,
    select,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.functions import FunctionElement

from ca_service.database.engines import only_where
from ca_service.database.metadata import METADATA
from ca_service.database.port import Database, Row, Transaction, Value
from ca_service.database.statement import Statement, insert_if_absent, statement

#: Columns of an entry in the order in which they are digested; `digest` and `seq` come after them.
COLUMNS = (
    "id",
    "at",
    "organization",
    "project",
    "caller",
    "action",
    "resource",
    "outcome",
    "reason",
    "request_id",
    "address",
    "parent",
    "details",
)

#: `organization` and `project` are empty for what belongs to none. `seq` is null until the sequencer came by.
ENTRIES = Table(
    "audit_entries",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("organization", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("parent", Text),
    Column("details", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("seq", BigInteger),
)
Index("ix_audit_entries_at", ENTRIES.c.at, ENTRIES.c.id)
Index("ix_audit_entries_project", ENTRIES.c.project, ENTRIES.c.at, ENTRIES.c.id)
Index("ix_audit_entries_caller", ENTRIES.c.caller, ENTRIES.c.at, ENTRIES.c.id)
Index("ix_audit_entries_resource", ENTRIES.c.resource, ENTRIES.c.at, ENTRIES.c.id)
Index(
    "ix_audit_entries_pending",
    ENTRIES.c.at,
    ENTRIES.c.id,
    **only_where(ENTRIES.c.seq.is_(None)),
)
Index(
    "uq_audit_entries_seq",
    ENTRIES.c.seq,
    unique=True,
    **only_where(ENTRIES.c.seq.is_not(None)),
)
BATCHES = Table(
    "audit_batches",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("leaves", LargeBinary, nullable=False),
)
#: One row (id 1): the turn of the one sequencer, where the trail ends, and the key that signs it.
HEADS = Table(
    "audit_heads",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("key_id", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("checkpoint", LargeBinary, nullable=False),
    Column("tag", LargeBinary, nullable=False),
)
SINKS = Table(
    "audit_sinks",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
)

_HEAD_ID = 1


class _Raw(FunctionElement[bytes]):
    """A text column as the bytes that stand in the database, whatever became of them."""

    name = "raw"
    type = LargeBinary()
    inherit_cache = True


@compiles(_Raw, "sqlite")
def _raw_on_sqlite(element: _Raw, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS BLOB)"


@compiles(_Raw, "postgresql")
def _raw_on_postgresql(element: _Raw, compiler: SQLCompiler, **options: Any) -> str:
    return f"convert_to({compiler.process(element.clauses, **options)}, 'UTF8')"


def _raw(column: Column[Any]) -> ColumnElement[Any]:
    return _Raw(column) if isinstance(column.type, Text) else column


_ENTRY_COLUMNS = [ENTRIES.c[name] for name in (*COLUMNS, "digest", "seq")]
_RAW_COLUMNS = [_raw(column) for column in _ENTRY_COLUMNS]

_INSERT = statement(ENTRIES.insert().values({name: bindparam(name) for name in (*COLUMNS, "digest")}))


def insert_where(condition: ColumnElement[bool]) -> Insert:
    """Return the INSERT of an entry that is written by itself if the condition holds in that very moment."""
    names = (*COLUMNS, "digest")
    values = select(*(bindparam(name, type_=ENTRIES.c[name].type) for name in names)).where(condition)
    return ENTRIES.insert().from_select(list(names), values)


_pending = ENTRIES.alias("waiting")
_chosen = (
    select(_pending.c.id, func.row_number().over(order_by=(_pending.c.at, _pending.c.id)).label("position"))
    .where(_pending.c.seq.is_(None))
    .order_by(_pending.c.at, _pending.c.id)
    .limit(bindparam("at_most"))
    .subquery("chosen")
)
_NUMBER = statement(
    ENTRIES.update()
    .where(ENTRIES.c.id == _chosen.c.id)
    .values(seq=_chosen.c.position + bindparam("after", type_=BigInteger))
    .returning(*_ENTRY_COLUMNS)
)
_HAS_PENDING = statement(select(ENTRIES.c.id).where(ENTRIES.c.seq.is_(None)).limit(1))
_LIST_PENDING = statement(
    select(*_RAW_COLUMNS)
    .where(ENTRIES.c.seq.is_(None), ENTRIES.c.id > bindparam("after"))
    .order_by(ENTRIES.c.id)
    .limit(bindparam("at_most"))
)
_LIST_NUMBERED = statement(
    select(*_RAW_COLUMNS)
    .where(ENTRIES.c.seq >= bindparam("first"), ENTRIES.c.seq <= bindparam("last"))
    .order_by(ENTRIES.c.seq)
)
_LIST_AFTER = statement(
    select(*_ENTRY_COLUMNS)
    .where(ENTRIES.c.seq > bindparam("after"))
    .order_by(ENTRIES.c.seq)
    .limit(bindparam("at_most"))
)
_FIND_OUTSIDE = statement(
    select(ENTRIES.c.seq, _raw(ENTRIES.c.id))
    .where((ENTRIES.c.seq < 1) | (ENTRIES.c.seq > bindparam("last")))
    .order_by(ENTRIES.c.seq)
    .limit(1)
)
_BATCH_COLUMNS = [
    BATCHES.c.number,
    BATCHES.c.at,
    BATCHES.c.first_seq,
    BATCHES.c.last_seq,
    BATCHES.c.root,
    BATCHES.c.previous,
    BATCHES.c.signature,
    BATCHES.c.leaves,
]
_NEXT_BATCH = statement(
    select(*_BATCH_COLUMNS).where(BATCHES.c.number > bindparam("after")).order_by(BATCHES.c.number).limit(1)
)
_FIND_BATCH = statement(select(*_BATCH_COLUMNS).where(BATCHES.c.number == bindparam("number")))
_INSERT_BATCH = statement(
    BATCHES.insert().values({column.name: bindparam(column.name) for column in _BATCH_COLUMNS})
)
_HEAD_COLUMNS = [HEADS.c.key_id, HEADS.c.number, HEADS.c.last_seq, HEADS.c.checkpoint, HEADS.c.tag]
_FIND_HEAD = statement(select(*_HEAD_COLUMNS).where(HEADS.c.id == _HEAD_ID))
_INSERT_HEAD = statement(
    insert_if_absent(HEADS, "id", "key_id", "number", "last_seq", "checkpoint", "tag", conflict=("id",))
)
_TAKE_TURN = statement(
    HEADS.update()
    .where(HEADS.c.id == _HEAD_ID, HEADS.c.number == bindparam("known"))
    .values(number=HEADS.c.number + 1)
)
_MOVE_HEAD = statement(
    HEADS.update()
    .where(HEADS.c.id == _HEAD_ID)
    .values(last_seq=bindparam("last_seq"), checkpoint=bindparam("checkpoint"), tag=bindparam("tag"))
)
_FIND_SINK = statement(select(SINKS.c.last_seq).where(SINKS.c.name == bindparam("name")))
_INSERT_SINK = statement(insert_if_absent(SINKS, "name", "last_seq", conflict=("name",)))
_MOVE_SINK = statement(
    SINKS.update()
    .where(SINKS.c.name == bindparam("name"), SINKS.c.last_seq < bindparam("reached"))
    .values(last_seq=bindparam("reached"))
)

_EQUAL = ("organization", "project", "caller", "action", "resource", "outcome")


class BatchRow(Struct, frozen=True):
    """A row of `audit_batches`: a signed checkpoint and the leaf hashes beneath it."""

    number: int
    at: int
    first_seq: int
    last_seq: int
    root: bytes
    previous: bytes
    signature: bytes
    leaves: bytes


class HeadRow(Struct, frozen=True):
    """The row of `audit_heads`."""

    key_id: str
    number: int
    last_seq: int
    checkpoint: bytes
    tag: bytes


def insert_entry(transaction: Transaction, columns: Mapping[str, Value]) -> None:
    """Write an entry in the transaction of what it records; if it cannot be written, that does not commit."""
    transaction.send(_INSERT, **columns)


async def append_entry(database: Database, columns: Mapping[str, Value]) -> None:
    """Write an entry by itself."""
    await database.append(_INSERT, **columns)


async def append_entry_where(
    database: Database, statement: Statement, columns: Mapping[str, Value], facts: Mapping[str, Value]
) -> bool:
    """As `append_entry`, by a statement of `insert_where`; tell whether its condition held."""
    return await database.append(statement, **columns, **facts)


async def has_pending(database: Database) -> bool:
    """Tell whether an entry waits for its number."""
    return await database.read_one(_HAS_PENDING) is not None


async def number_pending(transaction: Transaction, after: int, at_most: int) -> list[Row]:
    """Number the entries that wait, oldest first, and return their rows in the order of their numbers."""
    rows = await transaction.fetch_all(_NUMBER, after=after, at_most=at_most)
    return sorted(rows, key=lambda row: row[-1])


async def list_pending(database: Database, after: str, at_most: int) -> list[Row]:
    """Return entries without a number, text columns as bytes, in the order of their ids."""
    return await database.scan(_LIST_PENDING, after=after, at_most=at_most)


async def list_numbered(database: Database, first: int, last: int) -> list[Row]:
    """Return the entries of a range, text columns as bytes."""
    return await database.scan(_LIST_NUMBERED, first=first, last=last)


async def list_after(database: Database, after: int, at_most: int) -> list[Row]:
    """Return numbered entries beyond a number."""
    return await database.scan(_LIST_AFTER, after=after, at_most=at_most)


async def find_outside(database: Database, last: int) -> tuple[int, bytes] | None:
    """Return number and id of an entry whose number no batch has given."""
    row = await database.read_one(_FIND_OUTSIDE, last=last)
    return None if row is None else (row[0], row[1])


async def next_batch(database: Database, after: int) -> BatchRow | None:
    """Return the batch that follows."""
    row = await database.read_one(_NEXT_BATCH, after=after)
    return None if row is None else BatchRow(*row)


async def find_batch(database: Database, number: int) -> BatchRow | None:
    """Return a batch."""
    row = await database.read_one(_FIND_BATCH, number=number)
    return None if row is None else BatchRow(*row)


async def insert_batch(transaction: Transaction, batch: BatchRow) -> None:
    """Write a batch."""
    await transaction.execute(_INSERT_BATCH, **msgspec.structs.asdict(batch))


async def find_head(database: Database) -> HeadRow | None:
    """Return where the trail ends, or None before the first batch."""
    row = await database.read_one(_FIND_HEAD)
    return None if row is None else HeadRow(*row)


async def insert_head(transaction: Transaction, head: HeadRow) -> bool:
    """Write the head unless there is one; tell whether it was written."""
    return await transaction.execute(_INSERT_HEAD, id=_HEAD_ID, **msgspec.structs.asdict(head)) == 1


async def take_turn(transaction: Transaction, head: HeadRow) -> bool:
    """Become the sequencer of the next batch; False if another one was faster."""
    return await transaction.execute(_TAKE_TURN, known=head.number) == 1


async def move_head(transaction: Transaction, last_seq: int, checkpoint: bytes, tag: bytes) -> None:
    """Say where the trail ends now."""
    await transaction.execute(_MOVE_HEAD, last_seq=last_seq, checkpoint=checkpoint, tag=tag)


async def find_sink(database: Database, name: str) -> int:
    """Return the last number that a sink has."""
    row = await database.read_one(_FIND_SINK, name=name)
    return 0 if row is None else row[0]


async def move_sink(transaction: Transaction, name: str, reached: int) -> None:
    """Remember how far a sink has come."""
    await transaction.execute(_INSERT_SINK, name=name, last_seq=0)
    await transaction.execute(_MOVE_SINK, name=name, reached=reached)


@cache
def search_statement(present: frozenset[str]) -> Statement:
    """Return the search with these conditions, newest first; one statement per combination."""
    conditions: list[ColumnElement[bool]] = [
        ENTRIES.c[name] == bindparam(name) for name in _EQUAL if name in present
    ]
    if "after" in present:
        conditions.append(ENTRIES.c.at >= bindparam("after"))
    if "before" in present:
        conditions.append(ENTRIES.c.at < bindparam("before"))
    if "cursor_id" in present:
        position = tuple_(bindparam("cursor_at", type_=BigInteger), bindparam("cursor_id", type_=Text))
        conditions.append(tuple_(ENTRIES.c.at, ENTRIES.c.id) < position)
    return statement(
        select(*_ENTRY_COLUMNS)
        .where(*conditions)
        .order_by(ENTRIES.c.at.desc(), ENTRIES.c.id.desc())
        .limit(bindparam("at_most"))
    )
