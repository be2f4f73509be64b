"""The one ASGI layer in front of all doors, and the bearer authentication behind the router.

The front gives each request an id and an address, finds what is misdirected before anything acts on it and
refuses what is too large before anything reads it, measures and logs the answer. Whoever is calling is
established once a route is known, since public routes ignore tokens.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from msgspec import Struct

from ca_service.kernel.clock import Clock
from ca_service.kernel.errors import KeywrightError, Kind, MalformedError, UnauthenticatedError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.secret_value import SecretValue
from ca_service.web.access_log import AccessLine, AccessLog
from ca_service.web.bodies import body_bound, body_too_large
from ca_service.web.client_address import ClientAddresses
from ca_service.web.exchange import Doors, Exchange, exchange_in, put_exchange
from ca_service.web.hosts import OwnHosts
from ca_service.web.logs import REQUEST_ID
from ca_service.web.metrics import NO_ROUTE, Metrics
from ca_service.web.problems import log_unexpected, render_problem, translate

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_LONGEST_TOKEN = 4096
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
_NO_STORE = (b"cache-control", b"no-store")
_VARY = (b"vary", b"Authorization")


class Surroundings(Struct, frozen=True):
    """What the front needs beside the doors."""

    doors: Doors
    addresses: ClientAddresses
    hosts: OwnHosts
    metrics: Metrics
    identifiers: Identifiers
    clock: Clock
    access_log: AccessLog


class Front:
    """The outermost application of one listener."""

    def __init__(self, app: AsgiApp, around: Surroundings) -> None:
        self._app = app
        self._around = around

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; other protocols are not spoken here."""
        if scope["type"] != "http":
            raise RuntimeError(f"the listener speaks HTTP, not {scope['type']}")
        await _Passage(self._app, self._around, scope, receive, send).run()


class _Passage:
    """One request on its way in and its answer on its way out."""

    __slots__ = ("_app", "_around", "_exchange", "_receive", "_received", "_scope", "_send", "_status")

    def __init__(
        self, app: AsgiApp, around: Surroundings, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._app = app
        self._around = around
        self._scope = scope
        self._receive = receive
        self._send = send
        self._status = 0
        self._received = 0
        peer = scope.get("client")
        self._exchange = Exchange(
            request_id=_accepted_request_id(scope) or around.identifiers.new("req"),
            address=around.addresses.of(peer[0] if peer else None, scope["headers"]),
            doors=around.doors,
        )

    async def run(self) -> None:
        around, scope = self._around, self._scope
        # Where the router will note the route it found; without one the label stays fixed.
        scope["path_template"] = NO_ROUTE
        put_exchange(scope, self._exchange)
        mark = REQUEST_ID.set(self._exchange.request_id)
        started = around.clock.monotonic()
        around.metrics.running += 1
        try:
            await self._answer()
        finally:
            around.metrics.running -= 1
            seconds = around.clock.monotonic() - started
            around.metrics.count(scope["method"], scope["path_template"] or "/", self._status, seconds)
            if around.access_log.is_on:
                self._log(seconds)
            REQUEST_ID.reset(mark)

    async def _answer(self) -> None:
        try:
            self._exchange.refusal = self._refusal()
            await self._app(self._scope, self._receive_bounded, self._send_decorated)
        except Exception as error:
            if self._status:
                raise
            await self._send_problem(error)

    def _refusal(self) -> KeywrightError | None:
        """Return what speaks against the address of this request; the application behind says it."""
        try:
            self._around.hosts.verify(self._scope["headers"], self._scope["http_version"])
            _verify_no_nul(self._scope["path"], self._scope["query_string"])
        except KeywrightError as error:
            return error
        return None

    def _verify_announced_length(self) -> None:
        for name, value in self._scope["headers"]:
            if name == b"content-length" and int(value) > body_bound(self._scope["path"]):
                raise body_too_large(self._scope["path"])

    async def _receive_bounded(self) -> Message:
        # Checked here and not in front of the router, so that each door refuses in its own words.
        self._verify_announced_length()
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > body_bound(self._scope["path"]):
                raise body_too_large(self._scope["path"])
        return message

    async def _send_decorated(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            # For an application that forgot to: nothing goes out to a request that is to be refused.
            self._exchange.verify()
            self._status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._further_headers(message)]
        await self._send(message)

    def _further_headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        further = [(b"x-request-id", self._exchange.request_id.encode("ascii")), _NO_SNIFFING]
        # ASGI has the names of headers in lower case.
        present = dict(message.get("headers", ()))
        if b"cache-control" not in present:
            further.append(_NO_STORE)
        if not self._exchange.is_public and b"vary" not in present:
            further.append(_VARY)
        if self._status == 413:
            # What is left of the body would be read as the next request.
            further.append((b"connection", b"close"))
        return further

    async def _send_problem(self, error: Exception) -> None:
        ours, allow = translate(error)
        if ours.kind is Kind.INTERNAL:
            log_unexpected(error)
        self._exchange.problem = ours.slug
        rendered = render_problem(ours, self._exchange.request_id, allow=allow)
        headers = [(name.encode(), value.encode()) for name, value in rendered.headers.items()]
        headers.append((b"content-length", str(len(rendered.body)).encode()))
        await self._send_decorated(
            {"type": "http.response.start", "status": rendered.status, "headers": headers}
        )
        await self._send_decorated({"type": "http.response.body", "body": rendered.body, "more_body": False})

    def _log(self, seconds: float) -> None:
        around, scope, exchange = self._around, self._scope, self._exchange
        line = AccessLine(
            method=scope["method"],
            # As it was sent: percent-encoded.
            path=scope.get("raw_path", b"").partition(b"?")[0].decode("ascii", "backslashreplace"),
            status=self._status,
            milliseconds=round(seconds * 1000, 2),
            address=exchange.address,
            caller=f"{exchange.caller.kind.value}::{exchange.caller.id}" if exchange.caller else "-",
            problem=exchange.problem or "-",
        )
        around.access_log.add(line, exchange.request_id, around.clock.now())


def _verify_no_nul(path: str, query: bytes) -> None:
    """Raise MalformedError for NUL in an address: no name of ours has one, and PostgreSQL keeps none."""
    if "\0" in path or b"%00" in query:
        raise MalformedError("An address holds no NUL character.", rule="nul")


def _accepted_request_id(scope: Scope) -> str | None:
    """Return the client's own request id where it has the shape of one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return None


class BearerAuthentication:
    """Establishes the caller of every route that is not public."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Authenticate, then go on. Raises UnauthenticatedError, rendered by the application."""
        await establish_caller(exchange_in(scope), scope["route_handler"].opt, scope["headers"])
        await self._app(scope, receive, send)


async def establish_caller(
    exchange: Exchange, opt: Mapping[str, Any], headers: list[tuple[bytes, bytes]]
) -> None:
    """Authenticate whoever asks for a route with this `opt`, unless it is public.

    Raises UnauthenticatedError, counted by reason and network.
    """
    if opt.get("public"):
        exchange.is_public = True
        return
    try:
        token = parse_bearer(headers)
        exchange.caller = await exchange.doors.authenticator.authenticate(token, exchange.address)
    except UnauthenticatedError as error:
        exchange.doors.refusals.count(reason=error.slug, method="token", address=exchange.address)
        raise


def parse_bearer(headers: list[tuple[bytes, bytes]]) -> SecretValue[str]:
    """Return the bearer token (RFC 6750 section 2.1). Raises UnauthenticatedError for none or several."""
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) != 1:
        raise UnauthenticatedError("Send one bearer token: `Authorization: Bearer …`.")
    scheme, _, token = values[0].partition(b" ")
    token = token.strip()
    if scheme.lower() != b"bearer" or not 0 < len(token) <= _LONGEST_TOKEN or not token.isascii():
        raise UnauthenticatedError("Send a bearer token: `Authorization: Bearer …`.")
    return SecretValue(token.decode("ascii"))
