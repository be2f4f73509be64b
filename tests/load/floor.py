"""The floor of a bench: a bare ASGI hello, behind the same server library, TLS and number of workers."""

import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.openssl import make_self_signed

_APP = """
async def hello(scope, receive, send):
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})
"""


@contextmanager
def running_floor(folder: Path, workers: int) -> Iterator[tuple[str, int]]:
    """Serve the hello on a free port of loopback; yield its URL and process id, and stop it at the end."""
    (folder / "floor_app.py").write_text(textwrap.dedent(_APP))
    certificate, key = make_self_signed(folder, "localhost")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--app-dir",
        str(folder),
        "floor_app:hello",
        "--port",
        str(port),
    ]
    command += ["--workers", str(workers), "--no-access-log", "--log-level", "error", "--lifespan", "off"]
    command += ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(key)]
    with subprocess.Popen(command) as process:
        try:
            _wait_for(port)
            yield f"https://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()
            process.wait(20)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the floor did not start within 20 seconds")
