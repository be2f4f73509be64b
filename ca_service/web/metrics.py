"""Counters and durations of requests, by route and status, for Prometheus."""

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: The route of a request that no route answers; its path is the stranger's and never a label.
NO_ROUTE = "(none)"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The measurements of one process; children are bound once for each (method, route, status)."""

    def __init__(self, version: str) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "keywright_requests", "Requests answered", ("method", "route", "status"), registry=self._registry
        )
        self._durations = Histogram(
            "keywright_request_seconds",
            "Seconds from the request's headers to the end of its answer",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._running = Gauge("keywright_requests_running", "Requests in flight", registry=self._registry)
        information = Gauge("keywright_info", "The version that runs", ("version",), registry=self._registry)
        information.labels(version).set(1)
        self._bound: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.running = 0

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. `route` is a template such as `/v1/projects/{project}`."""
        key = (method, route, status)
        bound = self._bound.get(key) or self._bind(key)
        bound[0].inc()
        bound[1].observe(seconds)

    def _bind(self, key: tuple[str, str, int]) -> tuple[Counter, Histogram]:
        method = key[0] if key[0] in _METHODS else "other"
        bound = (
            self._requests.labels(method, key[1], str(key[2])),
            self._durations.labels(method, key[1]),
        )
        if method == key[0]:
            self._bound[key] = bound
        return bound

    def register(self, collector: "Collector") -> None:
        """Add the measurements of another package."""
        self._registry.register(collector)

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        self._running.set(self.running)
        return generate_latest(self._registry)
