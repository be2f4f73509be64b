"""What a client refuses before it connects, and how a refusal reads."""

from pathlib import Path

import pytest

from ca_service.client.api import ApiClient, address
from ca_service.client.errors import ClientError, RefusedError
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
