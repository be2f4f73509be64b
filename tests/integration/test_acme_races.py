"""ACME requests at the same moment over HTTP, with two workers on either database: exactly one wins."""

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from itertools import count

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.support.acme_client import AcmeClient, ClientKey, Reply, b64, make_csr
from tests.support.acme_races import MANY, SCENARIOS, Scenario, Signed, ready_order, sign
from tests.support.challenge_host import ChallengeHost, free_port, loopback_validation
from tests.support.http_connection import HttpConnection
from tests.support.outside_look import fetch_rows
from tests.support.server import Server, running_server

_JOSE = {"Content-Type": "application/jose+json"}
_NAMES = count()
_WAIT_SECONDS = 20
_PAUSE = 0.02


class HttpArena:
    """Two workers as a place for races; each request of a race has a connection of its own."""

    def __init__(
        self, runner: asyncio.Runner, server: Server, database_url: str, host: ChallengeHost
    ) -> None:
        self._runner = runner
        self._server = server
        self._database_url = database_url
        self._host = host
        context = ssl.create_default_context(cafile=str(server.ca_file))
        self._connections = [HttpConnection(server.url, context) for _ in range(MANY)]

    def client(self, key: ClientKey | None = None) -> AcmeClient:
        return AcmeClient(self._send, f"{self._server.url}/acme/default/directory", key)

    def race(self, *requests: Signed) -> list[Reply]:
        async def at_once() -> list[Reply]:
            # Connected before: a handshake takes longer than what is raced for.
            index = f"{self._server.url}/acme/default/directory"
            await asyncio.gather(*(each.request("GET", index) for each in self._connections))
            sent = zip(self._connections, requests, strict=False)
            return await asyncio.gather(
                *(each.request("POST", request.url, request.body, _JOSE) for each, request in sent)
            )

        return self._runner.run(at_once())

    def prove(self, client: AcmeClient, order: Reply) -> None:
        for url in order.json()["authorizations"]:
            [challenge] = [
                each for each in client.post(url).json()["challenges"] if each["type"] == "http-01"
            ]
            self._host.serve(challenge["token"], client.key.thumbprint)
            assert client.post(challenge["url"], {}).status == 200
        self._until_looked()
        assert client.post(order.header("location")).json()["status"] == "ready"

    def looks(self, token: str) -> int:
        self._until_looked()
        return self._host.fetches[token]

    def issued(self, name: str) -> int:
        found = self._server.get(f"/v1/projects/default/x509/certificates?name={name}").json()
        return len(found["items"])

    def new_name(self) -> str:
        return f"race-{next(_NAMES)}.localhost"

    def new_external_key(self, uses: int) -> tuple[str, str]:
        name = f"racer-{next(_NAMES)}"
        identity = self._server.post("/v1/organizations/default/identities", {"name": name}).json()["id"]
        keys = "/v1/projects/default/acme/directories/default/external-account-keys"
        made = self._server.post(keys, {"identity": identity, "maximum_uses": uses}).json()
        return made["id"], made["hmac_key"]

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.close()

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        return self._runner.run(self._connections[0].request(method, url, body, headers))

    def _until_looked(self) -> None:
        """Wait until no look at a challenge is due or under way."""

        async def wait() -> None:
            query = "SELECT count(*) FROM queue_jobs WHERE kind = 'acme-validate' AND died_at IS NULL"
            async with asyncio.timeout(_WAIT_SECONDS):
                while fetch_rows(self._database_url, query) != [(0,)]:
                    await asyncio.sleep(_PAUSE)

        self._runner.run(wait())


@pytest.fixture(scope="module")
def http_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, database_url: str | None, http_port: int
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("acme-races")
    settings = loopback_validation(http_port)
    with running_server(folder, database_url, settings, ["--workers", "2"]) as running:
        yield running


@pytest.fixture
def arena(
    runner: asyncio.Runner, server: Server, database_url: str | None, http_port: int
) -> Iterator[HttpArena]:
    host = ChallengeHost(http_port)
    runner.run(host.__aenter__())
    opened = HttpArena(runner, server, database_url or f"sqlite:///{server.data / 'keywright.db'}", host)
    yield opened
    opened.close()
    runner.run(host.__aexit__(None, None, None))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_exactly_one_wins(arena: HttpArena, scenario: Scenario) -> None:
    scenario(arena)


def test_many_revocations_at_once_are_done_or_told_that_it_is_done(arena: HttpArena) -> None:
    client, name, order = ready_order(arena)
    done = client.post(order["finalize"], {"csr": b64(make_csr(name))}).json()
    leaf = x509.load_pem_x509_certificate(client.post(done["certificate"]).body)
    payload = {"certificate": b64(leaf.public_bytes(serialization.Encoding.DER))}
    url = client.directory["revokeCert"]
    replies = arena.race(*(sign(client, url, payload) for _ in range(MANY)))
    assert 200 in {reply.status for reply in replies}
    assert {reply.problem for reply in replies if reply.status != 200} <= {"alreadyRevoked"}
    assert client.post(done["certificate"]).status == 404
