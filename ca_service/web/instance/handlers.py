"""Readers of the instance's state."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from ca_service.gate.handler import Call, Prepared, Reader
from ca_service.policy.values import Access, Entity, Resource
from ca_service.web.instance.operations import Notice, ReadMetrics, ReadStatus, Status
from ca_service.web.metrics import Metrics

#: Tells what its package wants the person who runs the instance to know.
StatusSource: TypeAlias = Callable[[], Awaitable[Sequence[Notice]]]

_INSTANCE = Resource(Entity("Instance", "instance"), "page", None)


def _access(operation: ReadStatus | ReadMetrics) -> tuple[Access, ...]:
    return (Access(operation.action, _INSTANCE, visible_by=operation.action),)


class StatusReader(Reader[ReadStatus, Status]):
    """Asks every source."""

    def __init__(self, version: str, database: str, sources: Sequence[StatusSource]) -> None:
        self._version = version
        self._database = database
        self._sources = sources

    async def prepare(self, call: Call, operation: ReadStatus) -> Prepared[Any]:
        """Collect the notices."""
        del call
        notices = [notice for source in self._sources for notice in await source()]
        status = Status(version=self._version, database=self._database, notices=tuple(notices))
        return Prepared(status, _access(operation))


class MetricsReader(Reader[ReadMetrics, bytes]):
    """Renders this process's measurements."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def prepare(self, call: Call, operation: ReadMetrics) -> Prepared[Any]:
        """Render them."""
        del call
        return Prepared(self._metrics.render(), _access(operation))
