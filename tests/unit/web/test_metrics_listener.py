"""The address for measurements answers one thing to those who ask it by one of our names (S9, S20)."""

import pytest

from ca_service.web.metrics import Metrics
from ca_service.web.metrics_listener import MetricsListener
from tests.support.web import InProcess


@pytest.fixture
def front() -> InProcess:
    return InProcess(app=MetricsListener(Metrics("1.2.3")))


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        ("GET", "/metrics", "localhost:9090", 200),
        ("GET", "/metrics", "evil.example", 421),
        ("GET", "/other", "localhost:9090", 404),
        ("POST", "/metrics", "localhost:9090", 404),
    ],
)
def test_what_it_answers(front: InProcess, method: str, path: str, host: str, status: int) -> None:
    assert front.call(method, path, host=host, token=None).status == status
