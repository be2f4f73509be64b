"""What every HTTP door uses: the caller's operation in, the outcome out. Doors translate and decide nothing.

A route says what the generated OpenAPI document and the middleware should know in its `opt`:
`@post("/…", opt=reads(IssueBody))` names the type of the body that the handler decodes, and
`@get("/…", opt=PUBLIC)` makes the route answer without a token. A handler declared
`-> Response[CertificateBody]` shows the type of its answer. Parameters of path and query are declared as
`project: FromPath[str]`, `serial: FromQuery[str | None]` (from `litestar.params`).
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from litestar import Request, Response

from ca_service.gate.caller import Caller
from ca_service.gate.operation import Operation
from ca_service.gate.port import Once, Outcome, RequestContext
from ca_service.kernel.errors import MalformedError, UnauthenticatedError
from ca_service.web.bodies import decode, read_body, verify_depth
from ca_service.web.exchange import exchange_of
from ca_service.web.paging import Page, page, parse_page
from ca_service.web.ready import Current

__all__ = [
    "OWN_WORDS",
    "PUBLIC",
    "Page",
    "answer",
    "caller_of",
    "client_address",
    "created",
    "decode",
    "no_content",
    "octets",
    "page",
    "parse_page",
    "perform",
    "perform_as",
    "plain_public_url",
    "public_url",
    "read_body",
    "reads",
    "request_id",
    "text",
    "throttle",
    "verify_depth",
]

A = TypeVar("A")
B = TypeVar("B")
AnyRequest = Request[Any, Any, Any]

#: The `opt` of a route that answers without a token and ignores one that is sent.
PUBLIC: dict[str, Any] = {"public": True}
#: A public route that also says itself what is wrong with the address: it calls `exchange.verify()` first.
OWN_WORDS: dict[str, Any] = {**PUBLIC, "own_words": True}
_NONE: Mapping[str, str] = {}
_LONGEST_KEY = 255


class Answer(Response[B]):
    """Litestar's response with what our doors say of one: its own constructor looks for ten things more."""

    def __init__(
        self,
        content: B,
        status: int,
        headers: dict[str, str],
        media_type: str,
        current: Current | None = None,
    ) -> None:
        self.current = current
        self.content = content
        self.status_code = status
        self.headers = headers
        self.media_type = media_type
        self.encoding = "utf-8"
        self.background = None
        self.cookies = []
        self.response_type_encoders = {}


def reads(body: type, *, public: bool = False) -> dict[str, Any]:
    """Return the `opt` of a route whose handler decodes `body`, for the OpenAPI document."""
    return {"body": body} | (PUBLIC if public else {})


async def perform(request: AnyRequest, operation: Operation[A]) -> Outcome[A]:
    """Perform `operation` as the caller of this request. Raises UnauthenticatedError if there is none."""
    return await perform_as(request, caller_of(request), operation)


async def perform_as(
    request: AnyRequest, caller: Caller, operation: Operation[A], *, once: Once | None = None
) -> Outcome[A]:
    """Perform `operation` as a caller that this door established by other means than a token (S2).

    `once` is used up with it.
    """
    exchange = exchange_of(request)
    context = RequestContext(exchange.request_id, _idempotency_key(request), once)
    return await exchange.doors.gate.perform(caller, operation, context)


def _idempotency_key(request: AnyRequest) -> str | None:
    raw = [value for name, value in request.scope["headers"] if name == b"idempotency-key"]
    if not raw:
        return None
    if (
        len(raw) > 1
        or not 0 < len(raw[0]) <= _LONGEST_KEY
        or any(not 0x21 <= byte <= 0x7E for byte in raw[0])
    ):
        raise MalformedError(
            f"An Idempotency-Key is 1 to {_LONGEST_KEY} printable ASCII characters without spaces.",
            field="Idempotency-Key",
            rule="idempotency_key",
        )
    return raw[0].decode("ascii")


def caller_of(request: AnyRequest) -> Caller:
    """Return the caller that the middleware established. Raises UnauthenticatedError."""
    caller = exchange_of(request).caller
    if caller is None:
        raise UnauthenticatedError("Send a bearer token: `Authorization: Bearer …`.")
    return caller


def client_address(request: AnyRequest) -> str:
    """Return the client's address as S9 says."""
    return exchange_of(request).address


def request_id(request: AnyRequest) -> str:
    """Return the id of this request, as in the log, the trail and its problem document."""
    return exchange_of(request).request_id


def public_url(request: AnyRequest) -> str:
    """Return the URL of the TLS listener as the world sees it, without a trailing slash."""
    return exchange_of(request).doors.public_url


def plain_public_url(request: AnyRequest) -> str:
    """Return the URL of the plain listener as the world sees it, without a trailing slash."""
    return exchange_of(request).doors.plain_public_url


def throttle(request: AnyRequest, name: str) -> None:
    """Take a token from the bucket `name` of the client's network. Raises RateLimitedError."""
    exchange = exchange_of(request)
    exchange.doors.limiter.take(name, exchange.address)


def answer(
    outcome: Outcome[Any] | None, body: B, *, status: int = 200, headers: Mapping[str, str] = _NONE
) -> Response[B]:
    """Answer `body` as JSON. A replayed outcome says so (S10)."""
    return Answer(body, status, _headers(outcome, headers), "application/json")


def created(
    outcome: Outcome[Any], location: str, body: B, *, headers: Mapping[str, str] = _NONE
) -> Response[B]:
    """Answer 201 with the address of what was made; `location` is a path of ours or a whole URL."""
    return answer(outcome, body, status=201, headers={"location": location, **headers})


def no_content(outcome: Outcome[Any] | None = None, *, headers: Mapping[str, str] = _NONE) -> Response[None]:
    """Answer 204."""
    return Answer(None, 204, _headers(outcome, headers), "application/json")


def text(
    content: str,
    *,
    media_type: str = "text/plain; charset=utf-8",
    headers: Mapping[str, str] = _NONE,
    status: int = 200,
) -> Response[bytes]:
    """Answer text, in UTF-8."""
    return octets(content.encode(), media_type=media_type, headers=headers, status=status)


def octets(
    content: bytes,
    *,
    media_type: str,
    headers: Mapping[str, str] = _NONE,
    status: int = 200,
    current: Current | None = None,
) -> Response[bytes]:
    """Answer bytes as they are.

    `current` marks what a public route answers to everyone alike: while it says so, whoever asks for the same
    address is answered the same without asking the route.
    """
    return Answer(content, status, dict(headers), media_type, current)


def _headers(outcome: Outcome[Any] | None, further: Mapping[str, str]) -> dict[str, str]:
    if outcome is not None and outcome.replayed:
        return {"idempotent-replay": "true", **further}
    return dict(further)
