"""The curl program against a server, as a script would use it."""

import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from tests.support.server import Response, Server

#: Variables that would send curl elsewhere or let it trust another root.
_HIDDEN = ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_HOME")


class Curl:
    """One curl in a folder of its own; the administrator's token unless told otherwise."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self._environment = {name: value for name, value in os.environ.items() if name not in _HIDDEN}

    def run(self, url: str, *options: str) -> Response:
        """Send one request with these options of curl; `url` may be a path of the TLS listener."""
        head, body = self.folder / "curl.head", self.folder / "curl.body"
        body.unlink(missing_ok=True)
        whole = url if url.startswith("http") else self.server.url + url
        done = subprocess.run(
            [
                *("curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "30"),
                *("--cacert", str(self.server.ca_file), "--dump-header", str(head), "--output", str(body)),
                *options,
                whole,
            ],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"curl {whole} failed ({done.returncode}): {done.stderr}")
        return _response(head.read_text(), body.read_bytes() if body.exists() else b"")

    def get(self, path: str, *, token: str | None = "") -> Response:
        """Send a GET; `token=None` is nobody."""
        return self.run(path, *self._authorization(token))

    def post(self, path: str, body: Any = None, *options: str, token: str | None = "") -> Response:
        """Send a POST with a JSON body."""
        text = msgspec.json.encode({} if body is None else body).decode()
        json = ("--header", "Content-Type: application/json", "--data", text)
        return self.run(path, *self._authorization(token), *json, *options)

    def _authorization(self, token: str | None) -> tuple[str, ...]:
        if token is None:
            return ()
        return ("--header", f"Authorization: Bearer {token or self.server.admin_token}")


def _response(head: str, body: bytes) -> Response:
    # Each interim answer (100 Continue) has a head of its own; the last one counts.
    lines = head.strip().replace("\r\n", "\n").split("\n\n")[-1].split("\n")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
    }
    return Response(int(lines[0].split()[1]), headers, body)
