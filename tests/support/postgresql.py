"""A throw-away PostgreSQL cluster from Debian's package, on a Unix socket only, as an unprivileged user."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

_VERSIONS = Path("/usr/lib/postgresql")
_USER = "postgres"
_START_SECONDS = 60.0
#: Contract tests kill the server and the clients, never the machine: nothing here needs to survive that.
_FAST = ("-c", "fsync=off", "-c", "full_page_writes=off")
_SMALL = ("-c", "shared_buffers=32MB", "-c", "autovacuum=off")
_SETTINGS = (
    *("-c", "listen_addresses="),
    *("-c", "max_connections=60"),
    *("-c", "log_min_messages=fatal"),
)


class PostgresqlCluster:
    """One running server and its directory; `close` ends both.

    A durable one has the settings that Debian's package comes with. With `tcp_port` it listens on 127.0.0.1
    too, where it wants passwords (SCRAM). `settings` are added to its command line.
    """

    def __init__(
        self, *, durable: bool = False, tcp_port: int | None = None, settings: tuple[str, ...] = ()
    ) -> None:
        self._programs = _find_programs()
        self._root = Path(tempfile.mkdtemp(prefix="kw-pg-"))
        self._data = self._root / "data"
        self._durable = durable
        self._port = tcp_port or 5432
        self._settings = settings
        if tcp_port is not None:
            self._settings += ("-c", "listen_addresses=127.0.0.1", "-c", f"port={tcp_port}")
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            user = pwd.getpwnam(_USER)
            os.chown(self._root, user.pw_uid, user.pw_gid)
        host = "trust" if tcp_port is None else "scram-sha-256"
        names = ("--username", "keywright", "--auth-local", "trust", "--auth-host", host)
        self._run("initdb", "--pgdata", str(self._data), *names, "--no-sync")
        self.start()

    @property
    def pid(self) -> int:
        """Return the process id of the server, whose children are its sessions."""
        assert self._process is not None, "the server runs from the start on"
        return self._process.pid

    def url(self, database: str = "postgres") -> str:
        """Return the URL of one database of this cluster."""
        return f"postgresql://keywright@/{database}?host={quote(str(self._root), safe='')}&port={self._port}"

    def log(self) -> str:
        """Return what the server has logged."""
        return (self._root / "log").read_text()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = _SETTINGS if self._durable else _SETTINGS + _SMALL + _FAST
        arguments = ("-D", str(self._data), "-k", str(self._root), *settings, *self._settings)
        command = self._command("postgres", *arguments)
        with (self._root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        socket = self._root / f".s.PGSQL.{self._port}"
        while not (socket.exists() and self._answers()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(self._root / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server at once, as a crash would be seen by its clients."""
        if self._process is not None:
            # setpriv replaced itself by the server, so this is the server's own id.
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=30)
            self._process = None

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Make an empty database, or a copy of one that nobody is connected to, and return its URL."""
        where = (*self._where, "--username", "keywright")
        self._run("createdb", *where, "--template", template, name)
        return self.url(name)

    def close(self) -> None:
        """Stop the server and remove its files."""
        self.stop()
        shutil.rmtree(self._root, ignore_errors=True)

    @property
    def _where(self) -> tuple[str, ...]:
        return ("--host", str(self._root), "--port", str(self._port))

    def _answers(self) -> bool:
        command = self._command("pg_isready", *self._where, "--quiet")
        return subprocess.run(command, check=False, cwd="/").returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            self._command(program, *arguments), check=False, capture_output=True, text=True, cwd="/"
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr}")

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() != 0:
            return command
        # PostgreSQL refuses to run as root.
        return ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", *command]


def _find_programs() -> Path:
    found = sorted(_VERSIONS.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3].split(".")[0]))
    if not found:
        raise RuntimeError(
            f"no PostgreSQL server below {_VERSIONS}: install Debian's package (apt-get install postgresql)"
        )
    return found[-1].parent
