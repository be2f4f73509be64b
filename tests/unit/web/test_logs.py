"""Lines that people and programs read."""

import io
import json
import logging
import sys

from ca_service.web.logs import FIELDS, REQUEST_ID, JsonFormatter, TextFormatter


def record(message: str, *, error: BaseException | None = None, **fields: object) -> logging.LogRecord:
    trace = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord("keywright.test", logging.WARNING, __file__, 1, message, (), trace)
    if fields:
        setattr(made, FIELDS, fields)
    return made


def test_given_json_then_each_line_is_an_object_with_the_request() -> None:
    mark = REQUEST_ID.set("req_7")
    try:
        line = json.loads(JsonFormatter().format(record("it happened", status=200)))
    finally:
        REQUEST_ID.reset(mark)

    assert line["message"] == "it happened"
    assert (line["level"], line["request_id"], line["status"]) == ("warning", "req_7", 200)
    assert line["at"].endswith("Z")


def test_given_text_then_nobody_can_write_a_line_of_their_own() -> None:
    line = TextFormatter().format(record("a\nb\rc"))

    assert "\n" not in line
    assert "\r" not in line


def test_given_a_traceback_then_it_shows_no_local_variable() -> None:
    token = "kw_" + "s3cret"
    try:
        raise ValueError(f"broken after {len(token)} characters")
    except ValueError as error:
        line = JsonFormatter().format(record("unexpected", error=error))

    assert "ValueError: broken" in json.loads(line)["exception"]
    assert "kw_s3cret" not in line


def test_the_formatters_leave_standard_output_alone() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter())
    handler.emit(record("x"))

    assert stream.getvalue().endswith("x\n")
    assert handler.stream is not sys.stdout
