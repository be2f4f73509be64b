"""The application with only those routes that a request can mean: making one of all takes long.

Which routes there are together is tested on the whole instance (`tests/support/instance.py`) and on real
servers; a test of what one door does needs that door.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ca_service.web.app import create_app
from ca_service.web.health import Readiness
from ca_service.web.middleware import AsgiApp

_PARAMETER = re.compile(r"\{[^}:]+:(\w+)\}")


class PartialApp:
    """Answers as `create_app` over all the routes does; what it needs of them is made when asked for."""

    def __init__(self, routes: Sequence[Any], *, readiness: Readiness, version: str) -> None:
        self._routes = tuple(routes)
        self._readiness = readiness
        self._version = version
        self._made: dict[tuple[int, ...], AsgiApp] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request; what no route of ours means is for the whole application to answer."""
        path = scope["path"]
        meant = tuple(number for number, route in enumerate(self._routes) if _means(route, path))
        app = self._made.get(meant)
        if app is None:
            routes = [self._routes[number] for number in meant] or self._routes
            app = self._made[meant] = create_app(routes, readiness=self._readiness, version=self._version)
        await app(scope, receive, send)


def _means(route: Any, path: str) -> bool:
    return any(_pattern(template).fullmatch(path) is not None for template in route.paths)


@lru_cache(maxsize=2048)
def _pattern(template: str) -> re.Pattern[str]:
    pieces, end = [], 0
    for found in _PARAMETER.finditer(template):
        pieces += [re.escape(template[end : found.start()]), ".+" if found[1] == "path" else "[^/]*"]
        end = found.end()
    return re.compile("/?" + "".join((*pieces, re.escape(template[end:]))).lstrip("/") + "/?")
