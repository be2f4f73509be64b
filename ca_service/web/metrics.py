"""Counters and durations of requests, by route and status, for Prometheus."""

import os
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: The route of a request that no route answers; its path is the stranger's and never a label.
NO_ROUTE = "(none)"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Durations(Struct):
    """How long requests of one route took: how many fell into each bucket, and all together in seconds."""

    buckets: list[int]
    seconds: float = 0.0


class Metrics:
    """The measurements of one process. Plain numbers are counted up; Prometheus' objects are made of them
    when they are asked for, since their locks and checks would cost more than everything else in the front.
    """

    def __init__(self, version: str) -> None:
        self._version = version
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self._requests: dict[tuple[str, str, int], int] = {}
        self._durations: dict[tuple[str, str], _Durations] = {}
        self._totals: list[tuple[str, str, Callable[[], int]]] = []
        self.running = 0

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. `route` is a template such as `/v1/projects/{project}`."""
        if method not in _METHODS:
            method = "other"
        key = (method, route, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        durations = self._durations.get((method, route))
        if durations is None:
            durations = self._durations[method, route] = _Durations([0] * (len(_BUCKETS) + 1))
        durations.buckets[bisect_left(_BUCKETS, seconds)] += 1
        durations.seconds += seconds

    def add_total(self, name: str, help_: str, read: Callable[[], int]) -> None:
        """Show a number that only rises and that somebody else counts."""
        self._totals.append((name, help_, read))

    def register(self, collector: "Collector") -> None:
        """Add the measurements of another package."""
        self._registry.register(collector)

    def collect(self) -> "Iterator[Metric]":
        """Yield everything that was counted; Prometheus' registry asks for it."""
        requests = CounterMetricFamily(
            "keywright_requests", "Requests answered", labels=("method", "route", "status")
        )
        for (method, route, status), count in self._requests.items():
            requests.add_metric((method, route, str(status)), count)
        yield requests
        yield self._histogram()
        yield GaugeMetricFamily("keywright_requests_running", "Requests in flight", value=self.running)
        information = GaugeMetricFamily(
            "keywright_info",
            "The version that runs, and the process that answers",
            labels=("version", "process"),
        )
        information.add_metric((self._version, str(os.getpid())), 1)
        yield information
        for name, help_, read in self._totals:
            yield CounterMetricFamily(name, help_, value=read())

    def _histogram(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(
            "keywright_request_seconds",
            "Seconds from the request's headers to the end of its answer",
            labels=("method", "route"),
        )
        for labels, durations in self._durations.items():
            below, buckets = 0, []
            for bound, count in zip((*map(str, _BUCKETS), "+Inf"), durations.buckets, strict=True):
                below += count
                buckets.append((bound, below))
            family.add_metric(labels, buckets, sum_value=durations.seconds)
        return family

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)
