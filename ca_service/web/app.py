"""The application behind both listeners."""

from collections.abc import Sequence
from typing import Any

from litestar import Litestar
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin

from ca_service.web.dispatch import Dispatcher
from ca_service.web.health import Readiness, health_routes
from ca_service.web.middleware import AsgiApp, BearerAuthentication
from ca_service.web.openapi import openapi_route
from ca_service.web.problems import answer_error


class _Application(Litestar):
    """Litestar without the plug-ins it finds by itself: pydantic alone would cost an idle server 15 MiB."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def create_app(routes: Sequence[Any], *, readiness: Readiness, version: str) -> AsgiApp:
    """Return the application: the modules' routes, health, and the OpenAPI document.

    It runs behind `middleware.Front`, which makes the exchange that everything here relies on.
    """
    handlers = [*routes, *health_routes(readiness), openapi_route(routes, version)]

    def make_whole() -> AsgiApp:
        return _Application(
            route_handlers=handlers,
            middleware=[BearerAuthentication],
            exception_handlers={Exception: answer_error},
            openapi_config=None,
            logging_config=None,
            debug=False,
            # Bounds are the front's, by path; two of them would differ one day.
            request_max_body_size=None,
        )

    return Dispatcher(handlers, make_whole)
