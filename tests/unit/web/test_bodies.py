"""Bounds, depth and strict decoding of bodies."""

from typing import Annotated, Any, Literal

import pytest
from litestar import Response, post
from msgspec import Meta, Struct

from ca_service.kernel.errors import MalformedError
from ca_service.web.bodies import body_bound, verify_depth
from ca_service.web.door import AnyRequest, answer, decode
from tests.support.web import Answered, InProcess


class Inner(Struct, forbid_unknown_fields=True):
    value: int


class Body(Struct, forbid_unknown_fields=True):
    name: str = "nobody"
    numbers: list[int] = []
    inner: Inner | None = None
    kind: Literal["a", "b"] = "a"
    short: Annotated[str, Meta(max_length=3)] = ""


@post("/v1/bodies")
async def read_it(request: AnyRequest) -> Response[Body]:
    return answer(None, await decode(request, Body))


@post("/acme/bodies")
async def read_acme(request: AnyRequest) -> Response[Body]:
    return answer(None, await decode(request, Body))


ROUTES: list[Any] = [read_it, read_acme]
JSON = [("Content-Type", "application/json")]


def send(body: bytes, content_type: str = "application/json", path: str = "/v1/bodies") -> Answered:
    return InProcess(ROUTES).call("POST", path, headers=[("Content-Type", content_type)], body=body)


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        (b'{"name":1}', "name", "type"),
        (b'{"numbers":[1,"x"]}', "numbers[1]", "type"),
        (b'{"inner":{"value":"x"}}', "inner.value", "type"),
        (b'{"inner":{}}', "inner.value", "required"),
        (b'{"nam":"x"}', "nam", "unknown_field"),
        (b'{"inner":{"value":1,"more":2}}', "inner.more", "unknown_field"),
        (b'{"kind":"c"}', "kind", "choice"),
        (b'{"short":"four"}', "short", "bounds"),
        (b"[]", None, "type"),
        (b'{"name":', None, "json"),
        (b"\xff\xfe", None, "json"),
        (b'{"name":"\xff"}', None, "json"),
    ],
)
def test_given_a_wrong_body_then_400_names_field_and_rule(body: bytes, field: str | None, rule: str) -> None:
    answered = send(body)

    assert answered.status == 400, answered.body
    assert (answered.json().get("field"), answered.json()["rule"]) == (field, rule)


def test_given_no_body_then_it_stands_for_an_empty_object() -> None:
    answered = InProcess(ROUTES).call("POST", "/v1/bodies")

    assert (answered.status, answered.json()["name"]) == (200, "nobody")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_given_another_media_type_then_415(content_type: str) -> None:
    assert send(b"{}", content_type).status == 415


def test_given_a_charset_parameter_then_utf_8_is_accepted() -> None:
    assert send(b"{}", "application/json; charset=UTF-8").status == 200


def test_given_nesting_within_the_bound_then_the_decoder_judges() -> None:
    verify_depth(b"[" * 16 + b"]" * 16)


@pytest.mark.parametrize(
    "body",
    [b"[" * 17 + b"]" * 17, b'{"a":' * 17 + b"1" + b"}" * 17, b"[" * 1_000_000, b"[]" * 8 + b"[{" * 9],
)
def test_given_deeper_nesting_then_it_is_refused_before_decoding(body: bytes) -> None:
    with pytest.raises(MalformedError) as refused:
        verify_depth(body)

    assert refused.value.rule == "depth"


def test_given_brackets_inside_strings_then_they_do_not_count() -> None:
    verify_depth(b'{"a": "' + b"[" * 100 + b'", "b": "\\"' + b"{" * 50 + b'"}')


def test_given_many_escaped_quotes_without_an_end_then_time_stays_linear() -> None:
    verify_depth(b'"' + b'\\"' * 500_000 + b"[" * 20)


def test_given_many_shallow_values_then_they_pass() -> None:
    verify_depth(b"[" + b"[],{}," * 50_000 + b"[]]")


def test_bounds_are_64_kib_for_acme_and_1_mib_elsewhere() -> None:
    assert (body_bound("/acme/default/new-order"), body_bound("/v1/anything")) == (65536, 1048576)


@pytest.mark.parametrize("rest", ["environments/dev/secrets/KEY", "environments/dev/secret-files", "commits"])
def test_where_secrets_are_written_a_value_of_1_mib_fits_however_it_is_escaped(rest: str) -> None:
    assert body_bound(f"/v1/projects/default/{rest}") == 2 * 1024 * 1024 + 65536


@pytest.mark.parametrize(("path", "size"), [("/acme/bodies", 65537), ("/v1/bodies", 1048577)])
def test_given_an_announced_length_beyond_the_bound_then_413_before_anything_is_read(
    path: str, size: int
) -> None:
    answered = InProcess(ROUTES).call("POST", path, headers=[*JSON, ("Content-Length", str(size))])

    assert answered.status == 413
    assert answered.headers["connection"] == "close"


def test_given_more_bytes_than_the_bound_in_pieces_then_413() -> None:
    answered = InProcess(ROUTES).call("POST", "/acme/bodies", headers=JSON, body=[b"x" * 40_000] * 3)

    assert answered.status == 413
    assert answered.json()["type"] == "urn:keywright:problem:too_large"


def test_given_a_body_at_the_bound_then_it_is_read() -> None:
    body = b'{"name":"' + b"n" * (65536 - 11) + b'"}'

    assert send(body, path="/acme/bodies").status == 200
