"""Answers that stand ready: only ordinary requests get them, while they are current, and not too many."""

from typing import Any

import pytest

from ca_service.web.ready import Ready, ReadyAnswers

ADDRESS = b"/pki/aut_1/crl"


def request(address: bytes = ADDRESS, *, method: str = "GET", query: bytes = b"", header: str = "") -> Any:
    headers = [(b"host", b"ca.example.com"), *([(header.encode(), b"x")] if header else [])]
    return {"raw_path": address, "method": method, "query_string": query, "headers": headers}


def an_answer(body: bytes = b"list", *, is_current: bool = True) -> Ready:
    return Ready("/pki/{authority}/crl", [(b"content-type", b"text/plain")], body, lambda: is_current)


@pytest.fixture
def answers() -> ReadyAnswers:
    kept = ReadyAnswers()
    kept.keep(request(), an_answer())
    return kept


def test_the_next_request_for_the_address_finds_the_answer(answers: ReadyAnswers) -> None:
    found = answers.find(request())
    assert found is not None
    assert found.body == b"list"


def test_another_address_finds_nothing(answers: ReadyAnswers) -> None:
    assert answers.find(request(b"/pki/aut_2/crl")) is None


@pytest.mark.parametrize(
    "special",
    [
        request(method="HEAD"),
        request(method="POST"),
        request(query=b"delta=1"),
        *(
            request(header=name)
            for name in (
                "if-none-match",
                "if-modified-since",
                "if-match",
                "if-unmodified-since",
                "if-range",
                "range",
            )
        ),
    ],
    ids=lambda scope: f"{scope['method']} {scope['query_string']} {scope['headers'][-1][0]}",
)
def test_what_is_special_goes_the_long_way(answers: ReadyAnswers, special: Any) -> None:
    assert answers.find(special) is None
    assert answers.find(request()) is not None


def test_an_answer_that_is_no_longer_current_is_forgotten() -> None:
    kept = ReadyAnswers()
    is_current = [True]
    kept.keep(request(), Ready("/t", [], b"old", lambda: is_current[0]))
    is_current[0] = False
    assert kept.find(request()) is None
    is_current[0] = True
    assert kept.find(request()) is None


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_only_the_answer_to_a_get_is_kept(method: str) -> None:
    kept = ReadyAnswers()
    kept.keep(request(method=method), an_answer())
    assert kept.find(request()) is None


@pytest.mark.parametrize(
    ("scope", "body", "is_kept"),
    [
        (request(b"/" + b"a" * 1023), b"", True),
        (request(b"/" + b"a" * 1024), b"", False),
        (request(), b"a" * 65536, True),
        (request(), b"a" * 65537, False),
        (request(query=b"x=1"), b"", False),
    ],
    ids=["address at its bound", "longer", "body at its bound", "longer body", "a query"],
)
def test_what_strangers_can_fill_memory_with_is_bounded(scope: Any, body: bytes, is_kept: bool) -> None:
    kept = ReadyAnswers()
    kept.keep(scope, an_answer(body))
    assert (kept.find({**scope, "query_string": b""}) is not None) == is_kept


def test_beyond_4096_addresses_the_oldest_goes() -> None:
    kept = ReadyAnswers()
    for number in range(4097):
        kept.keep(request(b"/%d" % number), an_answer())
    assert kept.find(request(b"/0")) is None
    assert kept.find(request(b"/1")) is not None
    assert kept.find(request(b"/4096")) is not None
