"""A look that the process takes which was told of the challenge: its end stands in the answer already."""

import asyncio
import json

import pytest

from ca_service.database.port import Database
from ca_service.egress.errors import ConnectionFailedError, EgressError, NameNotFoundError
from tests.support.acme_client import AcmeClient, Reply, sign_jws
from tests.support.acme_orders import order
from tests.support.acme_stack import AcmeStack
from tests.support.fakes.kernel import FakeClock

_JOSE = {"Content-Type": "application/jose+json"}


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    stack = AcmeStack(runner, database, clock)
    stack.queue.runs_here = True
    return stack


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


def respond(stack: AcmeStack, client: AcmeClient, answer: bytes | EgressError | None = None) -> Reply:
    """Answer a challenge, `answer` being what is found there, while a worker waits for its job."""
    [authorization] = order(client, "a.example").json()["authorizations"]
    challenges = client.post(authorization).json()["challenges"]
    [challenge] = [each for each in challenges if each["type"] == "http-01"]
    token = challenge["token"]
    stack.world.answers["a.example", f"/.well-known/acme-challenge/{token}"] = (
        client.key_authorization(token).encode() if answer is None else answer
    )
    body = sign_jws(client.key, b"{}", client.header(challenge["url"]))

    async def work() -> None:
        while not stack.queue.jobs:
            await asyncio.sleep(0)
        await stack.queue.run_all(stack.contribution.job_handlers)

    async def both() -> Reply:
        answered, _ = await asyncio.gather(stack.exchange("POST", challenge["url"], _JOSE, body), work())
        return answered

    return stack.runner.run(both())


def test_a_challenge_that_is_met_at_once_is_answered_as_valid(stack: AcmeStack, client: AcmeClient) -> None:
    reply = respond(stack, client)
    assert (reply.status, reply.json()["status"]) == (200, "valid")
    assert "retry-after" not in reply.headers


def test_the_answer_is_what_is_stored(stack: AcmeStack, client: AcmeClient) -> None:
    reply = respond(stack, client)
    assert client.post(reply.json()["url"]).json() == reply.json()


def test_a_challenge_that_fails_at_once_is_answered_with_its_error(
    stack: AcmeStack, client: AcmeClient
) -> None:
    reply = respond(stack, client, b"something else")
    body = reply.json()
    assert (body["status"], body["error"]["type"].rpartition(":")[2]) == ("invalid", "unauthorized")
    assert client.post(body["url"]).json() == body


def test_a_challenge_that_is_looked_at_again_is_answered_with_when_to_ask(
    stack: AcmeStack, client: AcmeClient
) -> None:
    trouble = ConnectionFailedError("No connection to a.example, port 80 (192.0.2.1: connection refused).")
    reply = respond(stack, client, trouble)
    assert (reply.json()["status"], reply.headers["retry-after"]) == ("processing", ["3"])
    assert client.post(reply.json()["url"]).json() == json.loads(reply.body)


def test_a_look_here_waits_for_the_database_only_to_record(stack: AcmeStack, client: AcmeClient) -> None:
    [authorization] = order(client, "a.example").json()["authorizations"]
    challenges = client.post(authorization).json()["challenges"]
    [url] = [each["url"] for each in challenges if each["type"] == "http-01"]
    stack.world.default = NameNotFoundError("none", name="a.example", resolver="r", rcode="NXDOMAIN")
    body = sign_jws(client.key, b"{}", client.header(url))

    async def count() -> int:
        answering = asyncio.create_task(stack.exchange("POST", url, _JOSE, body))
        while not stack.queue.jobs:
            await asyncio.sleep(0)
        before = stack.database.waits
        await stack.queue.run_all(stack.contribution.job_handlers)
        waited = stack.database.waits - before
        await answering
        return waited

    assert stack.runner.run(count()) == 1
