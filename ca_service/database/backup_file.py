"""The file of a backup: a gzip stream of frames that either engine is filled from.

A frame is its length in four bytes (big-endian) and MessagePack: first the header, then rows of one table,
up to 200 at a time, at last how many there are. A file that was cut or damaged is noticed by gzip's sum or
by the missing end; what was edited on purpose fails its own tags when it is read (S5).
"""

import gzip
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any

import msgspec
from msgspec import Struct

from ca_service.database.errors import BackupError
from ca_service.kernel.clock import Microseconds

#: What the first frame begins with, so that another gzip file is told apart.
_MAGIC = "keywright-backup"
_FORMAT = 1
_LENGTH = struct.Struct("!I")
#: The longest frame that is read: far more than 200 rows of ours need.
_LONGEST_FRAME = 256 * 1024 * 1024
_ROWS_IN_A_FRAME = 200
#: What the decoder raises for bytes that are no frame; text that is not UTF-8 has an error of its own.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError)

Values = tuple[Any, ...]


class Header(Struct, frozen=True, array_like=True):
    """What a backup is of: the schema's revision, the moment, and the columns of each table in order."""

    magic: str
    format: int
    revision: str
    created_at: Microseconds
    tables: tuple[tuple[str, tuple[str, ...]], ...]


class _Rows(Struct, frozen=True, array_like=True, tag="rows"):
    table: str
    rows: list[Values]


class _End(Struct, frozen=True, array_like=True, tag="end"):
    rows: int


def header_of(
    revision: str, created_at: Microseconds, tables: tuple[tuple[str, tuple[str, ...]], ...]
) -> Header:
    """Return the header of a backup that is made now."""
    return Header(_MAGIC, _FORMAT, revision, created_at, tables)


def write_backup(file: IO[bytes], header: Header, tables: Iterable[tuple[str, Iterable[Values]]]) -> int:
    """Write a whole backup and return how many rows it has."""
    count = 0
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0) as stream:
        _write(stream, header)
        for name, rows in tables:
            for some in _in_groups(rows):
                _write(stream, _Rows(name, some))
                count += len(some)
        _write(stream, _End(count))
    return count


class BackupReader:
    """Reads a backup from its beginning to its end. Raises BackupError for what is none, or is damaged."""

    def __init__(self, file: IO[bytes]) -> None:
        self._stream = gzip.GzipFile(fileobj=file, mode="rb")
        try:
            self.header = msgspec.msgpack.decode(self._frame(), type=Header)
        except _UNREADABLE:
            raise BackupError("this file is not a backup of Keywright") from None
        if self.header.magic != _MAGIC:
            raise BackupError("this file is not a backup of Keywright")
        if self.header.format != _FORMAT:
            raise BackupError("a newer Keywright made this backup: restore it with that release")

    def rows(self) -> Iterator[tuple[str, list[Values]]]:
        """Yield (table, rows) until the end."""
        count = 0
        while True:
            try:
                frame = msgspec.msgpack.decode(self._frame(), type=_Rows | _End)
            except _UNREADABLE:
                raise _damaged() from None
            if isinstance(frame, _End):
                # Reads what is left, so that gzip compares its sum.
                if frame.rows != count or self._read(1):
                    raise _damaged()
                return
            count += len(frame.rows)
            yield frame.table, frame.rows

    def _frame(self) -> bytes:
        head = self._read(_LENGTH.size)
        if len(head) != _LENGTH.size:
            raise _damaged()
        (length,) = _LENGTH.unpack(head)
        if length > _LONGEST_FRAME:
            raise _damaged()
        frame = self._read(length)
        if len(frame) != length:
            raise _damaged()
        return frame

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except gzip.BadGzipFile:
            raise BackupError("this file is not a backup of Keywright, or it is damaged") from None
        except (EOFError, zlib.error):
            raise _damaged() from None


def _damaged() -> BackupError:
    return BackupError("this backup is cut or damaged: take another copy of it")


def _write(stream: gzip.GzipFile, frame: Struct) -> None:
    encoded = msgspec.msgpack.encode(frame)
    stream.write(_LENGTH.pack(len(encoded)) + encoded)


def _in_groups(rows: Iterable[Values]) -> Iterator[list[Values]]:
    group: list[Values] = []
    for row in rows:
        group.append(row)
        if len(group) == _ROWS_IN_A_FRAME:
            yield group
            group = []
    if group:
        yield group
