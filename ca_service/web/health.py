"""Whether the service is up, ready or on its way out."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Response, get

from ca_service.kernel.errors import UnavailableError
from ca_service.web.door import PUBLIC, text


class Readiness:
    """Ready from `open` to `close`, as long as `check` does not raise."""

    def __init__(self, check: Callable[[], Awaitable[None]]) -> None:
        self._check = check
        self._is_open = False

    def open(self) -> None:
        """Say ready from now on."""
        self._is_open = True

    def close(self) -> None:
        """Say no from now on: a load balancer stops sending while requests in flight finish."""
        self._is_open = False

    async def verify(self) -> None:
        """Raise UnavailableError unless requests can be answered."""
        if not self._is_open:
            raise UnavailableError("The service is starting or stopping.")
        await self._check()


def health_routes(readiness: Readiness) -> list[Any]:
    """Return `/healthz` (the process answers) and `/readyz` (it can do its work)."""

    @get("/healthz", opt=PUBLIC, include_in_schema=False)
    async def healthz() -> Response[bytes]:
        """Say that the process answers."""
        return text("ok\n")

    @get("/readyz", opt=PUBLIC, include_in_schema=False)
    async def readyz() -> Response[bytes]:
        """Say whether work can be done, and nothing more (S20)."""
        await readiness.verify()
        return text("ready\n")

    return [healthz, readyz]
