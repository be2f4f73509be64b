"""The short way from a route to its handler: a table of ours finds it, and it is called at once.

Litestar's own way there and back to bytes prepares for what no door of ours has (dependencies, guards,
hooks, caches, cookies) and took a quarter of an authenticated read when it was measured. What needs more than
its path and a plain query still goes that way, and whatever is no route. Answers that stand ready go out
before that.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.response.base import ASGIResponse

from ca_service.web.exchange import exchange_in
from ca_service.web.middleware import AsgiApp, establish_caller
from ca_service.web.queries import parse_queries
from ca_service.web.ready import Ready, ReadyAnswers
from ca_service.web.route_table import RouteTable

#: Answers without a body (RFC 9110 section 6.4.1).
_BARE = frozenset({204, 304})
_encode = msgspec.json.Encoder().encode


class Dispatcher:
    """An application in front of another one: the same routes, callers and errors.

    The other one is made by `make_whole` when it is first needed: it takes a tenth of a second and 3 MiB.
    """

    def __init__(self, handlers: Iterable[Any], make_whole: Callable[[], AsgiApp]) -> None:
        self._routes = RouteTable(handlers)
        self._ready = ReadyAnswers()
        self._make_whole = make_whole
        self._whole: AsgiApp | None = None
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request. Errors are raised to the front, which renders them."""
        exchange = exchange_in(scope)
        ready = self._ready.find(scope)
        if ready is not None:
            exchange.verify()
            exchange.is_public = True
            scope["path_template"] = ready.template
            # The front adds to a list of its own.
            await send({"type": "http.response.start", "status": 200, "headers": ready.headers})
            await send({"type": "http.response.body", "body": ready.body, "more_body": False})
            return
        found = self._routes.find(scope["method"], scope["path"])
        if found is None or not found[0].opt.get("own_words"):
            exchange.verify()
        queries = None if found is None else parse_queries(found[0].queries, scope["query_string"])
        if found is None or queries is None:
            whole = self._whole or await self._complete()
            await whole(scope, receive, send)
            return
        route, parameters = found
        parameters.update(queries)
        scope["path_template"] = route.template
        await establish_caller(exchange, route.opt, scope["headers"])
        if route.takes_request:
            parameters["request"] = Request(scope, receive, send)
        response = await route.function(**parameters)
        if isinstance(response, ASGIResponse):
            await response(scope, receive, send)
        else:
            start, body = _messages(response)
            current = getattr(response, "current", None)
            if current is not None and start["status"] == 200 and exchange.is_public:
                ready = Ready(scope["path_template"], start["headers"], body["body"], current)
                self._ready.keep(scope, ready)
            await send(start)
            await send(body)

    async def _complete(self) -> AsgiApp:
        async with self._turn:
            if self._whole is None:
                self._whole = await asyncio.to_thread(self._make_whole)
        return self._whole


def _messages(response: Response[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the two messages that are a response (ASGI's HTTP section)."""
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
    start = {"type": "http.response.start", "status": status, "headers": headers}
    return start, {"type": "http.response.body", "body": body, "more_body": False}
