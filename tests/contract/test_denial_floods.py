"""A caller who is denied again and again: written up to an allowance, counted beyond it, on both engines."""

import asyncio
from collections import Counter

import pytest

from ca_service.audit.entries import AuditOutcome
from ca_service.database.port import Database
from ca_service.gate.caller import Caller
from ca_service.governance.operations import UpdateProject
from ca_service.kernel.errors import KeywrightError
from tests.support.fakes.kernel import FakeClock
from tests.support.identity_site import Worker, open_site

_TRIES, _AT_ONCE = 100, 60


@pytest.fixture
def worker(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Worker:
    return runner.run(open_site(database, clock))


async def flood(worker: Worker, caller: Caller) -> None:
    for _ in range(_TRIES):
        with pytest.raises(KeywrightError):
            await worker.perform(UpdateProject(project="default", name="Ours"), caller)


async def denials(worker: Worker, caller: Caller) -> Counter[str]:
    """Return how many denials of a caller the trail has entries of, and how many it counts in one."""
    found: Counter[str] = Counter()
    for numbered in await worker.trail(lambda each: each.entry.outcome is AuditOutcome.DENIED):
        entry = numbered.entry
        if entry.caller.endswith(f'"{caller.id}"'):
            found["entries"] += 1
            found["denials"] += entry.details.get("joined", 1)
    return found


async def test_a_flood_of_denials_loses_detail_and_never_the_fact(worker: Worker) -> None:
    caller = await worker.caller_of(await worker.make_machine())
    await flood(worker, caller)
    assert await denials(worker, caller) == {"entries": _AT_ONCE, "denials": _AT_ONCE}
    await worker.audit.flush_denials()
    assert await denials(worker, caller) == {"entries": _AT_ONCE + 1, "denials": _TRIES}


async def test_a_flood_of_one_caller_takes_nothing_from_another(worker: Worker) -> None:
    noisy, quiet = [await worker.caller_of(await worker.make_machine(name)) for name in ("a", "b")]
    await flood(worker, noisy)
    with pytest.raises(KeywrightError):
        await worker.perform(UpdateProject(project="default", name="Ours"), quiet)
    assert await denials(worker, quiet) == {"entries": 1, "denials": 1}
