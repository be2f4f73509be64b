"""What can be asked about the instance."""

from typing import ClassVar, Literal

from msgspec import Struct

from ca_service.gate.operation import Operation


class Notice(Struct, frozen=True):
    """One thing that the person who runs the instance should know.

    `open`: something to do; `promise`: a promise that is not kept (S24); `expiring`: ends within 14 days.
    """

    kind: Literal["open", "promise", "expiring"]
    text: str


class Status(Struct, frozen=True):
    """The state of the instance."""

    version: str
    database: str
    notices: tuple[Notice, ...]


class ReadStatus(Operation[Status], frozen=True, kw_only=True):
    """Say what is open, which promise is not kept and what expires soon."""

    action: ClassVar[str] = "instance:read-status"
    reads: ClassVar[bool] = True


class ReadMetrics(Operation[bytes], frozen=True, kw_only=True):
    """Return the measurements of the process that answers, in Prometheus' text format."""

    action: ClassVar[str] = "instance:read-metrics"
    reads: ClassVar[bool] = True
