"""Universal login, on both engines: one answer for every wrong credential, and what the trail keeps of it."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from ca_service.database.port import Database
from ca_service.gate.port import RequestContext
from ca_service.identity.operations import CreateClientSecret, LogIn, RevokeClientSecret, UpdateIdentity
from ca_service.kernel.errors import UnauthenticatedError
from ca_service.kernel.secret_value import SecretValue
from tests.support.fakes.kernel import FakeClock
from tests.support.identity_site import ADDRESS, ADMINISTRATOR, Machine, Worker, open_site

HOUR = timedelta(hours=1)


@pytest.fixture
def worker(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Worker:
    return runner.run(open_site(database, clock))


async def refusal(worker: Worker, machine: Machine, address: str = ADDRESS) -> str:
    with pytest.raises(UnauthenticatedError) as refused:
        await worker.log_in(machine, address)
    return refused.value.detail


async def failed_logins(worker: Worker) -> list[str]:
    await worker.failures.settle()
    found = await worker.trail(
        lambda one: one.entry.action == "identity:login" and one.entry.outcome.value == "denied"
    )
    return [numbered.entry.reason for numbered in found]


async def test_every_wrong_credential_gets_the_same_answer(worker: Worker) -> None:
    good, other = await worker.make_machine("good"), await worker.make_machine("other")
    bound = await worker.make_machine("bound", networks=("198.51.100.0/24",))
    ended = await worker.make_machine("ended", ttl=HOUR)
    disabled = await worker.make_machine("disabled")
    await worker.perform(UpdateIdentity(organization="default", identity=disabled.id, disabled=True))
    worker.clock.advance(HOUR)
    answers = {
        await refusal(worker, msgspec.structs.replace(good, id="idn_nobody")),
        await refusal(worker, msgspec.structs.replace(good, client_secret=SecretValue("guess"))),
        await refusal(worker, msgspec.structs.replace(good, client_secret=other.client_secret)),
        await refusal(worker, bound),
        await refusal(worker, ended),
        await refusal(worker, disabled),
    }
    assert len(answers) == 1


async def test_the_secret_of_one_identity_does_not_open_another(worker: Worker) -> None:
    good, other = await worker.make_machine("good"), await worker.make_machine("other")
    await refusal(worker, msgspec.structs.replace(good, client_secret=other.client_secret))


async def test_a_secret_with_its_last_character_changed_is_refused(worker: Worker) -> None:
    machine = await worker.make_machine()
    text = machine.client_secret.reveal()
    changed = SecretValue(text[:-1] + ("0" if text[-1] != "0" else "g"))
    await refusal(worker, msgspec.structs.replace(machine, client_secret=changed))


async def test_a_secret_bound_to_a_network_opens_from_there(worker: Worker) -> None:
    machine = await worker.make_machine(networks=("198.51.100.0/24",))
    issued = await worker.log_in(machine, "198.51.100.9")
    assert issued.access_token.reveal().startswith("kwt_")


async def test_a_revoked_secret_is_refused(worker: Worker) -> None:
    machine = await worker.make_machine()
    await worker.perform(
        RevokeClientSecret(organization="default", identity=machine.id, client_secret=machine.secret_id)
    )
    await refusal(worker, machine)


async def test_exactly_as_many_logins_succeed_as_a_secret_has_uses(worker: Worker) -> None:
    machine = await worker.make_machine(uses=3)
    other = Worker(worker.database, worker.clock)
    attempts = [site.log_in(machine) for site in (worker, other) for _ in range(5)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, UnauthenticatedError)]
    assert len(outcomes) - len(refused) == 3


async def test_a_login_verified_before_the_identity_was_disabled_gets_no_token_after(
    worker: Worker,
) -> None:
    machine = await worker.make_machine()
    caller = await worker.universal.verify(machine.id, machine.client_secret, ADDRESS, "req_1")
    await worker.perform(UpdateIdentity(organization="default", identity=machine.id, disabled=True))
    with pytest.raises(UnauthenticatedError):
        await worker.perform(LogIn(), caller)


async def test_a_token_does_not_beget_tokens(worker: Worker) -> None:
    caller = await worker.caller_of(await worker.make_machine())
    with pytest.raises(UnauthenticatedError):
        await worker.gate.perform(caller, LogIn(), RequestContext("req_1"))


async def test_a_failed_login_of_a_known_identity_stands_in_the_trail_with_its_reason(
    worker: Worker,
) -> None:
    machine = await worker.make_machine(networks=("198.51.100.0/24",))
    await refusal(worker, machine)
    assert await failed_logins(worker) == ["wrong-network"]


async def test_ten_failed_logins_a_minute_are_written_and_the_others_counted(worker: Worker) -> None:
    machine = await worker.make_machine()
    wrong = msgspec.structs.replace(machine, client_secret=SecretValue("guess"))
    for _ in range(25):
        await refusal(worker, wrong)
    assert len(await failed_logins(worker)) == 10
    await worker.audit.flush_denials()
    joined = await worker.trail(lambda one: "joined" in one.entry.details)
    assert [numbered.entry.details["joined"] for numbered in joined] == [15]


async def test_a_failed_login_of_nobody_writes_nothing(worker: Worker) -> None:
    machine = await worker.make_machine()
    before = len(await worker.trail())
    await refusal(worker, msgspec.structs.replace(machine, id="idn_nobody"))
    await worker.failures.settle()
    assert len(await worker.trail()) == before


async def test_a_login_stands_in_the_trail_of_the_organization(worker: Worker) -> None:
    machine = await worker.make_machine()
    await worker.log_in(machine)
    entry = (await worker.trail(lambda one: one.entry.action == "identity:login"))[0].entry
    home = await worker.tenants.organization("default")
    assert (entry.caller, entry.organization) == (f'Identity::"{machine.id}"', home)


async def test_neither_secret_nor_token_is_in_the_trail(worker: Worker) -> None:
    machine = await worker.make_machine()
    issued = await worker.log_in(machine)
    trail = repr(await worker.trail()).encode()
    texts = (machine.client_secret.reveal(), issued.access_token.reveal())
    assert not any(text.rpartition("_")[2].encode() in trail for text in texts)


async def test_a_client_secret_asked_for_twice_with_one_key_is_made_once_and_answered_alike(
    worker: Worker,
) -> None:
    machine = await worker.make_machine()
    asked = CreateClientSecret(organization="default", identity=machine.id)
    request = RequestContext("req_1", idempotency_key="once")
    first = await worker.gate.perform(ADMINISTRATOR, asked, request)
    second = await worker.gate.perform(ADMINISTRATOR, asked, request)
    assert (second.answer, second.replayed) == (first.answer, True)
