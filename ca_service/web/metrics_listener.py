"""Measurements on an address of their own, without a token: whoever opens that address guards it (S20)."""

from typing import Any

from ca_service.kernel.errors import NotFoundError
from ca_service.web.exchange import exchange_in
from ca_service.web.metrics import CONTENT_TYPE, Metrics


class MetricsListener:
    """Answers `GET /metrics` and nothing else."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer. Raises NotFoundError for everything else, rendered by the front."""
        del receive
        exchange = exchange_in(scope)
        exchange.is_public = True
        exchange.verify()
        if scope["path"] != "/metrics" or scope["method"] not in {"GET", "HEAD"}:
            raise NotFoundError("address")
        body = self._metrics.render()
        headers = [
            (b"content-type", CONTENT_TYPE.encode("ascii")),
            (b"content-length", str(len(body)).encode("ascii")),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
