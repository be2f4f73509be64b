"""What was counted, in Prometheus' text format."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from ca_service.web.metrics import BUCKETS, Metrics

if TYPE_CHECKING:
    from prometheus_client import Metric


def render(metrics: Metrics) -> bytes:
    """Return the measurements of this process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(metrics))
    return generate_latest(registry)


class _Families:
    """Makes Prometheus' objects of plain numbers."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> "Iterator[Metric]":
        """Yield everything that was counted; the registry asks for it."""
        metrics = self._metrics
        requests = CounterMetricFamily(
            "keywright_requests", "Requests answered", labels=("method", "route", "status")
        )
        for (method, route, status), count in metrics.requests.items():
            requests.add_metric((method, route, str(status)), count)
        yield requests
        yield self._histogram()
        yield GaugeMetricFamily("keywright_requests_running", "Requests in flight", value=metrics.running)
        information = GaugeMetricFamily(
            "keywright_info",
            "The version that runs, and the process that answers",
            labels=("version", "process"),
        )
        information.add_metric((metrics.version, str(os.getpid())), 1)
        yield information
        for name, help_, read in metrics.totals:
            yield CounterMetricFamily(name, help_, value=read())

    def _histogram(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(
            "keywright_request_seconds",
            "Seconds from the request's headers to the end of its answer",
            labels=("method", "route"),
        )
        for labels, durations in self._metrics.durations.items():
            below, buckets = 0, []
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), durations.buckets, strict=True):
                below += count
                buckets.append((bound, below))
            family.add_metric(labels, buckets, sum_value=durations.seconds)
        return family
