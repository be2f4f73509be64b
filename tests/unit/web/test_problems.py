"""Every error of ours comes out as one problem document."""

from datetime import timedelta
from typing import Any

import pytest
from litestar import Response, get, post
from litestar.params import FromQuery
from msgspec import Struct

from ca_service.kernel.errors import (
    ConflictError,
    ForbiddenError,
    InternalError,
    KeywrightError,
    Kind,
    MalformedError,
    NotFoundError,
    RateLimitedError,
    UnauthenticatedError,
    UnavailableError,
)
from ca_service.web.door import AnyRequest, answer, decode, reads
from ca_service.web.problems import STATUS_AND_TITLE, render_problem
from tests.support.web import InProcess


class Body(Struct, forbid_unknown_fields=True):
    name: str


@get("/v1/boom")
async def boom() -> Response[bytes]:
    secret = "hunter2-in-a-local"
    raise ValueError(f"internals {len(secret)}")


@get("/v1/number")
async def number(limit: FromQuery[int]) -> Response[dict[str, int]]:
    return answer(None, {"limit": limit})


@post("/v1/things", opt=reads(Body))
async def make_thing(request: AnyRequest) -> Response[Body]:
    return answer(None, await decode(request, Body), status=201)


ROUTES: list[Any] = [boom, number, make_thing]


def test_every_kind_has_a_status_and_a_title() -> None:
    assert set(STATUS_AND_TITLE) == set(Kind)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MalformedError("Read this.", field="a", rule="b"), 400),
        (UnauthenticatedError("Who?"), 401),
        (ForbiddenError("No.", decision_id="dec_1"), 403),
        (NotFoundError("certificate"), 404),
        (ConflictError("Taken."), 409),
        (RateLimitedError("Slow.", retry_after=timedelta(seconds=7)), 429),
        (UnavailableError("Later."), 503),
    ],
)
def test_given_an_error_then_its_document_says_what_to_do(error: KeywrightError, status: int) -> None:
    rendered = render_problem(error, "req_1")

    assert rendered.status == status
    assert error.detail.encode() in rendered.body
    assert b'"type":"urn:keywright:problem:' + error.slug.encode() in rendered.body
    assert b'"request_id":"req_1"' in rendered.body
    assert rendered.headers["content-type"] == "application/problem+json"


def test_given_a_denial_then_the_decision_is_named() -> None:
    assert b'"decision_id":"dec_1"' in render_problem(ForbiddenError("No.", decision_id="dec_1"), "r").body


def test_given_a_field_at_fault_then_it_and_its_rule_are_named() -> None:
    body = render_problem(MalformedError("x", field="dns_names[2]", rule="idna"), "r").body

    assert b'"field":"dns_names[2]","rule":"idna"' in body


def test_given_no_field_then_the_members_are_absent() -> None:
    body = render_problem(NotFoundError("thing"), "r").body

    assert b"field" not in body
    assert b"decision_id" not in body


def test_given_a_wait_then_retry_after_is_whole_seconds_rounded_up() -> None:
    error = RateLimitedError("x", retry_after=timedelta(milliseconds=1200))

    assert render_problem(error, "r").headers["retry-after"] == "2"


def test_given_no_caller_then_the_scheme_is_named() -> None:
    assert render_problem(UnauthenticatedError("x"), "r").headers["www-authenticate"] == "Bearer"


def test_given_an_internal_error_then_nothing_of_it_is_told() -> None:
    body = render_problem(InternalError("the database said: DROP"), "req_9").body

    assert b"DROP" not in body
    assert b"req_9" in body


def test_given_a_mistake_of_ours_then_500_without_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    answered = InProcess(ROUTES).call("GET", "/v1/boom")

    assert answered.status == 500
    assert answered.json()["type"] == "urn:keywright:problem:internal"
    assert b"ValueError" not in answered.body
    assert b"internals" not in answered.body
    assert "hunter2" not in caplog.text


def test_given_an_unknown_path_then_a_problem_and_not_the_routers_own_page() -> None:
    answered = InProcess(ROUTES).call("GET", "/v1/nothing/here")

    assert answered.status == 404
    assert answered.headers["content-type"] == "application/problem+json"
    assert answered.json()["type"] == "urn:keywright:problem:not_found"


def test_given_another_method_then_405_lists_those_that_work() -> None:
    answered = InProcess(ROUTES).call("DELETE", "/v1/things")

    assert answered.status == 405
    assert "POST" in answered.headers["allow"]


def test_given_a_malformed_query_then_400_names_the_parameter() -> None:
    answered = InProcess(ROUTES).call("GET", "/v1/number?limit=many")

    assert answered.status == 400
    assert answered.json()["field"] == "limit"


def test_given_a_well_formed_body_then_it_is_decoded() -> None:
    answered = InProcess(ROUTES).post("/v1/things", {"name": "a"})

    assert (answered.status, answered.json()) == (201, {"name": "a"})
