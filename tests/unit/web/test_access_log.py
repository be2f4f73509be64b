"""The line of each request."""

import asyncio
import io
import json
from datetime import UTC, datetime
from typing import Literal

from ca_service.web.access_log import AccessLine, AccessLog

AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


def line(path: str = "/v1/a") -> AccessLine:
    return AccessLine(
        method="GET",
        path=path,
        status=200,
        milliseconds=1.5,
        address="192.0.2.7",
        caller="Identity::idn_1",
        problem="-",
    )


def written(*lines: AccessLine, style: Literal["text", "json"] = "text") -> str:
    stream = io.StringIO()

    async def write() -> None:
        log = AccessLog(style, "info", stream)
        for each in lines:
            log.add(each, "req_1", AT)
        log.flush()

    asyncio.run(write())
    return stream.getvalue()


def test_a_text_line_begins_like_those_of_the_log() -> None:
    assert written(line()) == (
        "2026-01-02T03:04:05.678Z INFO keywright.access [req_1] "
        "GET /v1/a 200 1.50ms 192.0.2.7 Identity::idn_1 -\n"
    )


def test_lines_keep_their_order() -> None:
    assert [text.split()[5] for text in written(line("/1"), line("/2")).splitlines()] == ["/1", "/2"]


def test_nobody_can_write_a_line_of_their_own() -> None:
    assert len(written(line("/a\r\nb")).splitlines()) == 1


def test_a_json_line_has_the_fields_beside_the_message() -> None:
    entry = json.loads(written(line(), style="json"))
    assert (entry["level"], entry["logger"], entry["request_id"]) == ("info", "keywright.access", "req_1")
    assert (entry["path"], entry["status"], entry["milliseconds"]) == ("/v1/a", 200, 1.5)
    assert entry["message"].startswith("GET /v1/a 200")


async def test_lines_are_written_soon_without_being_told() -> None:
    stream = io.StringIO()
    log = AccessLog("text", "info", stream)
    log.add(line(), "req_1", AT)
    async with asyncio.timeout(5):
        while not stream.getvalue():
            await asyncio.sleep(0.005)


def test_above_info_nothing_is_logged() -> None:
    assert not AccessLog("text", "warning", io.StringIO()).is_on
