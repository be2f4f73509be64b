"""What a client refuses before it connects, and how a refusal reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ca_service.client.api import ApiClient, _with_query, address
from ca_service.client.errors import ClientError, RefusedError, UnreachableError
from ca_service.kernel.secret_value import SecretValue


@pytest.mark.parametrize(
    "url",
    [
        "http://ca.example:8080",
        "ca.example:8443",
        "https://",
        "https:///path",
        "https://ca.example:port",
        "https://ca.exämple",
        "https://ca.example\r\nX: y",
        "file:///etc/passwd",
        "",
    ],
)
def test_given_anything_but_a_server_then_nothing_is_asked_of_it(url: str) -> None:
    with pytest.raises(ClientError, match="https://host:port"):
        ApiClient(url, token=None, ca_file=None)


@pytest.mark.parametrize("token", ["kw_a b", "kw_a\nkw_b", "kw_ä", "kw_\x00"])
def test_given_what_cannot_be_a_token_then_the_sentence_does_not_repeat_it(token: str) -> None:
    with pytest.raises(ClientError) as refused:
        ApiClient("https://ca.example", token=SecretValue(token), ca_file=None)

    assert "kw_" not in str(refused.value)


def test_given_a_root_that_is_missing_then_the_sentence_names_it(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"gone\.pem"):
        ApiClient("https://ca.example", token=None, ca_file=tmp_path / "gone.pem")


def test_given_a_root_that_is_no_certificate_then_the_sentence_names_it(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("no PEM")

    with pytest.raises(ClientError, match=r"root\.pem"):
        ApiClient("https://ca.example", token=None, ca_file=tmp_path / "root.pem")


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (("v1", "projects", "default"), "/v1/projects/default"),
        (("v1", "a/b"), "/v1/a%2Fb"),
        (("v1", "a?b#c"), "/v1/a%3Fb%23c"),
        (("v1", "a b\n"), "/v1/a%20b%0A"),
        (("v1", "é"), "/v1/%C3%A9"),
    ],
)
def test_given_parts_then_none_of_them_leads_elsewhere(parts: tuple[str, ...], path: str) -> None:
    assert address(*parts) == path


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ({"detail": "No.", "title": "Refused"}, "No."),
        ({"title": "Refused"}, "Refused"),
        ({}, "the server answered 422"),
        ({"detail": "Too long.", "field": "ttl"}, "ttl: Too long."),
        ({"detail": "No.", "request_id": "req_1"}, "No. (request req_1)"),
        ({"detail": "No.", "field": "ttl", "request_id": "req_1"}, "ttl: No. (request req_1)"),
    ],
)
def test_given_a_problem_then_it_reads_as_one_sentence(problem: dict[str, str], sentence: str) -> None:
    assert str(RefusedError(422, problem)) == sentence


def test_given_a_query_then_truth_is_spelled_as_in_json_and_what_is_not_given_is_not_sent() -> None:
    query = {"path": "/a b", "recursive": True, "expand": False, "limit": 5, "cursor": None}

    assert _with_query("/x", query) == "/x?path=%2Fa+b&recursive=true&expand=false&limit=5"
    assert _with_query("/x", {"cursor": None}) == _with_query("/x", None) == "/x"


class Lossy(ApiClient):
    """A way to a server on which some of the first answers are lost."""

    def __init__(self, losses: int) -> None:
        super().__init__("https://ca.example", token=None, ca_file=None)
        self.losses = losses
        self.sent: list[str] = []

    def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str] | None = None
    ) -> tuple[bytes, str | None]:
        self.sent.append(f"{method} {path} {body} {headers}")
        if len(self.sent) <= self.losses:
            raise UnreachableError("lost")
        return b'{"id": 1}', None


def test_given_a_lost_answer_then_the_same_request_is_sent_once_more_with_its_key() -> None:
    way = Lossy(1)

    assert way.post_once("/x", {"a": 1}, {"path": "/"}, "k1") == {"id": 1}
    assert way.sent == ["POST /x?path=%2F {'a': 1} {'Idempotency-Key': 'k1'}"] * 2


def test_given_two_lost_answers_then_that_is_told() -> None:
    with pytest.raises(UnreachableError):
        Lossy(2).post_once("/x", {}, None, "k1")
