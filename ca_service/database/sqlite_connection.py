"""Connections to one SQLite file: how they are set up, what their errors mean, the lock beside it."""

import fcntl
import os
import sqlite3
import time
from pathlib import Path

from ca_service.config import ConfigError
from ca_service.database.errors import StillReferredToError, UniqueViolationError
from ca_service.kernel.errors import InternalError, KeywrightError, UnavailableError

#: File systems whose locks or shared memory cannot carry a WAL (https://sqlite.org/wal.html, section 1).
_NETWORK_FILESYSTEMS = frozenset(
    {
        *(
            "9p",
            "afs",
            "beegfs",
            "ceph",
            "cifs",
            "coda",
            "gfs",
            "gfs2",
            "glusterfs",
            "lustre",
            "ncpfs",
            "nfs",
            "nfs4",
        ),
        *("ocfs2", "orangefs", "smb2", "smb3", "smbfs"),
        *("fuse.ceph", "fuse.glusterfs", "fuse.juicefs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    }
)

#: The header has 32 bits, one of them for the sign.
_ANNOUNCEMENTS = 2**31

_UNIQUE = frozenset(
    {
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        sqlite3.SQLITE_CONSTRAINT_ROWID,
    }
)
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)


#: How often, and how far apart in seconds, somebody tries while another process recovers the log.
_OPEN_ATTEMPTS = 200
_OPEN_PAUSE = 0.05


def connect(path: Path, *, writes: bool, busy_seconds: float) -> sqlite3.Connection:
    """Return a connection in WAL mode that waits for each commit to reach the disk. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        path, timeout=busy_seconds, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    try:
        mode = _enter_wal(connection)
        if mode != "wal":
            raise ConfigError(f"SQLite refuses its write-ahead log for {path}: put the file on a local disk")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # PostgreSQL's LIKE tells cases apart; only so does a prefix use an index.
        connection.execute("PRAGMA case_sensitive_like = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        if writes:
            # What a savepoint may have to restore stays in memory: a file costs two writes for each page.
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA cache_size = -16384")
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
        else:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _enter_wal(connection: sqlite3.Connection) -> str:
    """Return the journal's mode once it is the write-ahead log, or whatever SQLite stays in instead.

    The first connection of all recovers the log and holds the file while it does; SQLite asks no busy
    handler then, so who comes second at that moment waits here.
    """
    for _ in range(_OPEN_ATTEMPTS):
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        time.sleep(_OPEN_PAUSE)
    return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])


def read_announcements(cursor: sqlite3.Cursor) -> int:
    """Return how many announcements were committed, by whatever process. Raises sqlite3.Error.

    SQLite keeps this number for applications in the header of the file, under the same transactions as the
    rows. Its own counter (`data_version`) is moved by every commit, whatever that wrote.
    """
    count: int = cursor.execute("PRAGMA user_version").fetchall()[0][0]
    return count


def count_announcement(cursor: sqlite3.Cursor) -> None:
    """Count one more, in the transaction that is open. Raises sqlite3.Error."""
    cursor.execute(f"PRAGMA user_version = {(read_announcements(cursor) + 1) % _ANNOUNCEMENTS}")


def translate(error: sqlite3.Error | OverflowError) -> KeywrightError:
    """Return what an error of the driver means. SQLite's own messages hold names, never values."""
    if isinstance(error, OverflowError):
        return InternalError("SQLite refused a statement: a number is beyond 64 bits")
    code = getattr(error, "sqlite_errorcode", None)
    if code in _UNIQUE:
        return UniqueViolationError(str(error).partition(": ")[2])
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return StillReferredToError()
    if code is not None and code & 0xFF in _UNAVAILABLE:
        reason = "the disk is full" if code & 0xFF == sqlite3.SQLITE_FULL else str(error)
        return UnavailableError(f"The database cannot do this now ({reason}); try again.")
    return InternalError(f"SQLite refused a statement: {error}")


def refuse_network_filesystem(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> None:
    """Raise ConfigError if `path` lies on a file system that other machines share (S24)."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    real = path.resolve()
    best, kind = -1, ""
    for line in lines:
        # proc(5): fields before " - " with the mount point fifth, then the type of the file system.
        before, _, after = line.partition(" - ")
        point = Path(before.split(" ")[4].replace("\\040", " "))
        # A later line at the same place covers the earlier one.
        if (point == real or point in real.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), after.split(" ")[0]
    if kind in _NETWORK_FILESYSTEMS:
        raise ConfigError(
            f"{path} lies on a network file system ({kind}), where SQLite loses data: "
            "put the data directory on a local disk, or use PostgreSQL"
        )


class FileLock:
    """An advisory lock beside the database, so that processes write in turn and none starves.

    SQLite's own waiting polls with growing pauses; with two busy writers one of them starves for seconds. The
    system's lock alone is not fair either: who lets go and comes back at once is faster than who has to wake
    up. So whoever waits for the lock holds a second one, the turn, which everybody takes first.
    """

    def __init__(self, database: Path) -> None:
        self._lock = _open(f"{database}.lock")
        self._turn = _open(f"{database}.turn")

    def take_if_free(self) -> bool:
        """Take the lock if nobody holds it or waits for it, and tell whether it was taken."""
        if not _take_if_free(self._turn):
            return False
        try:
            return _take_if_free(self._lock)
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def take(self) -> None:
        """Wait for the lock; only in a thread."""
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def release(self) -> None:
        """Let the next process write."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the files."""
        os.close(self._lock)
        os.close(self._turn)


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _take_if_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
