"""The short way from a route to its handler: Litestar's router finds it, and it is called at once.

Litestar's own way there and back to bytes prepares for what no door of ours has (dependencies, guards,
hooks, caches, cookies) and took a quarter of an authenticated read when it was measured. What needs more than
its path still goes that way, and whatever the router refuses.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.routes import HTTPRoute
from msgspec import Struct

from ca_service.web.exchange import exchange_in
from ca_service.web.middleware import establish_caller

#: Answers without a body (RFC 9110 section 6.4.1).
_BARE = frozenset({204, 304})
_encode = msgspec.json.Encoder().encode


class _Direct(Struct, frozen=True):
    """A handler that is called at once."""

    function: Callable[..., Awaitable[Response[Any] | ASGIResponse]]
    opt: Mapping[str, Any]
    takes_request: bool
    takes_of_path: frozenset[str]


class Dispatcher:
    """An application in front of another one: the same routes, callers and errors."""

    def __init__(self, app: Litestar) -> None:
        self._app = app
        self._find = app.asgi_router.handle_routing
        self._direct: Mapping[Any, _Direct] = {
            handler: _direct(handler)
            for route in app.routes
            if isinstance(route, HTTPRoute)
            for handler in route.route_handlers
            if _needs_only_its_path(route, handler)
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request. Errors are raised to the front, which renders them."""
        found, exchange = self._route(scope), exchange_in(scope)
        if found is None or not found[0].opt.get("own_words"):
            exchange.verify()
        if found is None:
            await self._app(scope, receive, send)
            return
        direct, of_path, scope["path_template"] = found
        await establish_caller(exchange, direct.opt, scope["headers"])
        parameters = {name: of_path[name] for name in direct.takes_of_path}
        if direct.takes_request:
            parameters["request"] = Request(scope, receive, send)
        response = await direct.function(**parameters)
        if isinstance(response, ASGIResponse):
            await response(scope, receive, send)
        else:
            await _send(response, send)

    def _route(self, scope: Any) -> "tuple[_Direct, dict[str, Any], str] | None":
        try:
            _, handler, _, parameters, template = self._find(path=scope["path"], method=scope["method"])
        except HTTPException:
            return None
        direct = self._direct.get(handler)
        return None if direct is None else (direct, parameters, template)


def _direct(handler: HTTPRouteHandler) -> _Direct:
    names = handler.parsed_fn_signature.parameters.keys()
    return _Direct(handler.fn, handler.opt, "request" in names, frozenset(names - {"request"}))


def _needs_only_its_path(route: HTTPRoute, handler: HTTPRouteHandler) -> bool:
    """Tell a handler that takes the request and texts of the path, and answers with a response."""
    texts = {parameter.name for parameter in route.path_parameters.values() if parameter.type is str}
    signature = handler.parsed_fn_signature
    return (
        not handler.has_sync_callable
        and signature.parameters.keys() <= texts | {"request"}
        and signature.return_type.is_subclass_of((Response, ASGIResponse))
    )


async def _send(response: Response[Any], send: Any) -> None:
    status = response.status_code
    assert status is not None, "every answer of our doors says it"
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.headers.items()]
    body = b""
    if status not in _BARE:
        content = response.content
        body = content if isinstance(content, bytes) else _encode(content)
        kind = str(response.media_type)
        if kind.startswith("text/") and "charset" not in kind:
            kind += "; charset=utf-8"
        headers.append((b"content-type", kind.encode("latin-1")))
        headers.append((b"content-length", str(len(body)).encode("ascii")))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
