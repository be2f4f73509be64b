"""One line for each answered request, at a tenth of what the logging module takes for it.

The lines look like those of `web/logs.py`. Those of a fiftieth of a second are written together.
"""

import asyncio
import sys
from datetime import datetime
from typing import Literal, TextIO

import msgspec
from msgspec import Struct

from ca_service.web.logs import one_line

_LOGGER = "keywright.access"
#: In seconds.
_DELAY = 0.02
_encode = msgspec.json.Encoder().encode


class AccessLine(Struct):
    """What is told of one request. `path` has no query, which may hold what nobody should read."""

    method: str
    path: str
    status: int
    milliseconds: float
    address: str
    caller: str
    problem: str


class AccessLog:
    """Writes to `stream` (standard error), in this style; nothing if the level is above `info`."""

    def __init__(
        self,
        style: Literal["text", "json"],
        level: Literal["debug", "info", "warning", "error"],
        stream: TextIO | None = None,
    ) -> None:
        self.is_on = level in {"debug", "info"}
        self._is_json = style == "json"
        self._stream = stream or sys.stderr
        self._lines: list[str] = []

    def add(self, line: AccessLine, request_id: str, at: datetime) -> None:
        """Write a line soon; `flush` writes it now."""
        moment = at.isoformat(timespec="milliseconds")[:-6] + "Z"
        message = one_line(
            f"{line.method} {line.path} {line.status} {line.milliseconds:.2f}ms {line.address} {line.caller} "
            f"{line.problem}"
        )
        if self._is_json:
            begin = {"at": moment, "level": "info", "logger": _LOGGER, "message": message}
            fields = {**begin, "request_id": request_id, **msgspec.structs.asdict(line)}
            text = _encode(fields).decode() + "\n"
        else:
            text = f"{moment} INFO {_LOGGER} [{request_id}] {message}\n"
        if not self._lines:
            asyncio.get_running_loop().call_later(_DELAY, self.flush)
        self._lines.append(text)

    def flush(self) -> None:
        """Write what waits; to be called at the end, when no timer fires any more."""
        lines, self._lines = self._lines, []
        if lines:
            self._stream.write("".join(lines))
            self._stream.flush()
