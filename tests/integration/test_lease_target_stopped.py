"""A real target that is stopped while a lease is given or ended, and comes back."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from ca_service.database.port import Database
from secrets_core.dynamic.leases import GRACE
from secrets_core.dynamic.providers.postgresql import PostgresqlProvider
from tests.support.dynamic_ground import DynamicGround
from tests.support.fakes.kernel import FakeClock
from tests.support.target_postgresql import TargetServer, way_to_targets

_SECRETS = "environments/dev/dynamic-secrets"
_LEASES = f"{_SECRETS}/app/leases"
_MINUTE = timedelta(minutes=1)


@pytest.fixture
def ground(
    runner: asyncio.Runner, database: Database, clock: FakeClock, target_server: TargetServer
) -> Iterator[DynamicGround]:
    """Dynamic secrets over the real provider."""
    made = DynamicGround(database, clock, provider=PostgresqlProvider(way_to_targets()))
    runner.run(made.start())
    yield made
    target_server.restore()


@contextmanager
def stopped(server: TargetServer) -> Iterator[None]:
    """Stop the target for a while; no other test of this process runs meanwhile."""
    server.cluster.stop()
    try:
        yield
    finally:
        server.cluster.start()


async def ask(ground: DynamicGround, status: int, path: str, body: Any) -> dict[str, Any]:
    """Send a POST, and return its answer of this status."""
    answered = await ground.call("POST", path, body)
    assert answered.status == status, answered.body
    told: dict[str, Any] = answered.json()
    return told


async def make(ground: DynamicGround, server: TargetServer) -> str:
    """Make a dynamic secret, and return what its accounts begin with."""
    body = {"name": "app", "provider": "postgresql", "config": server.config()}
    made = await ask(ground, 201, _SECRETS, body)
    return str(made["account_prefix"])


async def leases(ground: DynamicGround) -> list[tuple[str, str]]:
    listed = (await ground.call("GET", "leases")).json()
    return [(item["status"], item["end_reason"]) for item in listed["items"]]


async def test_a_lease_of_a_target_that_is_down_is_refused_and_leaves_nothing_there(
    ground: DynamicGround, clock: FakeClock, target_server: TargetServer
) -> None:
    prefix = await make(ground, target_server)
    with stopped(target_server):
        refused = await ask(ground, 503, _LEASES, {})
        assert str(target_server.port) in refused["detail"]
        [(status, _)] = await leases(ground)
        assert status == "revoking", "its end is tried, because nobody knows what the target got to hear"
        clock.advance(GRACE)
        await ground.sweeper.end_due()
        assert await leases(ground) == [("revoking", "failed")]
    clock.advance(6 * _MINUTE)
    await ground.sweeper.end_due()
    assert target_server.accounts(prefix) == set()
    assert await leases(ground) == [("revoked", "failed")]
    await ask(ground, 201, _LEASES, {})
    assert len(target_server.accounts(prefix)) == 1


async def test_a_revocation_at_a_target_that_is_down_is_answered_and_done_once_it_is_back(
    ground: DynamicGround, clock: FakeClock, target_server: TargetServer
) -> None:
    prefix = await make(ground, target_server)
    given = await ask(ground, 201, _LEASES, {})
    with stopped(target_server):
        revoked = await ask(ground, 200, f"leases/{given['lease_id']}/revoke", {})
        assert revoked["status"] == "revoking"
        assert str(target_server.port) in revoked["reason"]
        clock.advance(6 * _MINUTE)
        await ground.sweeper.end_due()
    assert target_server.accounts(prefix) == {given["data"]["username"]}
    clock.advance(6 * _MINUTE)
    await ground.sweeper.end_due()
    assert target_server.accounts(prefix) == set()
    assert await leases(ground) == [("revoked", "revoked")]
