"""A real `keywright serve` in a process of its own, on ports the system chooses."""

import contextlib
import re
import select
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

from tests.support.command_line import ROOT, command, environment_for
from tests.support.first_start import copy_first_start

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_PLAIN = re.compile(r"plain HTTP at (http://[^\s\"]+)")


class Response(Struct, frozen=True):
    """One HTTP answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return msgspec.json.decode(self.body)


class Server(Struct):
    """A running server. `url` is the TLS listener's, `plain_url` the plain one's."""

    process: "subprocess.Popen[str]"
    url: str
    plain_url: str
    data: Path
    log_file: Path
    ready_seconds: float

    @property
    def pid(self) -> int:
        """Return the process id: the parent's if there are several workers."""
        return self.process.pid

    @property
    def ca_file(self) -> Path:
        """Return the trust anchor."""
        return self.data / "root-ca.pem"

    @property
    def admin_token(self) -> str:
        """Return the instance administrator's token."""
        return (self.data / "admin-token").read_text().strip()

    @property
    def log(self) -> str:
        """Return everything on standard error so far."""
        return self.log_file.read_text()

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request over TLS, as the administrator unless told otherwise (`token=None`: as nobody).

        `path` may be a whole URL. A body that is not bytes is sent as JSON.
        """
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token or self.admin_token}"
        data = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        url = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(url, data=data, method=method, headers=sent)
        return send(request, ssl.create_default_context(cafile=str(self.ca_file)))

    def get(self, path: str, **further: Any) -> Response:
        """Send a GET."""
        return self.request("GET", path, **further)

    def post(self, path: str, body: Any, **further: Any) -> Response:
        """Send a POST."""
        return self.request("POST", path, body, **further)

    def plain(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Response:
        """Send one request to the plain listener."""
        return send(urllib.request.Request(self.plain_url + path, method=method, headers=dict(headers or {})))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(_STOP_SECONDS)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def send(request: urllib.request.Request, context: ssl.SSLContext | None = None) -> Response:
    """Send a request and return the answer whatever its status; redirects are not followed."""
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects(), urllib.request.ProxyHandler({})]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=30) as answer:
            return _response(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return _response(error.code, error.headers, error.read())


def _response(status: int, headers: Any, body: bytes) -> Response:
    return Response(status, {name.lower(): value for name, value in headers.items()}, body)


@contextlib.contextmanager
def running_server(
    tmp_path: Path,
    database_url: str | None = None,
    env: Mapping[str, str] | None = None,
    args: Sequence[str] = (),
    *,
    starts_first: bool = False,
) -> Iterator[Server]:
    """Start a server on `tmp_path / "data"`, yield it once it is ready, and stop it by its process id.

    Where there is nothing yet, it finds what a first start leaves unless it `starts_first` itself. Started
    again on the same path it finds what was there. It fails with the server's own log if it never gets ready.
    """
    data = tmp_path / "data"
    log_file = tmp_path / "server.log"
    if not starts_first and not data.exists():
        copy_first_start(data, database_url)
    line = command("serve", "--data", str(data))
    line += ["--listen", "127.0.0.1:0"] if "--listen" not in args else []
    line += ["--plain-listen", "127.0.0.1:0"] if "--plain-listen" not in args else []
    line += ["--database", database_url] if database_url is not None else []
    began = time.monotonic()
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [*line, *args],
            env=environment_for(env),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        url = _await_ready(process, process.stdout, log_file)
        seconds = time.monotonic() - began
        plain = _PLAIN.search(log_file.read_text())
        assert plain is not None, log_file.read_text()
        yield Server(process, url, plain[1], data, log_file, seconds)
    finally:
        _end(process)


def _await_ready(process: "subprocess.Popen[str]", stdout: IO[str], log_file: Path) -> str:
    is_readable, _, _ = select.select([stdout], [], [], _START_SECONDS)
    line = stdout.readline() if is_readable else ""
    if not line:
        process.kill()
    if not line.startswith("ready: "):
        process.wait(_START_SECONDS)
        raise AssertionError(f"the server did not get ready ({process.returncode}):\n{log_file.read_text()}")
    return line.removeprefix("ready: ").strip()


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
