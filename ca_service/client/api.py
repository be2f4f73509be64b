"""One connection to the API of a Keywright server, in plain blocking calls."""

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from ca_service.client.errors import ClientError, RefusedError, UnreachableError
from ca_service.kernel.secret_value import SecretValue

#: The most that is read of any answer; the largest are lists of a thousand certificates with their chains.
MAX_ANSWER = 64 * 1024 * 1024
_NONE: Mapping[str, str] = {}


def address(*parts: str) -> str:
    """Return the path of these parts, each escaped, so that none of them can lead elsewhere."""
    return "/" + "/".join(urllib.parse.quote(part, safe="") for part in parts)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for the refusal it is: our API has none, and elsewhere the token is not known."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nothing."""


class ApiClient:
    """Speaks to one server, with one token, trusting one root. `timeout` is in seconds."""

    def __init__(
        self, url: str, *, token: SecretValue[str] | None, ca_file: Path | None, timeout: float = 30.0
    ) -> None:
        if not _is_server(url):
            raise ClientError(f"{url!r} is not the URL of a server: say https://host:port")
        if token is not None and not _is_token(token.reveal()):
            raise ClientError("what was given as the token is none: it is one word of printable ASCII")
        self.url = url.rstrip("/")
        self._token = token
        self._timeout = timeout
        try:
            context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        except (OSError, ssl.SSLError) as error:
            raise ClientError(
                f"cannot read the trusted root {ca_file}: run keywright trust bootstrap"
            ) from error
        handlers: list[urllib.request.BaseHandler] = [
            urllib.request.HTTPSHandler(context=context),
            urllib.request.ProxyHandler({}),
            _NoRedirects(),
        ]
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON answer of a GET. Raises RefusedError, UnreachableError."""
        return self._send("GET", _with_query(path, query), None)

    def post(
        self, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the JSON answer of a POST (None for 204). Raises RefusedError, UnreachableError."""
        return self._send("POST", _with_query(path, query), body or {})

    def post_once(self, path: str, body: Mapping[str, Any], query: Mapping[str, Any] | None, key: str) -> Any:
        """Return the JSON answer of a POST that is done once, however often it is sent with this key.

        An answer that did not arrive is asked for once more. Raises RefusedError, UnreachableError.
        """
        place, headers = _with_query(path, query), {"Idempotency-Key": key}
        try:
            return self._send("POST", place, body, headers)
        except UnreachableError:
            return self._send("POST", place, body, headers)

    def patch(self, path: str, body: Mapping[str, Any], query: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON answer of a PATCH. Raises RefusedError, UnreachableError."""
        return self._send("PATCH", _with_query(path, query), body)

    def delete(
        self, path: str, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the JSON answer of a DELETE (None for 204). Raises RefusedError, UnreachableError."""
        return self._send("DELETE", _with_query(path, query), body)

    def text(self, path: str) -> str:
        """Return the text answer of a GET. Raises RefusedError, UnreachableError."""
        return self._fetch("GET", path, None).decode("utf-8", "replace")

    def octets(self, path: str) -> bytes:
        """Return the answer of a GET as it is. Raises RefusedError, UnreachableError."""
        return self._fetch("GET", path, None)

    def date(self, path: str) -> str | None:
        """Return the `Date` header of a GET: the server's clock. Raises RefusedError, UnreachableError."""
        return self._answer("GET", path, None)[1]

    def items(self, path: str, query: Mapping[str, Any] | None = None, most: int = 1000) -> Iterator[Any]:
        """Yield at most `most` items of a list, page by page."""
        cursor: str | None = None
        while most > 0:
            page = self.get(path, {**(query or {}), "limit": min(most, 1000), "cursor": cursor})
            yield from page["items"]
            most -= len(page["items"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str] = _NONE
    ) -> Any:
        raw, _ = self._answer(method, path, body, headers)
        if not raw:
            return None
        try:
            return json.loads(raw)
        except ValueError as error:
            raise ClientError(f"{self.url} did not answer with JSON: is it a Keywright server?") from error

    def _fetch(self, method: str, path: str, body: Mapping[str, Any] | None) -> bytes:
        return self._answer(method, path, body)[0]

    def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str] = _NONE
    ) -> tuple[bytes, str | None]:
        request = urllib.request.Request(self.url + path, method=method, headers={**headers})  # noqa: S310 - the scheme was checked
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if self._token is not None:
            request.add_header("Authorization", f"Bearer {self._token.reveal()}")
        request.add_header("Accept", "application/json")
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                raw: bytes = answer.read(MAX_ANSWER + 1)
                date: str | None = answer.headers.get("Date")
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(error.code, _problem(error.read(1024 * 1024))) from None
        except urllib.error.URLError as error:
            raise UnreachableError(_unreachable(self.url, error.reason)) from error
        except (OSError, HTTPException) as error:
            raise UnreachableError(_unreachable(self.url, error)) from error
        if len(raw) > MAX_ANSWER:
            raise ClientError("the answer is too large: narrow the list with a filter")
        return raw, date


def _is_server(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and url.isascii() and url.isprintable()


def _is_token(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _with_query(path: str, query: Mapping[str, Any] | None) -> str:
    given = {name: value for name, value in (query or {}).items() if value is not None}
    if not given:
        return path
    words = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
    return f"{path}?{urllib.parse.urlencode(words)}"


def _problem(raw: bytes) -> dict[str, Any]:
    try:
        problem = json.loads(raw)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _unreachable(url: str, reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {url} is not trusted ({reason.verify_message}): "
            f"run keywright trust bootstrap {url} --fingerprint HEX, or set KEYWRIGHT_CA to its root"
        )
    return f"{url} does not answer ({reason}): check the address, and that keywright serve is running"
