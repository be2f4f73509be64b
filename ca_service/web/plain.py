"""The manners of the plain-HTTP listener: a fixed list of public artefacts and nothing else (S20)."""

import logging
import re
from typing import Any

from ca_service.kernel.errors import MalformedError, MethodNotAllowedError, NotFoundError
from ca_service.web.exchange import exchange_in
from ca_service.web.middleware import AsgiApp
from ca_service.web.problems import render_problem

_log = logging.getLogger("keywright.plain")

_NAME = r"[A-Za-z0-9_-]{1,64}"
_READ = re.compile(
    rf"/healthz|/readyz|/pki/roots\.pem|/pki/{_NAME}/(?:ca\.der|ca\.pem|crl(?:/[0-9]{{1,3}})?)"
    rf"|/ssh/{_NAME}/(?:user-ca\.pub|host-ca\.pub|krl(?:\.sig)?)"
)
_OCSP_READ = re.compile(rf"/pki/{_NAME}/ocsp/.{{1,1024}}", re.DOTALL)
_OCSP_POST = re.compile(rf"/pki/{_NAME}/ocsp")
_CREDENTIALS = frozenset({b"authorization", b"cookie", b"proxy-authorization"})


def methods_of(path: str) -> tuple[str, ...]:
    """Return the methods that the plain listener answers at this path; none if it does not answer there."""
    if _READ.fullmatch(path) or _OCSP_READ.fullmatch(path):
        return ("GET", "HEAD")
    return ("POST",) if _OCSP_POST.fullmatch(path) else ()


class PlainListener:
    """Admits the fixed list to the application behind it."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Admit or refuse; a credential sent in the clear is refused and warned about, never redirected."""
        exchange = exchange_in(scope)
        exchange.is_public = True
        exchange.verify()
        if any(name in _CREDENTIALS for name, _ in scope["headers"]):
            _log.warning(
                "%s sent a credential over plain HTTP; it may have been read on the way: revoke it",
                exchange.address,
            )
            raise MalformedError(
                "Never send a token or cookie over plain HTTP: use the https address, revoke what you sent.",
                rule="plain_credentials",
            )
        allowed = methods_of(scope["path"])
        if not allowed:
            raise NotFoundError("address")
        if scope["method"] not in allowed:
            await _refuse_method(allowed, exchange.request_id, send)
            return
        if scope["method"] == "HEAD":
            # The routes answer GET; the server leaves the body out.
            as_get = {**scope, "method": "GET"}
            await self._app(as_get, receive, send)
            scope["path_template"] = as_get["path_template"]
            return
        await self._app(scope, receive, send)


async def _refuse_method(allowed: tuple[str, ...], request_id: str, send: Any) -> None:
    error = MethodNotAllowedError("The plain listener does not answer to that method.")
    rendered = render_problem(error, request_id, allow=", ".join(allowed))
    headers = [(name.encode(), value.encode()) for name, value in rendered.headers.items()]
    headers.append((b"content-length", str(len(rendered.body)).encode()))
    await send({"type": "http.response.start", "status": rendered.status, "headers": headers})
    await send({"type": "http.response.body", "body": rendered.body, "more_body": False})
