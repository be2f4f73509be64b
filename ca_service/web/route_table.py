"""The routes that are answered at once: those whose handlers take the request, texts of the path and plain
parameters of the query.

They are known from the handlers alone, so that a server which is asked for nothing else never builds the
application behind them.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from msgspec import Struct

from ca_service.web.queries import Query, query_of

_TEXT = ":str}"
#: The end of a path, slashes and all, which a handler reads from the request as it was written.
_REST = ":path}"


class Route(Struct, frozen=True):
    """A handler that is called at once.

    `template` is its path with the names of what varies; `names` has None for what the handler does not take.
    `queries` are the parameters of the query that it takes.
    """

    function: Callable[..., Awaitable[Response[Any] | ASGIResponse]]
    opt: Mapping[str, Any]
    template: str
    names: tuple[str | None, ...]
    takes_request: bool
    queries: tuple[Query, ...] = ()

    def parameters(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return those texts of the path that the handler takes, by name."""
        return {name: text for name, text in zip(self.names, texts, strict=True) if name is not None}


class _Node(Struct):
    """What may come next in a path: a fixed word, or else anything."""

    words: dict[str, "_Node"]
    anything: "_Node | None" = None
    routes: dict[str, Route] = {}
    rests: dict[str, Route] = {}


class RouteTable:
    """Finds routes by method and path. A fixed word goes before anything, as in Litestar's router."""

    def __init__(self, handlers: Iterable[Any]) -> None:
        self._root = _Node({})
        for handler in handlers:
            if isinstance(handler, HTTPRouteHandler):
                for path in handler.paths:
                    self._add(handler, path)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, Any]] | None:
        """Return the route and the texts of its path; None where it is not one of these.

        Other ways to write a path (an empty segment, a blank one) are left to the application.
        """
        node = self._root
        texts: list[str] = []
        segments = path.split("/")[1:]
        for place, segment in enumerate(segments):
            if node.rests and any(segments[place:]):
                route = node.rests.get(method)
                return None if route is None else (route, route.parameters(texts))
            following = node.words.get(segment)
            if following is None:
                following = node.anything
                if following is None or not segment:
                    return None
                texts.append(segment)
            node = following
        route = node.routes.get(method)
        return None if route is None else (route, route.parameters(texts))

    def _add(self, handler: HTTPRouteHandler, path: str) -> None:
        template = path.replace(_TEXT, "}").replace(_REST, "}")
        path, has_rest = _without_rest(path)
        segments = path.split("/")[1:]
        names = tuple(segment[1 : -len(_TEXT)] for segment in segments if segment.endswith(_TEXT))
        route = _route(handler, path, names, template)
        node = self._root
        for segment in segments:
            if segment.startswith("{"):
                node.anything = node.anything or _Node({})
                node = node.anything
            else:
                node = node.words.setdefault(segment, _Node({}))
        if route is not None and has_rest:
            node.rests = {**node.rests, **dict.fromkeys(handler.http_methods, route)}
        elif route is not None:
            node.routes = {**node.routes, **dict.fromkeys(handler.http_methods, route)}


def _without_rest(path: str) -> tuple[str, bool]:
    """Return a path without its rest, and whether it has one."""
    before, _, last = path.rpartition("/")
    return (before, True) if last.startswith("{") and last.endswith(_REST) else (path, False)


def _route(handler: HTTPRouteHandler, path: str, names: tuple[str, ...], template: str) -> Route | None:
    """Return the handler as a route; None where it needs more than the request and texts of the path."""
    if path.count("{") != len(names) or not inspect.iscoroutinefunction(handler.fn):
        return None
    signature = inspect.signature(handler.fn)
    wanted = signature.parameters.keys()
    queries = []
    for name in wanted - {"request", *names}:
        query = query_of(signature.parameters[name])
        if query is None:
            return None
        queries.append(query)
    if not _is_response(signature.return_annotation):
        return None
    taken = tuple(name if name in wanted else None for name in names)
    return Route(handler.fn, handler.opt, template, taken, "request" in wanted, tuple(queries))


def _is_response(annotation: Any) -> bool:
    """Tell whether a handler is declared to answer a response, or one of several kinds."""
    if get_origin(annotation) in {Union, UnionType}:
        return all(map(_is_response, get_args(annotation)))
    answer = get_origin(annotation) or annotation
    return isinstance(answer, type) and issubclass(answer, Response | ASGIResponse)
