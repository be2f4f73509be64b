"""The application in process: the whole front, the router and the problems, without a socket."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.audit.entries import AuditEntry
from ca_service.gate.caller import Caller, CallerKind
from ca_service.gate.handler import Call
from ca_service.gate.operation import Operation
from ca_service.gate.port import Child, Outcome, RequestContext
from ca_service.kernel.clock import Clock, SystemClock
from ca_service.kernel.errors import UnauthenticatedError
from ca_service.kernel.identifiers import RandomIdentifiers
from ca_service.kernel.randomness import SystemRandomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.web.access_log import AccessLog
from ca_service.web.client_address import ClientAddresses
from ca_service.web.exchange import Doors
from ca_service.web.health import Readiness
from ca_service.web.hosts import OwnHosts
from ca_service.web.metrics import Metrics
from ca_service.web.middleware import AsgiApp, Front, Surroundings
from ca_service.web.plain import PlainListener
from ca_service.web.rate_limits import DEFAULT_RATES, Rate, RateLimiter
from ca_service.web.refusals import Refusals
from tests.support.partial_app import PartialApp

ALICE = Caller(
    kind=CallerKind.IDENTITY, id="idn_alice", name="alice", address="127.0.0.1", authenticated_by="token"
)
ALICES_TOKEN = "kw_alice"


class Answered(Struct, frozen=True):
    """What came back over the wire; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return msgspec.json.decode(self.body)


class FakeAuthenticator:
    """Knows Alice's token and no other."""

    async def authenticate(self, token: SecretValue[str], address: str) -> Caller:
        if token.reveal() != ALICES_TOKEN:
            raise UnauthenticatedError("This token is not valid.")
        return msgspec.structs.replace(ALICE, address=address)


class FakeGate:
    """Answers every operation with what `answers` says, and remembers how it was asked."""

    def __init__(self, answers: Callable[[Operation[Any]], Any] = lambda operation: operation) -> None:
        self._answers = answers
        self.asked: list[tuple[Caller, Operation[Any], RequestContext]] = []
        self.is_replaying = False

    async def perform(
        self, caller: Caller, operation: Operation[Any], request: RequestContext
    ) -> Outcome[Any]:
        self.asked.append((caller, operation, request))
        return Outcome(self._answers(operation), replayed=self.is_replaying)

    async def prepare(self, call: Call, operation: Operation[Any]) -> Child[Any]:
        raise AssertionError("a door never prepares a child")

    async def record(self, transaction: Any, child: Child[Any]) -> Any:
        raise AssertionError("a door never records a child")


class FakeTrail:
    """Keeps entries in a list."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    async def append(self, entry: AuditEntry) -> None:
        self.entries.append(entry)


async def healthy() -> None:
    """Find nothing wrong."""


class InProcess:
    """One application with its front, called without a socket."""

    def __init__(
        self,
        routes: Sequence[Any] = (),
        *,
        gate: FakeGate | None = None,
        trusted_proxies: Sequence[str] = (),
        rates: dict[str, Rate] | None = None,
        check: Callable[[], Awaitable[None]] = healthy,
        app: AsgiApp | None = None,
        plain: bool = False,
        log: io.StringIO | None = None,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        identifiers = RandomIdentifiers(clock, SystemRandomness())
        self.gate = gate or FakeGate()
        self.trail = FakeTrail()
        self.refusals = Refusals(self.trail, identifiers, clock)
        self.metrics = Metrics("1.2.3")
        self.readiness = Readiness(check)
        self.readiness.open()
        doors = Doors(
            gate=self.gate,
            authenticator=FakeAuthenticator(),
            limiter=RateLimiter(clock, DEFAULT_RATES if rates is None else rates),
            refusals=self.refusals,
            public_url="https://ca.example",
            plain_public_url="http://ca.example",
        )
        self.access_log = AccessLog("text", "info", log or io.StringIO())
        around = Surroundings(
            doors=doors,
            addresses=ClientAddresses(trusted_proxies),
            hosts=OwnHosts(["ca.example"]),
            metrics=self.metrics,
            identifiers=identifiers,
            clock=clock,
            access_log=self.access_log,
        )
        served: AsgiApp = app or PartialApp(routes, readiness=self.readiness, version="1.2.3")
        self.front = Front(PlainListener(served) if plain else served, around)

    def call(
        self,
        method: str,
        path: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | Sequence[bytes] = b"",
        token: str | None = ALICES_TOKEN,
        host: str | None = "ca.example",
        peer: str = "192.0.2.7",
    ) -> Answered:
        """Send one request and return its answer. `body` may come in several pieces."""
        target, _, query = path.partition("?")
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        if host is not None:
            raw.append((b"host", host.encode()))
        if token is not None:
            raw.append((b"authorization", f"Bearer {token}".encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8443),
            "client": (peer, 50000),
            "scheme": "https",
            "root_path": "",
            "method": method,
            "path": target,
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "headers": raw,
            "state": {},
        }
        answered = asyncio.run(
            _exchange(self.front, scope, [body] if isinstance(body, bytes) else list(body))
        )
        self.access_log.flush()
        return answered

    def post(self, path: str, value: Any, **further: Any) -> Answered:
        """Send a JSON body."""
        return self.call(
            "POST",
            path,
            headers=[("Content-Type", "application/json")],
            body=msgspec.json.encode(value),
            **further,
        )


async def _exchange(app: AsgiApp, scope: dict[str, Any], pieces: list[bytes]) -> Answered:
    waiting = list(pieces)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not waiting:
            return {"type": "http.disconnect"}
        piece = waiting.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = sent[0]
    return Answered(
        status=start["status"],
        headers={name.decode().lower(): value.decode() for name, value in start["headers"]},
        body=b"".join(message.get("body", b"") for message in sent[1:]),
    )
