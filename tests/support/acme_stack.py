"""The ACME server in process: door, handlers, gate and database; fakes for policy, trail, world and CA."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from acme.directories import DirectoryRules, ExternalAccountRule
from acme.module import MODULE
from acme.operations import CreateDirectory
from ca_service.config import AcmeConfig, ChaosConfig, Config
from ca_service.database.port import Database, Transaction
from ca_service.gate.gate import Gatekeeper
from ca_service.gate.port import RequestContext
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.identifiers import RandomIdentifiers
from ca_service.kernel.randomness import SystemRandomness
from ca_service.web.module import Contribution, Ground
from ca_service.web.rate_limits import Rate
from ca_service.x509.built_in_profiles import CLIENT_SETTINGS, SERVER_SETTINGS
from ca_service.x509.profiles import Profile, ProfileStatus
from ca_service.x509.storage import profiles
from tests.support.acme_client import AcmeClient, ClientKey, Reply
from tests.support.fakes.acme import FakeAuthority, FakeQueue, FakeWorld
from tests.support.fakes.gate import (
    OTHER_TENANT,
    TENANT,
    FakeCustody,
    FakePolicy,
    FakeSponsors,
    FakeTenants,
    FakeTrail,
    make_caller,
    untyped,
)
from tests.support.fakes.kernel import FakeClock
from tests.support.web import InProcess

URL = "https://ca.example"
DIRECTORY = f"{URL}/acme/default/directory"


class AcmeStack:
    """One server over one database; `client()` speaks to it without a socket."""

    def __init__(
        self,
        runner: asyncio.Runner,
        database: Database,
        clock: FakeClock,
        *,
        aliases: dict[str, str] | None = None,
        reject_nonces: float = 0.0,
        is_first: bool = True,
        rates: dict[str, Rate] | None = None,
    ) -> None:
        self.runner = runner
        self.database = database
        self.clock = clock
        self.world, self.queue, self.authority = FakeWorld(), FakeQueue(), FakeAuthority()
        self.policy, self.trail, self.sponsors = FakePolicy(), FakeTrail(), FakeSponsors()
        identifiers = RandomIdentifiers(clock, SystemRandomness())
        self.gate = Gatekeeper(
            {},
            database,
            untyped(self.policy),
            untyped(self.trail),
            untyped(FakeCustody()),
            FakeTenants(),
            None,
            clock,
            identifiers,
        )
        acme = AcmeConfig(chaos=ChaosConfig(reject_nonces=reject_nonces), directory_aliases=aliases or {})
        ground = Ground(
            config=Config(acme=acme),
            clock=clock,
            identifiers=identifiers,
            randomness=SystemRandomness(),
            database=database,
            custody=untyped(FakeCustody()),
            egress=untyped(self.world),
            queue=untyped(self.queue),
            policy=untyped(self.policy),
            audit=untyped(self.trail),
            gate=self.gate,
            sponsors=self.sponsors,
            public_url=URL,
            plain_public_url="http://ca.example",
        )
        self.contribution: Contribution = MODULE.build(ground)
        self.gate.register({**self.contribution.handlers, **self.authority.handlers()})
        self.app = InProcess(self.contribution.routes, gate=untyped(self.gate), rates=rates, clock=clock)
        if is_first:  # else another worker over this database made them
            runner.run(database.begin(_add_profiles))
            self.add_directory("default")

    def add_directory(
        self,
        slug: str,
        *,
        project: str = "one",
        eab: ExternalAccountRule = ExternalAccountRule.OFF,
        rules: DirectoryRules | None = None,
    ) -> None:
        """Open a directory."""
        operation = CreateDirectory(
            project=project,
            slug=slug,
            profile="server",
            authority="issuing",
            eab=eab,
            rules=rules or DirectoryRules(),
        )
        self.runner.run(self.gate.perform(make_caller(), operation, RequestContext("req_0")))

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request."""
        return self.runner.run(self.exchange(method, url, headers, body))

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, peer: str = "192.0.2.7"
    ) -> Reply:
        """Answer one request, among others that run at the same time."""
        target = url.removeprefix(URL)
        path, _, query = target.partition("?")
        shown = {"Host": "ca.example", **headers}
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in shown.items()]
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8443),
            "client": (peer, 50000),
            "scheme": "https",
            "root_path": "",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": raw,
            "state": {},
        }
        waiting = [body]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if not waiting:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app.front(scope, receive, send)
        answered: dict[str, list[str]] = {}
        for name, value in sent[0]["headers"]:
            answered.setdefault(name.decode().lower(), []).append(value.decode())
        return Reply(sent[0]["status"], answered, b"".join(message.get("body", b"") for message in sent[1:]))

    def client(self, directory: str = DIRECTORY, key: ClientKey | None = None) -> AcmeClient:
        """Return a client without an account."""
        return AcmeClient(self.send, directory, key)

    def account(self, directory: str = DIRECTORY, key: ClientKey | None = None) -> AcmeClient:
        """Return a client with an account."""
        client = self.client(directory, key)
        assert client.register().status == 201
        return client

    def run_jobs(self) -> None:
        """Run the jobs that wait now."""
        self.runner.run(self.queue.run_all(self.contribution.job_handlers))

    def prove(self, client: AcmeClient, order: Reply) -> None:
        """Answer the http-01 challenge of every authorization of an order and let it be validated."""
        for url in order.json()["authorizations"]:
            authorization = client.post(url).json()
            [challenge] = [each for each in authorization["challenges"] if each["type"] == "http-01"]
            host, token = authorization["identifier"]["value"], challenge["token"]
            body = client.key_authorization(token).encode()
            self.world.answers[host, f"/.well-known/acme-challenge/{token}"] = body
            assert client.post(challenge["url"], {}).status == 200
        self.run_jobs()


async def _add_profiles(transaction: Transaction) -> None:
    """Write the profiles of first start into both projects; what they issue is the fake authority's."""
    mac = RowMac(untyped(FakeCustody()), profiles.TABLE)
    for tenant in (TENANT, OTHER_TENANT):
        for name, settings in (("server", SERVER_SETTINGS), ("client", CLIENT_SETTINGS)):
            profile = Profile(
                id=f"pro_{name}_{tenant.project}",
                tenant=tenant,
                name=name,
                status=ProfileStatus.ACTIVE,
                settings=settings,
                version=1,
            )
            await profiles.insert_profile(transaction, mac, profile)
