"""Counters and durations of requests, by route and status, for Prometheus."""

from bisect import bisect_left
from collections.abc import Callable

from msgspec import Struct

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: The route of a request that no route answers; its path is the stranger's and never a label.
NO_ROUTE = "(none)"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Durations(Struct):
    """How long requests of one route took: how many fell into each bucket, and all together in seconds."""

    buckets: list[int]
    seconds: float = 0.0


class Metrics:
    """The measurements of one process. Plain numbers are counted up; Prometheus' objects are made of them
    when they are asked for, since their locks and checks would cost more than everything else in the front.
    """

    def __init__(self, version: str) -> None:
        self.version = version
        self.requests: dict[tuple[str, str, int], int] = {}
        self.durations: dict[tuple[str, str], Durations] = {}
        self.totals: list[tuple[str, str, Callable[[], int]]] = []
        self.running = 0

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. `route` is a template such as `/v1/projects/{project}`."""
        if method not in _METHODS:
            method = "other"
        key = (method, route, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        durations = self.durations.get((method, route))
        if durations is None:
            durations = self.durations[method, route] = Durations([0] * (len(BUCKETS) + 1))
        durations.buckets[bisect_left(BUCKETS, seconds)] += 1
        durations.seconds += seconds

    def add_total(self, name: str, help_: str, read: Callable[[], int]) -> None:
        """Show a number that only rises and that somebody else counts."""
        self.totals.append((name, help_, read))

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        # Three megabytes of libraries, for those whose measurements somebody asks for.
        from ca_service.web.exposition import render

        return render(self)
