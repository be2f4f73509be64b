"""Every error has an ACME rendering."""

import inspect
import json

import pytest

from acme import errors
from acme.wire import problems
from ca_service.kernel.errors import (
    InternalError,
    KeywrightError,
    Kind,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
)

OURS = [
    found
    for _, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, KeywrightError) and found.__module__ == errors.__name__
]


@pytest.mark.parametrize("error", OURS, ids=lambda error: error.__name__)
def test_every_error_of_this_package_has_a_type_of_its_own(error: type[KeywrightError]) -> None:
    assert error in problems.BY_CLASS


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_error_has_a_rendering(kind: Kind) -> None:
    assert kind in problems.BY_KIND


def test_a_mistake_of_ours_shows_nothing_but_the_request() -> None:
    document = json.loads(problems.render_problem(InternalError("the key is 1234"), "req_7").body)
    assert ("1234" in document["detail"], document["request_id"]) == (False, "req_7")


def test_one_fault_is_one_subproblem() -> None:
    fault = errors.IdentifierFault("dns", "x", "It is bad.")
    body = problems.render_problem(errors.RejectedIdentifierError("It is bad.", (fault,)), "").body
    assert json.loads(body)["subproblems"] == [
        {
            "type": "urn:ietf:params:acme:error:rejectedIdentifier",
            "detail": "It is bad.",
            "identifier": {"type": "dns", "value": "x"},
        }
    ]


def test_without_faults_there_are_no_subproblems() -> None:
    body = problems.render_problem(errors.RejectedIdentifierError("It is bad."), "").body
    assert "subproblems" not in json.loads(body)


def test_several_faults_are_told_one_by_one() -> None:
    faults = (
        errors.IdentifierFault("dns", "x", "It is bad."),
        errors.IdentifierFault("ip", "1", "It is unknown.", unsupported=True),
    )
    document = json.loads(problems.render_problem(errors.RejectedIdentifierError("Two.", faults), "").body)
    assert [each["type"].rpartition(":")[2] for each in document["subproblems"]] == [
        "rejectedIdentifier",
        "unsupportedIdentifier",
    ]


@pytest.mark.parametrize("error", [RateLimitedError, UnavailableError])
def test_who_should_come_back_is_told_when(error: type[RateLimitedError] | type[UnavailableError]) -> None:
    from datetime import timedelta

    rendered = problems.render_problem(error("Later.", retry_after=timedelta(seconds=2.5)), "")
    assert rendered.headers == (("retry-after", "3"),)


def test_the_status_of_the_document_is_the_status_of_the_answer() -> None:
    rendered = problems.render_problem(NotFoundError("order"), "")
    assert (rendered.status, json.loads(rendered.body)["status"]) == (404, 404)
