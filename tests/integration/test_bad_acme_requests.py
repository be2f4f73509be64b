"""Bad ACME requests get their problem and a nonce, and nothing of them is written; on both databases."""

import json
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.support.acme_bench import Site, site_on
from tests.support.acme_client import AcmeClient, ClientKey, Reply, b64, make_csr, sign_jws
from tests.support.bad_acme_requests import JOSE, BadRequest, bad_acme_requests
from tests.support.challenge_host import free_port
from tests.support.row_counts import count_rows
from tests.support.server import Server, running_server

_CERTIFICATES = "/v1/projects/default/x509/certificates"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, database_url: str | None, port: int) -> Iterator[Server]:
    """A server that validates on loopback."""
    env = {
        "KEYWRIGHT__ACME__VALIDATION__HTTP_PORT": str(port),
        "KEYWRIGHT__ACME__VALIDATION__ALLOWED_NETWORKS": json.dumps(["127.0.0.0/8", "::1/128"]),
    }
    with running_server(tmp_path_factory.mktemp("bad-acme-server"), database_url, env) as running:
        yield running


@pytest.fixture(scope="module")
def site(server: Server, port: int) -> Iterator[Site]:
    with site_on(server, port) as made:
        yield made


def test_each_bad_acme_request_gets_its_problem_and_a_nonce_and_writes_nothing(
    server: Server, database_url: str | None, site: Site
) -> None:
    table = bad_acme_requests()
    assert len(table) >= 200
    wire, bench = site.wire, site.bench
    database = database_url or f"sqlite:///{server.data / 'keywright.db'}"
    before = count_rows(database)
    wrong = []
    for case in table:
        sent = case.make(bench)
        reply = wire.send(sent.method, sent.url, sent.headers, sent.body)
        complaint = _complaint(case, reply, sent.method)
        if complaint:
            wrong.append(f"{case.name}: {complaint}")
    assert not wrong, f"{len(wrong)} of {len(table)}:\n" + "\n".join(wrong)
    assert count_rows(database) == before
    assert "unexpected" not in server.log


def test_a_directory_that_was_made_open_issues_from_each_of_its_profiles_and_one_made_closed_from_none(
    server: Server, site: Site
) -> None:
    path = "/v1/projects/default/acme/directories"
    body = {"profile": "server", "further_profiles": ["client"], "eab": "off"}
    for name, is_open in (("lobby", True), ("vault", False)):
        assert server.post(path, {**body, "name": name, "open": is_open}).status == 201
    lobby = f"{server.url}/acme/lobby/directory"
    orders = [
        site.issue(lobby, "lobby.localhost"),
        site.issue(lobby, "lobby.localhost", profile="client"),
    ]
    refused = site.issue(f"{server.url}/acme/vault/directory", "vault.localhost")
    assert [order.json()["status"] for order in orders] == ["valid", "valid"]
    issued = server.get("/v1/projects/default/x509/certificates?name=lobby.localhost").json()["items"]
    assert sorted(each["profile"] for each in issued) == ["client", "server"]
    assert (refused.status, refused.problem) == (403, "unauthorized")


# ---------------------------------------------------------------- keys that are refused (11.1)


def _csr(name: str, key: ClientKey) -> str:
    request = x509.load_der_x509_csr(make_csr(name, key=key.private_key))
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _refusals(server: Server, site: Site, key: ClientKey, name: str) -> list[tuple[int, str]]:
    """Ask for a certificate for a key by ACME and by our own API, and for an account; return the answers."""
    directory = f"{server.url}/acme/default/directory"
    ordered = site.issue(directory, name, key=key.private_key)
    asked = server.post(_CERTIFICATES, {"profile": "server", "csr": _csr(name, key)})
    opened = AcmeClient(site.wire.send, directory, key).register()
    return [
        (ordered.status, ordered.problem),
        (asked.status, asked.json().get("rule", "")),
        (opened.status, opened.problem),
    ]


def test_a_key_shown_to_be_compromised_is_refused_at_every_door_for_good(server: Server, site: Site) -> None:
    key, name = ClientKey.new(), "compromised.localhost"
    directory = f"{server.url}/acme/default/directory"
    assert site.issue(directory, name, key=key.private_key).json()["status"] == "valid"
    [item] = server.get(f"{_CERTIFICATES}?name={name}").json()["items"]
    der = x509.load_pem_x509_certificate(item["certificate"].encode()).public_bytes(
        serialization.Encoding.DER
    )
    owner = AcmeClient(site.wire.send, directory, key)
    revoked = owner.post(owner.directory["revokeCert"], {"certificate": b64(der), "reason": 1})
    assert revoked.status == 200, revoked.body
    assert _refusals(server, site, key, name) == [
        (400, "badCSR"),
        (422, "key-refused"),
        (400, "badPublicKey"),
    ]


def test_the_key_of_an_account_is_certified_at_no_door(server: Server, site: Site) -> None:
    refusals = _refusals(server, site, site.bench.client.key, "account-key.localhost")
    assert refusals == [(400, "badCSR"), (422, "key-refused"), (200, "")]


# ---------------------------------------------------------------- below HTTP's surface


def test_a_request_in_chunks_is_read_like_any_other(server: Server, site: Site) -> None:
    bench = site.bench
    url = bench.urls["account"]
    body = sign_jws(bench.client.key, None, bench.client.header(url))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:1], body[1:40], body[40:]))
    answer = exchange(server, head(url, "Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_body_beyond_the_bound_in_chunks_is_refused_before_its_end(server: Server, site: Site) -> None:
    url = site.bench.urls["newOrder"]
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    answer = exchange(server, head(url, "Transfer-Encoding: chunked") + chunk * 17)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"replay-nonce:" in answer.lower()


def test_a_body_that_ends_early_is_no_mistake_of_ours(server: Server, site: Site) -> None:
    wire, bench = site.wire, site.bench
    exchange(server, head(bench.urls["newOrder"], "Content-Length: 1000") + b"{}", hangs_up=True)
    assert wire.send("GET", bench.urls["newNonce"], {}, b"").status == 204
    assert "unexpected" not in server.log


def test_6_1_the_plain_listener_speaks_no_acme(server: Server) -> None:
    for path in ("/acme/default/directory", "/acme/default/new-nonce"):
        assert server.plain(path).status == 404


def head(url: str, *headers: str) -> bytes:
    """Return the head of a POST of a JWS."""
    parts = urlsplit(url)
    lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Type: {JOSE['Content-Type']}"]
    return "\r\n".join([*lines, "Connection: close", *headers, "", ""]).encode()


def exchange(server: Server, data: bytes, *, hangs_up: bool = False) -> bytes:
    """Send bytes over a TLS connection of their own and return everything that comes back."""
    parts = urlsplit(server.url)
    context = ssl.create_default_context(cafile=str(server.ca_file))
    with (
        socket.create_connection((parts.hostname, parts.port or 443), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=parts.hostname) as connection,
    ):
        connection.sendall(data)
        pieces = []
        while not hangs_up and (piece := connection.recv(65536)):
            pieces.append(piece)
        return b"".join(pieces)


def _complaint(case: BadRequest, reply: Reply, method: str) -> str | None:
    if reply.headers.get("content-type") != ["application/problem+json"]:
        return f"is answered {reply.status} without a problem document: {reply.body[:200]!r}"
    problem = reply.json()
    if (reply.status, reply.problem) != (case.status, case.problem):
        return (
            f"answered {reply.status} {reply.problem}, not {case.status} {case.problem}: {problem['detail']}"
        )
    if problem.get("status") != reply.status or not problem.get("detail") or None in problem.values():
        return f"has an incomplete problem: {problem}"
    if method == "POST" and not reply.headers.get("replay-nonce"):
        return "comes without a nonce"
    return None
