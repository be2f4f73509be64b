"""Lock-outs by (identity, source), on both engines: over workers and restarts, told to nobody."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import func, select

from ca_service.database.port import Database
from ca_service.database.statement import statement
from ca_service.identity.identities import TokenTerms
from ca_service.identity.lockouts.lockouts import LockoutTerms
from ca_service.identity.lockouts.operations import ClearLockouts, ListLockouts
from ca_service.identity.lockouts.storage import LOCKOUTS, MOST_SOURCES
from ca_service.identity.operations import UpdateIdentity
from ca_service.identity.sweep import TokenSweep
from ca_service.kernel.errors import UnacceptableError, UnauthenticatedError
from ca_service.kernel.secret_value import SecretValue
from tests.support.fakes.kernel import FakeClock
from tests.support.identity_site import ADDRESS, Machine, Worker, open_site

ELSEWHERE = "198.51.100.9"
MINUTE = timedelta(minutes=1)
COUNT_ROWS = statement(select(func.count(LOCKOUTS.c.source)))


@pytest.fixture
def worker(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Worker:
    return runner.run(open_site(database, clock))


async def guess(worker: Worker, machine: Machine, times: int = 1, address: str = ADDRESS) -> list[str]:
    wrong = msgspec.structs.replace(machine, client_secret=SecretValue("guess"))
    return [await refusal(worker, wrong, address) for _ in range(times)]


async def refusal(worker: Worker, machine: Machine, address: str = ADDRESS) -> str:
    with pytest.raises(UnauthenticatedError) as refused:
        await worker.log_in(machine, address)
    await worker.guard.settle()
    return refused.value.detail


async def opens(worker: Worker, machine: Machine, address: str = ADDRESS) -> bool:
    try:
        await worker.log_in(machine, address)
    except UnauthenticatedError:
        return False
    return True


async def rows(worker: Worker) -> int:
    row = await worker.database.read_one(COUNT_ROWS)
    assert row is not None
    return int(row[0])


async def test_the_third_wrong_secret_locks_the_right_one_out(worker: Worker) -> None:
    machine = await worker.make_machine()
    await guess(worker, machine, 3)
    assert not await opens(worker, machine)


async def test_two_wrong_secrets_lock_nobody_out(worker: Worker) -> None:
    machine = await worker.make_machine()
    await guess(worker, machine, 2)
    assert await opens(worker, machine)


async def test_a_lock_ends_after_five_minutes(worker: Worker) -> None:
    machine = await worker.make_machine()
    await guess(worker, machine, 3)
    worker.clock.advance(5 * MINUTE - timedelta(seconds=1))
    assert not await opens(worker, machine)
    worker.clock.advance(timedelta(seconds=1))
    assert await opens(worker, machine)


async def test_after_a_lock_it_is_counted_from_one_again(worker: Worker) -> None:
    machine = await worker.make_machine()
    await guess(worker, machine, 3)
    worker.clock.advance(5 * MINUTE)
    await guess(worker, machine, 2)
    assert await opens(worker, machine)


async def test_failures_further_apart_than_the_window_are_not_added_up(worker: Worker) -> None:
    machine = await worker.make_machine()
    await guess(worker, machine, 2)
    worker.clock.advance(6 * MINUTE)
    await guess(worker, machine, 2)
    assert await opens(worker, machine)


async def test_a_login_starts_the_count_from_nothing(worker: Worker) -> None:
    machine = await worker.make_machine()
    for _ in range(2):
        await guess(worker, machine, 2)
        assert await opens(worker, machine)
    assert await rows(worker) == 0


async def test_another_source_and_another_identity_are_not_locked_out(worker: Worker) -> None:
    machine, other = await worker.make_machine("one"), await worker.make_machine("two")
    await guess(worker, machine, 3)
    assert await opens(worker, machine, ELSEWHERE)
    assert await opens(worker, other)


@pytest.mark.parametrize(
    ("address", "is_same_source"),
    [("2001:db8::ffff", True), ("2001:db8:0:1::1", False)],
)
async def test_an_ipv6_source_is_a_network_of_64_bits(
    worker: Worker, address: str, is_same_source: bool
) -> None:
    machine = await worker.make_machine()
    await guess(worker, machine, 3, "2001:db8::1")
    assert await opens(worker, machine, address) is not is_same_source


async def test_failures_in_several_workers_are_added_up(worker: Worker) -> None:
    other = Worker(worker.database, worker.clock)
    machine = await worker.make_machine()
    await guess(worker, machine, 2)
    await guess(other, machine)
    assert not await opens(worker, machine)
    assert not await opens(other, machine)


async def test_a_lock_outlives_a_restart(worker: Worker) -> None:
    machine = await worker.make_machine()
    await guess(worker, machine, 3)
    assert not await opens(Worker(worker.database, worker.clock), machine)


async def test_of_many_guesses_at_once_no_more_than_three_are_heard(worker: Worker) -> None:
    machine = await worker.make_machine()
    wrong = msgspec.structs.replace(machine, client_secret=SecretValue("guess"))
    await asyncio.gather(*(worker.log_in(wrong) for _ in range(40)), return_exceptions=True)
    await worker.guard.settle()
    await worker.failures.settle()
    await worker.audit.flush_denials()
    denied = await worker.trail(lambda one: one.entry.outcome.value == "denied")
    heard = [
        one.entry.details.get("joined", 1) for one in denied if one.entry.reason.startswith("wrong-secret")
    ]
    assert sum(heard) == 3


async def test_who_is_locked_out_is_told_what_a_wrong_secret_is_told(worker: Worker) -> None:
    machine = await worker.make_machine()
    answers = {*await guess(worker, machine, 3), await refusal(worker, machine)}
    nobody = msgspec.structs.replace(machine, id="idn_nobody")
    assert answers == {await refusal(worker, nobody)}


async def test_the_doors_answer_a_locked_out_caller_like_any_other(worker: Worker) -> None:
    machine = await worker.make_machine()
    body = {"client_id": machine.id, "client_secret": "guess"}
    answers = []
    for _ in range(4):
        answers.append(await worker.call("POST", "/v1/auth/universal/login", body))
        await worker.guard.settle()
    right = {**body, "client_secret": machine.client_secret.reveal()}
    answers.append(await worker.call("POST", "/v1/auth/universal/login", right))
    shown = {(one.status, one.json()["detail"], "retry-after" in one.headers) for one in answers}
    assert len(shown) == 1
    assert answers[0].status == 401


async def test_a_refusal_for_a_lock_stands_in_the_trail_as_one(worker: Worker) -> None:
    machine = await worker.make_machine()
    await guess(worker, machine, 3)
    await refusal(worker, machine)
    await worker.failures.settle()
    denied = await worker.trail(lambda one: one.entry.outcome.value == "denied")
    assert sorted(one.entry.reason for one in denied) == ["locked-out", *["wrong-secret"] * 3]


async def test_an_identity_that_does_not_exist_leaves_no_row(worker: Worker) -> None:
    machine = await worker.make_machine()
    await guess(worker, msgspec.structs.replace(machine, id="idn_nobody"), 5)
    assert await rows(worker) == 0


async def test_who_is_locked_out_writes_no_more(worker: Worker) -> None:
    machine = await worker.make_machine()
    await guess(worker, machine, 3)
    before = await listed(worker, machine)
    worker.clock.advance(MINUTE)
    await guess(worker, machine, 5)
    assert await listed(worker, machine) == before


async def test_an_identity_is_guessed_from_many_sources_and_its_rows_stay_few(worker: Worker) -> None:
    machine = await worker.make_machine()
    for number in range(MOST_SOURCES + 5):
        await guess(worker, machine, 1, f"10.0.{number // 256}.{number % 256}")
        worker.clock.advance(timedelta(microseconds=1))
    assert await rows(worker) == MOST_SOURCES


async def test_what_no_longer_counts_is_swept(worker: Worker) -> None:
    machine = await worker.make_machine()
    await guess(worker, machine, 3)
    worker.clock.advance(timedelta(days=1, seconds=1))
    await TokenSweep(worker.database, worker.custody).run()
    assert await rows(worker) == 0


async def test_a_lock_that_lasts_is_not_swept(worker: Worker) -> None:
    lockout = LockoutTerms(duration=timedelta(days=7))
    machine = await worker.make_machine(terms=TokenTerms(lockout=lockout))
    await guess(worker, machine, 3)
    worker.clock.advance(timedelta(days=2))
    await TokenSweep(worker.database, worker.custody).run()
    assert not await opens(worker, machine)


async def test_an_identity_has_terms_of_its_own(worker: Worker) -> None:
    lockout = LockoutTerms(threshold=1, duration=MINUTE, window=MINUTE)
    machine = await worker.make_machine(terms=TokenTerms(lockout=lockout))
    await guess(worker, machine)
    assert not await opens(worker, machine)
    worker.clock.advance(MINUTE)
    assert await opens(worker, machine)


async def test_a_threshold_of_0_locks_nobody_out(worker: Worker) -> None:
    machine = await worker.make_machine()
    change = LockoutTerms(threshold=0)
    await worker.perform(UpdateIdentity(organization="default", identity=machine.id, lockout=change))
    await guess(worker, machine, 10)
    assert await opens(worker, machine)


async def test_terms_that_are_changed_keep_the_others(worker: Worker) -> None:
    machine = await worker.make_machine(terms=TokenTerms(lockout=LockoutTerms(threshold=7)))
    change = LockoutTerms(window=MINUTE)
    changed = await worker.perform(
        UpdateIdentity(organization="default", identity=machine.id, lockout=change)
    )
    assert changed.terms.lockout == LockoutTerms(threshold=7, window=MINUTE)


@pytest.mark.parametrize(
    "terms",
    [
        LockoutTerms(threshold=-1),
        LockoutTerms(threshold=1001),
        LockoutTerms(duration=timedelta(days=31)),
        LockoutTerms(window=timedelta(days=2)),
        LockoutTerms(window=timedelta(0)),
    ],
)
async def test_terms_out_of_bounds_are_refused(worker: Worker, terms: LockoutTerms) -> None:
    with pytest.raises(UnacceptableError):
        await worker.make_machine(terms=TokenTerms(lockout=terms))


async def listed(worker: Worker, machine: Machine) -> list[tuple[str, int, bool]]:
    found = await worker.perform(ListLockouts(organization="default", identity=machine.id, limit=9))
    return [(one.source, one.failures, one.locked_until is not None) for one in found.items]


async def test_an_administrator_sees_who_is_locked_out_and_who_is_about_to_be(worker: Worker) -> None:
    machine = await worker.make_machine()
    await guess(worker, machine, 3)
    await guess(worker, machine, 1, ELSEWHERE)
    assert await listed(worker, machine) == [(f"{ADDRESS}/32", 3, True), (f"{ELSEWHERE}/32", 1, False)]


async def test_an_administrator_lets_one_source_in_again(worker: Worker) -> None:
    machine = await worker.make_machine()
    await guess(worker, machine, 3)
    await guess(worker, machine, 3, ELSEWHERE)
    clearing = ClearLockouts(organization="default", identity=machine.id, source=f"{ADDRESS}/32")
    assert await worker.perform(clearing) == 1
    assert (await opens(worker, machine), await opens(worker, machine, ELSEWHERE)) == (True, False)


async def test_an_administrator_lets_all_sources_in_again(worker: Worker) -> None:
    machine = await worker.make_machine()
    await guess(worker, machine, 3)
    await guess(worker, machine, 3, ELSEWHERE)
    assert await worker.perform(ClearLockouts(organization="default", identity=machine.id)) == 2
    assert (await opens(worker, machine), await opens(worker, machine, ELSEWHERE)) == (True, True)


async def test_lockouts_are_seen_and_cleared_over_http(worker: Worker) -> None:
    machine = await worker.make_machine()
    token = (await worker.bootstrap.rotate()).reveal()
    await guess(worker, machine, 3)
    path = f"/v1/organizations/default/identities/{machine.id}/lockouts"
    shown = (await worker.call("GET", path, token=token)).json()["items"]
    assert [(one["source"], one["failures"]) for one in shown] == [(f"{ADDRESS}/32", 3)]
    cleared = await worker.call("DELETE", f"{path}?source=192.0.2.7%2F32", token=token)
    assert cleared.status == 204
    assert (await worker.call("GET", path, token=token)).json()["items"] == []


async def test_terms_are_given_and_shown_over_http(worker: Worker) -> None:
    token = (await worker.bootstrap.rotate()).reveal()
    path = "/v1/organizations/default/identities"
    body = {"name": "robot", "lockout_threshold": 5, "lockout_duration": "10m"}
    made = (await worker.call("POST", path, body, token=token)).json()
    changed = await worker.call("PATCH", f"{path}/{made['id']}", {"lockout_window": 60}, token=token)
    names = ("lockout_threshold", "lockout_duration", "lockout_window")
    assert [changed.json()[name] for name in names] == [5, 600, 60]
