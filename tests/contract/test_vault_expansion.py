"""A secret that refers to others is read whole, as far as its reader may read them."""

import asyncio

import pytest

from ca_service.database.port import Database
from ca_service.kernel.errors import UnacceptableError
from ca_service.policy.sets import BuiltInPolicy
from tests.support.fakes.kernel import FakeClock
from tests.support.vault_ground import VaultGround
from tests.support.x509_ground import identity

READER = identity("idn_reader")
_POLICIES = (
    BuiltInPolicy(
        "test:reader",
        'permit(principal == Identity::"idn_reader", action, resource is Secret) '
        'when { resource.environment == "dev" };',
    ),
    BuiltInPolicy(
        "test:visible", 'permit(principal, action == Action::"governance:read-project", resource);'
    ),
)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> VaultGround:
    return runner.run(VaultGround(database, clock, _POLICIES).start())


async def test_references_are_expanded_for_whoever_may_read_what_they_reach(ground: VaultGround) -> None:
    await ground.put("HOST", "db", path="/app")
    await ground.put("PASSWORD", "hush", environment="prod", path="/db")
    await ground.put("URL", "pg://${prod.db.PASSWORD}@${HOST}/$${x}", path="/app")
    await ground.put("LOCAL", "at ${HOST}", path="/app")

    read = await ground.read("URL", path="/app")
    assert read.value.reveal() == "pg://hush@db/${x}"
    assert await ground.value("URL", path="/app", expand=False) == "pg://${prod.db.PASSWORD}@${HOST}/$${x}"
    assert await ground.value("LOCAL", path="/app", caller=READER) == "at db"
    await ground.put("HOST", "other", path="/app")
    again = await ground.read("URL", path="/app")
    # The version is the same and what is shown is not.
    assert (again.record.version, again.etag == read.etag) == (read.record.version, False)


async def test_what_is_not_there_and_what_one_may_not_read_are_refused_alike(ground: VaultGround) -> None:
    await ground.put("PASSWORD", "hush", environment="prod")
    told = []
    for name, reference in (("A", "${prod.PASSWORD}"), ("B", "${prod.MISSING}")):
        await ground.put(name, reference)
        with pytest.raises(UnacceptableError) as refused:
            await ground.read(name, caller=READER)
        error = refused.value
        told.append((error.detail.replace(reference, "…").replace(f":{name}", ""), error.field, error.rule))
    assert told[0] == told[1]
    assert told[0][1:] == ("value", "reference")
