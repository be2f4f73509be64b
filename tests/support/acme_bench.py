"""What bad ACME requests are about, on a real server: accounts, an order in each state, a certificate."""

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import Iterator, Mapping

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec import Struct

from tests.support.acme_client import AcmeClient, PrivateKey, Reply, b64, make_csr
from tests.support.bad_acme_requests import Bench
from tests.support.challenge_host import ChallengeHost
from tests.support.http_connection import HttpConnection
from tests.support.server import Server

_READY_NAME = "ready.localhost"


class Wire:
    """One kept connection to a server, for clients that wait; made anew whenever the server closed it."""

    def __init__(self, runner: asyncio.Runner, server: Server) -> None:
        self._runner = runner
        context = ssl.create_default_context(cafile=str(server.ca_file))
        self._connection = HttpConnection(server.url, context)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send one request and return its answer."""
        reply = self._runner.run(self._connection.request(method, url, body, headers))
        if "close" in reply.headers.get("connection", []):
            self._connection.close()
        return reply

    def pause(self) -> None:
        """Let what runs beside the requests go on for a moment."""
        self._runner.run(asyncio.sleep(0.02))

    def close(self) -> None:
        """Drop the connection."""
        self._runner.run(self._drop())

    async def _drop(self) -> None:
        self._connection.close()


class Site(Struct, frozen=True):
    """A server with what asks it: a connection, a host for challenges, a bench over its first directory."""

    wire: Wire
    host: ChallengeHost
    bench: Bench

    def issue(self, directory_url: str, name: str, *, key: PrivateKey | None = None, **further: str) -> Reply:
        """Return the finalized order of a new account for one name; `further` are members of the order."""
        client = _account(self.wire, directory_url)
        order = _proven(self.wire, self.host, client, name, **further)
        return client.post(order["finalize"], {"csr": b64(make_csr(name, key=key))})


@contextlib.contextmanager
def site_on(server: Server, port: int) -> Iterator[Site]:
    """Yield the site of a server whose challenges are answered on `port`."""
    with asyncio.Runner() as runner:
        wire, host = Wire(runner, server), ChallengeHost(port)
        runner.run(host.__aenter__())
        try:
            bench = _make_bench(wire, host, f"{server.url}/acme/default/directory")
            yield Site(wire, host, bench)
        finally:
            wire.close()
            runner.run(host.__aexit__(None, None, None))


def _make_bench(wire: Wire, host: ChallengeHost, directory_url: str) -> Bench:
    client, other, deactivated = (_account(wire, directory_url) for _ in range(3))
    assert deactivated.post(deactivated.kid or "", {"status": "deactivated"}).status == 200
    urls = dict(client.directory) | {"directory": directory_url}
    del urls["meta"]
    for prefix, owner in (("", client), ("other_", other)):
        urls |= {prefix + name: url for name, url in _pending(owner).items()}
        urls |= {prefix + name: url for name, url in _finished(wire, host, owner, f"{prefix}done").items()}
    ready = _proven(wire, host, client, _READY_NAME)
    assert ready["status"] == "ready", ready
    return Bench(
        client=client,
        other=other,
        deactivated=deactivated,
        newcomer=AcmeClient(wire.send, directory_url),
        urls=urls | {"ready": ready["finalize"]},
        ready_name=_READY_NAME,
        leaf=_leaf_of(client.post(urls["certificate"])),
        foreign_leaf=_foreign_leaf(),
    )


def _account(wire: Wire, directory_url: str) -> AcmeClient:
    client = AcmeClient(wire.send, directory_url)
    reply = client.register()
    assert reply.status == 201, reply.body
    return client


def _pending(client: AcmeClient) -> dict[str, str]:
    order = client.order("pending.localhost")
    [authorization] = order.json()["authorizations"]
    account = client.post(client.kid or "", {}).json()
    return {
        "account": client.kid or "",
        "orders": account["orders"],
        "order": order.header("location"),
        "finalize": order.json()["finalize"],
        "authz": authorization,
        "challenge": client.post(authorization).json()["challenges"][0]["url"],
    }


def _proven(wire: Wire, host: ChallengeHost, client: AcmeClient, name: str, **further: str) -> dict[str, str]:
    payload = {"identifiers": [{"type": "dns", "value": name}], **further}
    order = client.post(client.directory["newOrder"], payload)
    assert order.status == 201, order.body
    for url in order.json()["authorizations"]:
        challenges = client.post(url).json()["challenges"]
        [challenge] = [each for each in challenges if each["type"] == "http-01"]
        host.serve(challenge["token"], client.key.thumbprint)
        client.post(challenge["url"], {})
    for _ in range(500):
        found: dict[str, str] = client.post(order.header("location")).json()
        if found["status"] != "pending":
            return found
        wire.pause()
    raise AssertionError("the order never left its first status")


def _finished(wire: Wire, host: ChallengeHost, client: AcmeClient, label: str) -> dict[str, str]:
    name = f"{label.replace('_', '-')}.localhost"
    order = _proven(wire, host, client, name)
    done = client.post(order["finalize"], {"csr": b64(make_csr(name))}).json()
    assert done["status"] == "valid", done
    return {"certificate": done["certificate"], "done": order["finalize"]}


def _leaf_of(reply: Reply) -> bytes:
    leaf = x509.load_pem_x509_certificates(reply.body)[0]
    return leaf.public_bytes(serialization.Encoding.DER)


def _foreign_leaf() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "foreign")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
