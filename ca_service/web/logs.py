"""How log lines look: text or JSON on standard error, each with the id of the request it belongs to.

Tracebacks show no local variables, so that no key or token is in a log (S22).
"""

import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, TextIO

import msgspec

#: The request that this task works for.
REQUEST_ID: ContextVar[str] = ContextVar("keywright_request_id", default="")
#: Further fields of a line: `log.info("…", extra={FIELDS: {"status": 200}})`.
FIELDS = "keywright_fields"
_encode = msgspec.json.Encoder().encode
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class TextFormatter(logging.Formatter):
    """`2026-01-02T03:04:05.678Z INFO keywright.web [req_…] message`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and the traceback below it if there is one."""
        request = REQUEST_ID.get()
        mark = f" [{request}]" if request else ""
        line = f"{_moment(record)} {record.levelname} {record.name}{mark} {one_line(record.getMessage())}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one object; `exception` holds the traceback if there is one."""
        entry: dict[str, object] = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request = REQUEST_ID.get()
        if request:
            entry["request_id"] = request
        entry.update(getattr(record, FIELDS, {}))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return _encode(entry).decode()


def _moment(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.created % 1 * 1000):03}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def one_line(message: str) -> str:
    """Return the message without line ends, so that nobody can write log lines of their own."""
    return message.replace("\r", "\\r").replace("\n", "\\n")


def configure_logging(
    style: Literal["text", "json"],
    level: Literal["debug", "info", "warning", "error"],
    stream: TextIO | None = None,
) -> None:
    """Send every logger's lines to `stream` (standard error), in this style, from this level on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    # What no line of ours shows is not collected (Python's logging howto, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001
    # uvicorn tells its own starts and stops at this level; ours say more.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(max(_LEVELS[level], logging.INFO))
