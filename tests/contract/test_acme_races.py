"""ACME requests at the same moment, in one process on both engines: exactly one of them wins."""

import asyncio
from collections.abc import Coroutine
from itertools import count
from typing import Any

import pytest

from acme.operations import CreateExternalKey
from ca_service.database.port import Database
from ca_service.gate.port import RequestContext
from ca_service.queue.jobs import JobHandler
from tests.support.acme_client import AcmeClient, ClientKey, Reply
from tests.support.acme_races import SCENARIOS, Scenario, Signed, open_account, ready_order, sign
from tests.support.acme_stack import AcmeStack
from tests.support.fakes.acme import run_of
from tests.support.fakes.gate import make_caller
from tests.support.fakes.kernel import FakeClock

_JOSE = {"Content-Type": "application/jose+json"}
_ROUNDS = 4


class InProcessArena:
    """An `AcmeStack` as a place for races."""

    def __init__(self, stack: AcmeStack) -> None:
        self.stack = stack
        self._names = count()

    def client(self, key: ClientKey | None = None) -> AcmeClient:
        return self.stack.client(key=key)

    def race(self, *requests: Signed) -> list[Reply]:
        return self.at_once(*(self.send(request) for request in requests))

    def at_once(self, *work: Coroutine[Any, Any, Any]) -> list[Any]:
        """Run everything at once and return what came of it, in order."""

        async def gather() -> list[Any]:
            return list(await asyncio.gather(*work))

        return self.stack.runner.run(gather())

    async def send(self, request: Signed) -> Reply:
        """Send one request."""
        return await self.stack.exchange("POST", request.url, _JOSE, request.body)

    def prove(self, client: AcmeClient, order: Reply) -> None:
        self.stack.prove(client, order)

    def looks(self, token: str) -> int:
        # All at once, so that jobs too many would all look.
        waiting, self.stack.queue.jobs = self.stack.queue.jobs, []
        handlers = self.stack.contribution.job_handlers
        self.at_once(*(_run(handlers[kind], payload) for kind, payload, _ in waiting))
        return sum(path.endswith(f"/{token}") for _, path in self.stack.world.fetched)

    def issued(self, name: str) -> int:
        found = self.stack.authority.inventory.values()
        return sum(each.value == name for certificate in found for each in certificate.names)

    def new_name(self) -> str:
        return f"race-{next(self._names)}.example"

    def new_external_key(self, uses: int) -> tuple[str, str]:
        operation = CreateExternalKey(
            project="one", directory="default", name="race", identity="idn_alice", maximum_uses=uses
        )
        performed = self.stack.gate.perform(make_caller(), operation, RequestContext("req_0"))
        made = self.stack.runner.run(performed).answer
        return made.key.id, made.hmac_key.reveal()


async def _run(handler: JobHandler, payload: bytes) -> None:
    await handler(run_of(payload))


@pytest.fixture
def arena(runner: asyncio.Runner, database: Database, clock: FakeClock) -> InProcessArena:
    return InProcessArena(AcmeStack(runner, database, clock))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_exactly_one_wins(arena: InProcessArena, scenario: Scenario) -> None:
    scenario(arena)


def test_a_look_at_a_challenge_does_not_revive_its_authorization(arena: InProcessArena) -> None:
    stack = arena.stack
    for _ in range(_ROUNDS):
        client, name = open_account(arena), arena.new_name()
        order = client.order(name)
        [url] = order.json()["authorizations"]
        [challenge] = [each for each in client.post(url).json()["challenges"] if each["type"] == "http-01"]
        answer = client.key_authorization(challenge["token"]).encode()
        stack.world.answers[name, f"/.well-known/acme-challenge/{challenge['token']}"] = answer
        client.post(challenge["url"], {})
        given_up = sign(client, url, {"status": "deactivated"})
        arena.at_once(stack.queue.run_all(stack.contribution.job_handlers), arena.send(given_up))
        assert client.post(url).json()["status"] == "deactivated"
        assert client.post(order.header("location")).json()["status"] == "invalid"


def test_an_order_is_not_finalized_with_an_authorization_given_up_before(arena: InProcessArena) -> None:
    client, name, order = ready_order(arena)
    arena.race(sign(client, order["authorizations"][0], {"status": "deactivated"}))
    assert client.post(order["finalize"], {"csr": "AA"}).problem == "orderNotReady"
    assert arena.issued(name) == 0
