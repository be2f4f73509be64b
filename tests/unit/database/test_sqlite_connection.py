"""Where a SQLite file may lie, what SQLite's errors mean, and in which order processes write."""

import fcntl
import sqlite3
import threading
from pathlib import Path

import pytest

from ca_service.config import ConfigError
from ca_service.database.errors import UniqueViolationError
from ca_service.database.sqlite_connection import FileLock, refuse_network_filesystem, translate
from ca_service.kernel.errors import InternalError, UnavailableError

# proc(5), mountinfo: the mount point is the fifth field, the type follows the lone hyphen.
_MOUNTS = """\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
35 21 0:33 / /srv/share rw,relatime - nfs4 server:/export rw
36 35 0:34 / /srv/share/local rw,relatime - ext4 /dev/vdb rw
37 21 0:35 / /mnt/with\\040space rw,relatime - cifs //server/share rw
38 21 254:1 / /over rw,relatime - ext4 /dev/vdc rw
39 21 0:36 / /over rw,relatime - fuse.sshfs host: rw
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(_MOUNTS, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "path", ["/srv/share/ca.db", "/srv/share/deep/er/ca.db", "/mnt/with space/ca.db", "/over/ca.db"]
)
def test_refuses_a_network_file_system(mounts: Path, path: str) -> None:
    with pytest.raises(ConfigError, match="network file system"):
        refuse_network_filesystem(Path(path), mounts)


@pytest.mark.parametrize("path", ["/var/ca.db", "/srv/share/local/ca.db", "/srv/shared/ca.db"])
def test_accepts_a_local_one(mounts: Path, path: str) -> None:
    refuse_network_filesystem(Path(path), mounts)


def test_accepts_any_where_the_mounts_cannot_be_read(tmp_path: Path) -> None:
    refuse_network_filesystem(Path("/srv/share/ca.db"), tmp_path / "missing")


def _provoke(*statements: str) -> sqlite3.Error:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for statement in statements:
            connection.execute(statement)
    except sqlite3.Error as error:
        return error
    finally:
        connection.close()
    raise AssertionError("nothing was refused")


_TABLE = "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER NOT NULL)"


def test_a_second_row_with_the_same_key_is_a_unique_violation() -> None:
    error = translate(_provoke(_TABLE, "INSERT INTO t VALUES ('a', 1)", "INSERT INTO t VALUES ('a', 2)"))
    assert isinstance(error, UniqueViolationError)
    assert error.constraint == "t.id"


def test_another_broken_constraint_is_a_mistake_of_ours() -> None:
    error = translate(_provoke(_TABLE, "INSERT INTO t VALUES ('hunter2', NULL)"))
    assert isinstance(error, InternalError)
    assert "hunter2" not in error.detail


def test_a_full_disk_is_told_as_such() -> None:
    error = translate(
        _provoke(_TABLE, "PRAGMA max_page_count = 2", "INSERT INTO t VALUES (zeroblob(99999), 1)")
    )
    assert isinstance(error, UnavailableError)
    assert "disk is full" in error.detail


def test_who_waits_for_the_lock_goes_before_who_comes_back(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "a.db"), FileLock(tmp_path / "a.db")
    assert first.take_if_free()
    waiting = threading.Thread(target=second.take)
    waiting.start()
    with (tmp_path / "a.db.turn").open("rb") as turn:
        while _is_free(turn.fileno()):
            pass

    first.release()
    assert not first.take_if_free()

    waiting.join()
    second.release()
    assert first.take_if_free()
    first.close()
    second.close()


def test_a_lock_that_is_held_is_not_taken(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "a.db"), FileLock(tmp_path / "a.db")
    assert first.take_if_free()
    assert not second.take_if_free()
    first.close()
    assert second.take_if_free()
    second.close()


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True
