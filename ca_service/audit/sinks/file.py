"""The file sink: numbered entries as JSON lines, appended in order."""

import asyncio
import os
from pathlib import Path

import msgspec

from ca_service.audit import storage
from ca_service.audit.digests import entry_of
from ca_service.database.port import Database, Transaction

_AT_ONCE = 1000


async def copy_to_file(database: Database, path: Path, *, name: str = "file") -> int:
    """Append what was numbered since the last time and return how many entries that were.

    The cursor moves after the lines are durable, so that a crash in between repeats lines and never leaves
    one out; `seq` tells them apart. Raises OSError if the file cannot be written; the trail goes on.
    """
    copied = 0
    while rows := await storage.list_after(database, await storage.find_sink(database, name), _AT_ONCE):
        lines = [_line(row[-1], msgspec.structs.asdict(entry_of(row))) for row in rows]
        await asyncio.to_thread(_append, path, b"".join(lines))
        reached = rows[-1][-1]

        async def move(transaction: Transaction, reached: int = reached) -> None:
            await storage.move_sink(transaction, name, reached)

        await database.begin(move)
        copied += len(rows)
    return copied


def _line(seq: int, entry: dict[str, object]) -> bytes:
    return msgspec.json.encode({"seq": seq, **entry}) + b"\n"


def _append(path: Path, lines: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())
