"""A real server that validates in a real world: DNS, web and TLS on loopback, restarts, and secrets (S3)."""

import hashlib
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.acme_client import AcmeClient, Reply, b64, make_csr
from tests.support.acme_world import AcmeWorld
from tests.support.alpn_responder import Shown
from tests.support.challenge_site import answer, ok, redirect
from tests.support.server import Server, running_server, send

SECRET = "INTERNAL-SECRET-0451"
_WAIT_SECONDS = 40.0


@pytest.fixture(scope="module")
def world() -> Iterator[AcmeWorld]:
    with AcmeWorld() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, world: AcmeWorld) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("validating"), env=world.settings()) as running:
        yield running


def client_of(server: Server) -> AcmeClient:
    client = AcmeClient(Wire(server.ca_file), f"{server.url}/acme/default/directory")
    assert client.register().status == 201
    return client


@pytest.fixture
def client(server: Server) -> AcmeClient:
    return client_of(server)


class Wire:
    """Sends over TLS that is verified against the server's root, and keeps every answer."""

    def __init__(self, ca_file: Path) -> None:
        self._context = ssl.create_default_context(cafile=str(ca_file))
        self.answers: list[bytes] = []

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        request = urllib.request.Request(url, data=body or None, method=method, headers=dict(headers))
        got = send(request, self._context)
        self.answers += [got.body, repr(got.headers).encode()]
        return Reply(got.status, {name: [value] for name, value in got.headers.items()}, got.body)


def order_for(client: AcmeClient, *identifiers: tuple[str, str]) -> Reply:
    asked = [{"type": type_, "value": value} for type_, value in identifiers]
    return client.post(client.directory["newOrder"], {"identifiers": asked})


def challenges_of(client: AcmeClient, order: Reply, type_: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the challenge of this type of each authorization, with the value of its identifier."""
    found = []
    for url in order.json()["authorizations"]:
        authorization = client.post(url).json()
        [challenge] = [each for each in authorization["challenges"] if each["type"] == type_]
        found.append((authorization["identifier"]["value"], challenge))
    return found


def outcome(client: AcmeClient, url: str, *waiting: str) -> dict[str, Any]:
    """Return an object as soon as it is in none of the waiting states."""
    end = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < end:
        found: dict[str, Any] = client.post(url).json()
        if found["status"] not in (waiting or ("pending", "processing")):
            return found
        time.sleep(0.05)
    raise AssertionError(f"{url} stayed {found}")


def txt_of(client: AcmeClient, token: str) -> str:
    return b64(hashlib.sha256(client.key_authorization(token).encode()).digest())


def test_a_wildcard_and_its_base_are_proved_by_two_records_behind_a_cname(
    client: AcmeClient, world: AcmeWorld
) -> None:
    world.set_records("_acme-challenge.w.test", "CNAME", ["w.acme-dns.test."])
    order = order_for(client, ("dns", "w.test"), ("dns", "*.w.test"))
    world.add_txt("w.acme-dns.test", "something else")
    found = challenges_of(client, order, "dns-01")
    for _, challenge in found:
        world.add_txt("w.acme-dns.test", txt_of(client, challenge["token"]))
    for _, challenge in found:
        client.post(challenge["url"], {})
    assert outcome(client, order.header("location"))["status"] == "ready"
    csr = b64(make_csr("w.test", "*.w.test"))
    assert client.post(order.json()["finalize"], {"csr": csr}).json()["status"] == "valid"


def test_a_name_is_proved_by_tls_alpn_01(client: AcmeClient, world: AcmeWorld) -> None:
    order = order_for(client, ("dns", "alpn.test"))
    [(name, challenge)] = challenges_of(client, order, "tls-alpn-01")
    world.show(Shown(name, client.key_authorization(challenge["token"])))
    client.post(challenge["url"], {})
    assert outcome(client, order.header("location"))["status"] == "ready"


@pytest.mark.parametrize("type_", ["http-01", "tls-alpn-01"])
def test_an_address_is_proved(client: AcmeClient, world: AcmeWorld, type_: str) -> None:
    order = order_for(client, ("ip", "127.0.0.1"))
    [(address, challenge)] = challenges_of(client, order, type_)
    answered = client.key_authorization(challenge["token"])
    world.serve_http(challenge["token"], answered)
    world.show(Shown(address, answered))
    client.post(challenge["url"], {})
    assert outcome(client, order.header("location"))["status"] == "ready"


@pytest.mark.parametrize(
    ("type_", "sentence"),
    [
        ("http-01", 'told.test (127.0.0.1, port {http}) answered 404 instead of 200: "no such challenge"'),
        ("dns-01", "There is no TXT record at _acme-challenge.told.test (NODATA from {dns})"),
        (
            "tls-alpn-01",
            "The TLS handshake with told.test (127.0.0.1, port {tls}) failed: the server",
        ),
    ],
)
def test_an_error_says_what_was_tried(
    client: AcmeClient, world: AcmeWorld, type_: str, sentence: str
) -> None:
    order = order_for(client, ("dns", "told.test"))
    [(_, challenge)] = challenges_of(client, order, type_)
    client.post(challenge["url"], {})
    error = outcome(client, challenge["url"])["error"]
    expected = sentence.format(http=world.http_port, dns=world.dns.address, tls=world.tls_alpn_port)
    assert expected in error["detail"]


def test_nothing_of_an_internal_server_behind_a_redirect_is_shown_anywhere(
    client: AcmeClient, server: Server, world: AcmeWorld
) -> None:
    """S3: neither in an answer, nor in the log, nor in a row."""
    order = order_for(client, ("dns", "redirector.test"))
    [(_, challenge)] = challenges_of(client, order, "http-01")
    hidden = world.open_site(answer(ok(SECRET, f"X-Secret: {SECRET}\r\n")), "127.0.0.2")
    world.handle_http(answer(redirect(f"http://127.0.0.2:{hidden.port}/admin")))
    client.post(challenge["url"], {})
    found = outcome(client, challenge["url"])
    world.handle_http(world.serve_pages)
    assert [path for path, _ in hidden.requests] == ["/admin"]
    assert "127.0.0.2" in found["error"]["detail"]
    assert isinstance(client.send, Wire)
    seen = [*client.send.answers, server.log.encode()]
    seen += [file.read_bytes() for file in server.data.glob("keywright.db*")]
    assert not any(SECRET.encode() in each for each in seen)


def test_a_validation_survives_the_death_of_the_server(tmp_path: Path, world: AcmeWorld) -> None:
    """Answered, in trouble, killed: the next process goes on where the last one ended."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        listen = ("--listen", f"127.0.0.1:{probe.getsockname()[1]}")
    world.fail("_acme-challenge.late.test", "SERVFAIL")
    with running_server(tmp_path, env=world.settings(), args=listen) as server:
        client = client_of(server)
        order = order_for(client, ("dns", "late.test"))
        [(_, challenge)] = challenges_of(client, order, "dns-01")
        client.post(challenge["url"], {})
        assert "error" in wait_for_trouble(client, challenge["url"])
        server.process.kill()
        server.process.wait()
    world.fail("_acme-challenge.late.test", None)
    world.add_txt("_acme-challenge.late.test", txt_of(client, challenge["token"]))
    with running_server(tmp_path, env=world.settings(), args=listen):
        assert outcome(client, order.header("location"))["status"] == "ready"


def wait_for_trouble(client: AcmeClient, url: str) -> dict[str, Any]:
    """Return a challenge as soon as it shows why it is looked at again."""
    end = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < end:
        found: dict[str, Any] = client.post(url).json()
        if "error" in found:
            assert (found["status"], found["error"]["type"]) == (
                "processing",
                "urn:ietf:params:acme:error:dns",
            )
            return found
        time.sleep(0.05)
    raise AssertionError(f"{url} shows no trouble")
