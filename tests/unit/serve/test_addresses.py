"""Where the listeners are, and by which URLs the world knows them."""

import pytest

from ca_service.config import ConfigError, ServerConfig
from ca_service.serve.addresses import (
    Listen,
    parse_listen,
    parse_public_url,
    public_urls,
    shown,
    verify_server_config,
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8443", "127.0.0.1", 8443),
        ("[::1]:0", "::1", 0),
        ("localhost:65535", "localhost", 65535),
        ("0.0.0.0:443", "0.0.0.0", 443),
    ],
)
def test_given_host_and_port_then_both_are_read(text: str, host: str, port: int) -> None:
    assert parse_listen(text, "server.listen") == Listen(host, port)


@pytest.mark.parametrize(
    "text", ["", "8443", ":8443", "127.0.0.1", "127.0.0.1:", "::1:80", "a:65536", "a:x", "a:-1"]
)
def test_given_anything_else_then_the_setting_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match=r"`server\.listen`"):
        parse_listen(text, "server.listen")


@pytest.mark.parametrize("setting", ["listen", "plain_listen"])
@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1"])
def test_given_a_wildcard_without_public_urls_then_both_settings_are_asked_for(
    setting: str, address: str
) -> None:
    server = ServerConfig(**{setting: address})  # type: ignore[arg-type]

    with pytest.raises(ConfigError, match=r"server\.public_url.*server\.plain_public_url"):
        verify_server_config(server)


def test_given_a_wildcard_with_one_public_url_then_the_other_is_asked_for() -> None:
    with pytest.raises(ConfigError):
        verify_server_config(ServerConfig(listen="0.0.0.0:1", public_url="https://ca.example"))


def test_given_a_wildcard_with_both_public_urls_then_it_serves() -> None:
    verify_server_config(
        ServerConfig(
            listen="0.0.0.0:1", public_url="https://ca.example", plain_public_url="http://ca.example"
        )
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://ca.example",
        "ca.example",
        "https://",
        "https://ca.example/path",
        "https://ca.example?x=1",
        "https://user@ca.example",
        "https://ca.example:0",
        "https://ca.example:99999",
        "https://[::1",
    ],
)
def test_given_a_public_url_that_is_more_or_less_than_a_host_then_the_setting_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match=r"`server\.public_url`"):
        parse_public_url(url, "server.public_url", "https")


def test_given_a_bad_network_then_trusted_proxies_is_named() -> None:
    with pytest.raises(ConfigError, match=r"`server\.trusted_proxies`.*10\.0\.0\.1/8"):
        verify_server_config(ServerConfig(trusted_proxies=("10.0.0.1/8",)))


def test_given_no_public_urls_then_the_listen_addresses_stand_for_them() -> None:
    urls = public_urls(ServerConfig(), Listen("127.0.0.1", 8443), Listen("::1", 8080))

    assert (urls.tls, urls.plain) == ("https://127.0.0.1:8443", "http://[::1]:8080")


def test_given_the_usual_ports_then_they_are_left_out() -> None:
    urls = public_urls(ServerConfig(), Listen("ca.example", 443), Listen("ca.example", 80))

    assert (urls.tls, urls.plain) == ("https://ca.example", "http://ca.example")


def test_given_public_urls_then_no_slash_ends_them() -> None:
    server = ServerConfig(public_url="https://ca.example/", plain_public_url="http://ca.example:8080/")
    urls = public_urls(server, Listen("0.0.0.0", 1), Listen("0.0.0.0", 2))

    assert (urls.tls, urls.plain) == ("https://ca.example", "http://ca.example:8080")


def test_an_ipv6_address_is_shown_in_brackets() -> None:
    assert shown(Listen("::1", 8443)) == "[::1]:8443"


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [("127.0.0.9", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("ca.example", False)],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, is_loopback: bool) -> None:
    assert Listen(host, 1).is_loopback is is_loopback
