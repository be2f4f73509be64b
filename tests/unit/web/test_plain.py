"""The manners of the plain listener (S20)."""

from typing import Any

import pytest
from litestar import Response, get

from ca_service.web.door import PUBLIC, octets
from ca_service.web.plain import methods_of
from tests.support.web import InProcess


@get("/pki/roots.pem", opt=PUBLIC)
async def roots() -> Response[bytes]:
    return octets(b"PEM\n", media_type="application/x-pem-file")


@get("/v1/secret")
async def secret() -> Response[bytes]:
    return octets(b"secret", media_type="text/plain")


ROUTES: list[Any] = [roots, secret]


def plain() -> InProcess:
    return InProcess(ROUTES, plain=True)


@pytest.mark.parametrize(
    "path",
    [
        "/healthz",
        "/readyz",
        "/pki/roots.pem",
        "/pki/aut_1a/ca.der",
        "/pki/aut_1a/ca.pem",
        "/pki/aut_1a/crl",
        "/pki/aut_1a/ocsp/MEIwQDA+MDwwOjAJ/BgUr=",
        "/ssh/default/user-ca.pub",
        "/ssh/default/host-ca.pub",
        "/ssh/default/krl",
        "/ssh/default/krl.sig",
    ],
)
def test_the_fixed_list_answers_get_and_head(path: str) -> None:
    assert methods_of(path) == ("GET", "HEAD")


def test_ocsp_answers_post() -> None:
    assert methods_of("/pki/aut_1a/ocsp") == ("POST",)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/status",
        "/acme/default/directory",
        "/metrics",
        "/pki/roots.pem/",
        "//pki/roots.pem",
        "/pki/../v1/secret",
        "/pki/a/b/crl",
        "/healthz/x",
        "/pki/aut_1a/key",
        "/ssh/default/krl\n",
    ],
)
def test_nothing_else_exists(path: str) -> None:
    assert methods_of(path) == ()


def test_given_an_artefact_then_it_is_answered() -> None:
    answered = plain().call("GET", "/pki/roots.pem", token=None)

    assert (answered.status, answered.body) == (200, b"PEM\n")


def test_given_head_then_the_answer_is_that_of_get() -> None:
    answered = plain().call("HEAD", "/pki/roots.pem", token=None)

    assert (answered.status, answered.headers["content-length"]) == (200, "4")


def test_given_another_address_then_404() -> None:
    answered = plain().call("GET", "/v1/secret", token=None)

    assert (answered.status, answered.headers["content-type"]) == (404, "application/problem+json")


def test_given_another_method_then_405_lists_those_that_work() -> None:
    answered = plain().call("POST", "/pki/roots.pem", token=None)

    assert (answered.status, answered.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("header", [("Authorization", "Bearer kw_alice"), ("Cookie", "a=b")])
def test_given_a_credential_then_400_a_warning_and_never_a_redirect(
    header: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    answered = plain().call("GET", "/pki/roots.pem", token=None, headers=[header])

    assert answered.status == 400
    assert "location" not in answered.headers
    assert any(record.levelname == "WARNING" for record in caplog.records)
    assert "kw_alice" not in caplog.text


def test_given_a_foreign_host_then_421() -> None:
    assert plain().call("GET", "/pki/roots.pem", token=None, host="evil.example").status == 421
