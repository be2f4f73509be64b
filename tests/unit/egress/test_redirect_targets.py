"""Where a challenge's redirect may lead."""

import pytest

from ca_service.config import ValidationConfig
from ca_service.egress.targets import Target, TargetRefusedError, challenge_target, redirect_target

PATH = "/.well-known/acme-challenge/token"
CONFIG = ValidationConfig()
FIRST = challenge_target("a.example", PATH, CONFIG)


def redirect(location: str | None, config: ValidationConfig = CONFIG) -> Target:
    return redirect_target(challenge_target("a.example", PATH, config), location, config)


def test_a_challenge_is_asked_on_port_80_and_its_host_header_names_no_port() -> None:
    assert (FIRST.url, FIRST.port, FIRST.authority) == (f"http://a.example{PATH}", 80, "a.example")


def test_the_port_for_tests_stands_for_port_80() -> None:
    target = challenge_target("a.example", PATH, ValidationConfig(http_port=5002))
    assert (target.port, target.authority) == (5002, "a.example")


@pytest.mark.parametrize(
    ("location", "url", "port"),
    [
        ("https://b.example/x?y=1", "https://b.example/x?y=1", 443),
        ("http://b.example:80/x", "http://b.example/x", 80),
        ("http://b.example:443/x", "http://b.example:443/x", 443),
        ("/other", "http://a.example/other", 80),
        ("//b.example/x", "http://b.example/x", 80),
        ("https://b.example", "https://b.example/", 443),
        ("https://192.0.2.1/x", "https://192.0.2.1/x", 443),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x", 443),
        ("HTTPS://B.example/x#part", "https://b.example/x", 443),
    ],
)
def test_a_redirect_is_followed(location: str, url: str, port: int) -> None:
    target = redirect(location)
    assert (target.url, target.port) == (url, port)


def test_a_redirect_to_https_takes_the_port_for_tests() -> None:
    assert redirect("https://b.example/x", ValidationConfig(https_port=5001)).port == 5001


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "ftp://b.example/x",
        "file:///etc/passwd",
        "gopher://b.example/",
        "javascript:alert(1)",
        "http://b.example:22/",
        "http://b.example:8443/",
        "http://b.example:99999/",
        "http://b.example:x/",
        "http://user@b.example/",
        "http://user:secret@b.example/",
        "http:///x",
        "http://b_.ex ample/",
        "http://b..example/",
        "http://b.example.well-known/acme-challenge/x",
        "http://[::1/",
        "http://b.example/\r\nHost: c.example",
        "http://b.example/\u00e9",
        "http://b.example/" + "x" * 2000,
        "http://" + "x" * 254 + "/",
    ],
)
def test_a_redirect_is_refused(location: str | None) -> None:
    with pytest.raises(TargetRefusedError):
        redirect(location)


def test_a_refusal_repeats_nothing_of_the_location() -> None:
    with pytest.raises(TargetRefusedError) as refused:
        redirect("http://user:hunter2@b.example/")
    assert "hunter2" not in str(refused.value)
