"""The only table from our errors to HTTP: RFC 9457 problem documents.

An internal error is answered with the request's id and nothing else. Whatever goes wrong before a handler is
reached (no such route, wrong method, body too large) comes out of the same table.
"""

import logging
import math
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import UNSET, Struct, UnsetType

from ca_service.kernel.errors import (
    ForbiddenError,
    KeywrightError,
    Kind,
    MalformedError,
    MethodNotAllowedError,
    NotFoundError,
    RateLimitedError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedMediaTypeError,
)
from ca_service.web.exchange import exchange_in

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:keywright:problem:"

#: Every kind of error has exactly one status and one title.
STATUS_AND_TITLE: Mapping[Kind, tuple[int, str]] = {
    Kind.MALFORMED: (400, "The request cannot be read"),
    Kind.UNAUTHENTICATED: (401, "No caller could be established"),
    Kind.FORBIDDEN: (403, "Not permitted"),
    Kind.NOT_FOUND: (404, "Not found"),
    Kind.METHOD_NOT_ALLOWED: (405, "Method not allowed"),
    Kind.CONFLICT: (409, "Contradicts what exists"),
    Kind.PRECONDITION: (412, "A condition of the request does not hold"),
    Kind.TOO_LARGE: (413, "Too large"),
    Kind.UNSUPPORTED_MEDIA_TYPE: (415, "Unsupported media type"),
    Kind.MISDIRECTED: (421, "Misdirected request"),
    Kind.UNACCEPTABLE: (422, "Refused by a rule"),
    Kind.RATE_LIMITED: (429, "Too many requests"),
    Kind.UNAVAILABLE: (503, "Unavailable"),
    Kind.INTERNAL: (500, "Internal error"),
}

_log = logging.getLogger("keywright.web")
_encode = msgspec.json.Encoder().encode


class Problem(Struct, frozen=True):
    """One problem document (RFC 9457 section 3.1); what is UNSET does not appear."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    field: str | UnsetType = UNSET
    rule: str | UnsetType = UNSET
    decision_id: str | UnsetType = UNSET


class RenderedProblem(Struct, frozen=True):
    """A problem document as it goes over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


def render_problem(error: KeywrightError, request_id: str, *, allow: str | None = None) -> RenderedProblem:
    """Return the document of `error`. `allow` lists the methods for a 405 (RFC 9110 section 15.5.6)."""
    status, title = STATUS_AND_TITLE[error.kind]
    if error.kind is Kind.INTERNAL:
        problem = Problem(
            type=_TYPE_PREFIX + Kind.INTERNAL,
            title=title,
            status=status,
            detail="A mistake of ours; the server's log has it under this request id.",
            request_id=request_id,
        )
    else:
        problem = Problem(
            type=_TYPE_PREFIX + error.slug,
            title=title,
            status=status,
            detail=error.detail,
            request_id=request_id,
            field=UNSET if error.field is None else error.field,
            rule=UNSET if error.rule is None else error.rule,
            decision_id=error.decision_id if isinstance(error, ForbiddenError) else UNSET,
        )
    headers = {"content-type": MEDIA_TYPE, "cache-control": "no-store"} | _headers_of(error, allow)
    return RenderedProblem(status=status, headers=headers, body=_encode(problem))


def _headers_of(error: KeywrightError, allow: str | None) -> dict[str, str]:
    if isinstance(error, RateLimitedError | UnavailableError):
        return {"retry-after": str(max(1, math.ceil(error.retry_after.total_seconds())))}
    if isinstance(error, UnauthenticatedError):
        return {"www-authenticate": "Bearer"}
    if isinstance(error, MethodNotAllowedError) and allow is not None:
        return {"allow": allow}
    return {}


def translate(error: Exception) -> tuple[KeywrightError, str | None]:
    """Return our error for whatever was raised, and the methods allowed where the router told them."""
    if isinstance(error, KeywrightError):
        return error, None
    if isinstance(error, HTTPException):
        return _translate_router_error(error)
    return KeywrightError("unexpected"), None


def _translate_router_error(error: HTTPException) -> tuple[KeywrightError, str | None]:
    match error.status_code:
        case 404:
            return NotFoundError("address"), None
        case 405:
            allow = (error.headers or {}).get("allow", "")
            listed = ", ".join(sorted({*allow.split(", "), "OPTIONS"} - {""}))
            return MethodNotAllowedError("This address does not answer to that method."), listed
        case 413:
            return TooLargeError("The body is too large."), None
        case 415:
            return UnsupportedMediaTypeError("Send the body as application/json."), None
        case status if 400 <= status < 500:
            detail, field = _fault_of(error)
            return MalformedError(detail, field=field), None
    return KeywrightError("unexpected"), None


def _fault_of(error: HTTPException) -> tuple[str, str | None]:
    """Return what the router's validation of query and path found, without the URL that it quotes."""
    faults: Any = error.extra
    if isinstance(faults, list) and faults and isinstance(faults[0], dict):
        key = faults[0].get("key")
        return str(faults[0].get("message", "The request cannot be read.")), None if key is None else str(key)
    return "The request cannot be read.", None


def log_unexpected(error: Exception) -> None:
    """Log a mistake of ours with its traceback; no local variable is shown (S22)."""
    _log.error("unexpected %s", type(error).__name__, exc_info=error)


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Render `error`; this is the exception handler of the whole application."""
    exchange = exchange_in(request.scope)
    ours, allow = translate(error)
    if ours.kind is Kind.INTERNAL:
        log_unexpected(error)
    exchange.problem = ours.slug
    rendered = render_problem(ours, exchange.request_id, allow=allow)
    headers = {name: value for name, value in rendered.headers.items() if name != "content-type"}
    return Response(rendered.body, status_code=rendered.status, headers=headers, media_type=MEDIA_TYPE)
