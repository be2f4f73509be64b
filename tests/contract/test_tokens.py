"""Tokens, on both engines, through the real gate."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import bindparam, func, select, update

from ca_service.custody.errors import IntegrityError
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import statement
from ca_service.gate.caller import RoleGrant
from ca_service.governance.operations import GrantProjectRole, WithdrawProjectRole
from ca_service.identity.identities import TokenTerms
from ca_service.identity.operations import (
    ReadSelf,
    RenewToken,
    RevokeClientSecret,
    RevokeToken,
    UpdateIdentity,
)
from ca_service.identity.sweep import TokenSweep
from ca_service.identity.token_storage import TOKENS
from ca_service.kernel.errors import NotFoundError, UnacceptableError, UnauthenticatedError
from ca_service.kernel.secret_value import SecretValue
from tests.support.fakes.kernel import FakeClock
from tests.support.identity_site import Worker, open_site

HOUR = timedelta(hours=1)


@pytest.fixture
def worker(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Worker:
    return runner.run(open_site(database, clock))


@pytest.fixture
def other_worker(worker: Worker) -> Worker:
    return Worker(worker.database, worker.clock)


async def test_a_login_gives_a_token_that_names_the_identity(worker: Worker) -> None:
    machine = await worker.make_machine()
    caller = await worker.caller_of(machine)
    assert (caller.kind.value, caller.id, caller.authenticated_by) == ("Identity", machine.id, "universal")


async def test_the_text_of_a_token_is_not_in_the_database(worker: Worker) -> None:
    token = (await worker.log_in(await worker.make_machine())).access_token.reveal()
    secret_part = token.rpartition("_")[2].encode()
    rows = await worker.database.read(statement(select(*TOKENS.c)))
    assert rows
    assert not any(secret_part in str(row).encode() for row in rows)


@pytest.mark.parametrize("place", [0, 10, -1], ids=["the mark", "the id part", "the secret part"])
async def test_a_token_with_one_changed_character_opens_nothing(worker: Worker, place: int) -> None:
    text = list((await worker.log_in(await worker.make_machine())).access_token.reveal())
    text[place] = "0" if text[place] != "0" else "1"
    with pytest.raises(UnauthenticatedError):
        await worker.authenticate(SecretValue("".join(text)))


async def test_a_token_ends_with_its_ttl_though_it_is_cached(worker: Worker) -> None:
    token = (await worker.log_in(await worker.make_machine())).access_token
    await worker.authenticate(token)
    worker.clock.advance(HOUR)
    with pytest.raises(UnauthenticatedError):
        await worker.authenticate(token)


async def test_a_token_revoked_in_one_worker_is_refused_in_another_at_once(
    worker: Worker, other_worker: Worker
) -> None:
    token = (await worker.log_in(await worker.make_machine())).access_token
    caller = await worker.authenticate(token)
    await other_worker.authenticate(token)
    await worker.perform(RevokeToken(), caller)
    with pytest.raises(UnauthenticatedError):
        await other_worker.authenticate(token)


async def test_a_caller_refreshed_for_the_gate_is_refused_once_its_token_is_revoked(worker: Worker) -> None:
    caller = await worker.caller_of(await worker.make_machine())
    await worker.perform(RevokeToken(), caller)
    with pytest.raises(UnauthenticatedError):
        await worker.authenticator.refresh(caller)


async def test_a_revoked_token_revokes_nothing_more(worker: Worker) -> None:
    caller = await worker.caller_of(await worker.make_machine())
    await worker.perform(RevokeToken(), caller)
    with pytest.raises(UnauthenticatedError):
        await worker.perform(RevokeToken(), caller)


async def test_exactly_as_many_uses_succeed_as_a_token_has(worker: Worker, other_worker: Worker) -> None:
    machine = await worker.make_machine(terms=TokenTerms(uses=5))
    token = (await worker.log_in(machine)).access_token
    attempts = [site.authenticate(token) for site in (worker, other_worker) for _ in range(8)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, UnauthenticatedError)]
    assert len(outcomes) - len(refused) == 5


async def test_the_last_use_of_a_token_still_performs_an_operation(worker: Worker) -> None:
    caller = await worker.caller_of(await worker.make_machine(terms=TokenTerms(uses=1)))
    assert (await worker.perform(ReadSelf(), caller)).uses_left == 0


async def test_a_limited_token_changed_in_the_table_is_refused_loudly(worker: Worker) -> None:
    token = (await worker.log_in(await worker.make_machine(terms=TokenTerms(uses=1)))).access_token
    edit = statement(update(TOKENS).values(uses_left=bindparam("more")))
    await worker.database.begin(lambda transaction: transaction.execute(edit, more=1000))
    with pytest.raises(IntegrityError):
        await worker.authenticate(token)


async def test_a_token_bound_to_a_network_is_refused_elsewhere(worker: Worker) -> None:
    machine = await worker.make_machine(terms=TokenTerms(networks=("192.0.2.0/24",)))
    token = (await worker.log_in(machine)).access_token
    await worker.authenticate(token, "192.0.2.99")
    with pytest.raises(UnauthenticatedError):
        await worker.authenticate(token, "198.51.100.1")


async def test_a_renewed_token_lives_on(worker: Worker) -> None:
    token = (await worker.log_in(await worker.make_machine())).access_token
    worker.clock.advance(HOUR / 2)
    await worker.perform(RenewToken(), await worker.authenticate(token))
    worker.clock.advance(HOUR * 0.75)
    await worker.authenticate(token)


async def test_renewing_without_a_ttl_is_clamped_to_the_max_ttl(worker: Worker) -> None:
    machine = await worker.make_machine(terms=TokenTerms(ttl=HOUR, max_ttl=HOUR * 1.5))
    issued = await worker.log_in(machine)
    caller = await worker.authenticate(issued.access_token)
    worker.clock.advance(HOUR * 0.9)
    renewed = await worker.perform(RenewToken(), caller)
    assert renewed.expires_at == issued.expires_at + HOUR / 2


async def test_renewing_for_longer_than_the_max_ttl_is_refused_by_name(worker: Worker) -> None:
    machine = await worker.make_machine(terms=TokenTerms(ttl=HOUR, max_ttl=HOUR * 1.5))
    caller = await worker.caller_of(machine)
    with pytest.raises(UnacceptableError) as refused:
        await worker.perform(RenewToken(ttl=HOUR * 2), caller)
    assert (refused.value.field, refused.value.rule) == ("ttl", "max_ttl")


async def test_a_token_that_ended_is_not_renewed(worker: Worker) -> None:
    caller = await worker.caller_of(await worker.make_machine())
    worker.clock.advance(HOUR * 2)
    with pytest.raises(UnauthenticatedError):
        await worker.perform(RenewToken(), caller)


async def test_a_disabled_identity_is_refused_at_once_and_welcome_when_enabled(
    worker: Worker, other_worker: Worker
) -> None:
    machine = await worker.make_machine()
    token = (await worker.log_in(machine)).access_token
    await other_worker.authenticate(token)
    await worker.perform(UpdateIdentity(organization="default", identity=machine.id, disabled=True))
    with pytest.raises(UnauthenticatedError):
        await other_worker.authenticate(token)
    await worker.perform(UpdateIdentity(organization="default", identity=machine.id, disabled=False))
    assert (await other_worker.authenticate(token)).id == machine.id


async def test_tokens_end_with_the_client_secret_that_obtained_them(worker: Worker) -> None:
    machine = await worker.make_machine()
    token = (await worker.log_in(machine)).access_token
    await worker.authenticate(token)
    await worker.perform(
        RevokeClientSecret(organization="default", identity=machine.id, client_secret=machine.secret_id)
    )
    with pytest.raises(UnauthenticatedError):
        await worker.authenticate(token)


async def test_a_role_is_in_force_with_the_next_request_and_gone_when_withdrawn(
    worker: Worker, other_worker: Worker
) -> None:
    machine = await worker.make_machine()
    token = (await worker.log_in(machine)).access_token
    await other_worker.authenticate(token)
    granted = await worker.perform(GrantProjectRole(project="default", identity=machine.id, role="viewer"))
    assert (await other_worker.authenticate(token)).roles == (RoleGrant("viewer", granted.scope),)
    await worker.perform(WithdrawProjectRole(project="default", membership=granted.id))
    assert (await other_worker.authenticate(token)).roles == ()


async def test_a_temporary_role_ends_by_itself_though_the_caller_is_cached(worker: Worker) -> None:
    machine = await worker.make_machine()
    token = (await worker.log_in(machine)).access_token
    end = worker.clock.now() + HOUR / 2
    await worker.perform(
        GrantProjectRole(project="default", identity=machine.id, role="viewer", expires_at=end)
    )
    assert (await worker.authenticate(token)).roles != ()
    worker.clock.advance(HOUR / 2)
    assert (await worker.authenticate(token)).roles == ()


async def test_the_bootstrap_token_is_made_once(worker: Worker) -> None:
    assert await worker.bootstrap.make_once() is not None
    assert await worker.bootstrap.make_once() is None


async def test_the_bootstrap_token_is_the_instance_administrator_and_does_not_end(worker: Worker) -> None:
    token = await worker.bootstrap.make_once()
    assert token is not None
    worker.clock.advance(timedelta(days=3650))
    caller = await worker.authenticate(token)
    assert (caller.id, caller.roles) == (
        "instance-administrator",
        (RoleGrant("administrator", "instance"),),
    )


async def test_rotating_ends_the_bootstrap_token_before_it(worker: Worker, other_worker: Worker) -> None:
    first = await worker.bootstrap.make_once()
    assert first is not None
    await other_worker.authenticate(first)
    second = await worker.bootstrap.rotate()
    assert (await other_worker.authenticate(second)).id == "instance-administrator"
    with pytest.raises(UnauthenticatedError):
        await other_worker.authenticate(first)


async def test_a_disabled_bootstrap_token_is_not_made_again_by_the_next_start(worker: Worker) -> None:
    token = await worker.bootstrap.make_once()
    assert token is not None
    assert await worker.bootstrap.disable() == 1
    with pytest.raises(UnauthenticatedError):
        await worker.authenticate(token)
    assert await worker.bootstrap.make_once() is None


async def test_the_bootstrap_token_is_delivered_before_the_database_has_it(worker: Worker) -> None:
    delivered: list[str] = []

    def fail(token: SecretValue[str]) -> None:
        delivered.append(token.reveal())
        raise OSError("the disk is full")

    with pytest.raises(OSError):
        await worker.bootstrap.make_once(fail)
    assert delivered
    assert await worker.bootstrap.make_once() is not None


async def test_the_bootstrap_token_is_not_renewed(worker: Worker) -> None:
    token = await worker.bootstrap.make_once()
    assert token is not None
    with pytest.raises(UnacceptableError):
        await worker.perform(RenewToken(), await worker.authenticate(token))


async def test_what_the_bootstrap_token_does_is_audited_as_the_instance_administrator(
    worker: Worker,
) -> None:
    token = await worker.bootstrap.make_once()
    assert token is not None
    await worker.perform(ReadSelf(), await worker.authenticate(token))
    found = await worker.trail(lambda one: one.entry.action == "identity:read-self")
    assert [one.entry.caller for one in found] == ['Identity::"instance-administrator"']


async def test_tokens_that_ended_long_ago_are_swept_and_others_stay(worker: Worker) -> None:
    await worker.bootstrap.make_once()
    await worker.log_in(await worker.make_machine("old"))
    worker.clock.advance(timedelta(days=3))
    await worker.log_in(await worker.make_machine("new"))
    await TokenSweep(worker.database, worker.custody).run()
    assert await worker.database.read_one(statement(select(func.count(TOKENS.c.id)))) == (2,)


async def test_an_error_in_the_transaction_of_a_login_leaves_no_token(worker: Worker) -> None:
    machine = await worker.make_machine(uses=1)
    await worker.log_in(machine)

    async def count(transaction: Transaction) -> int:
        row = await transaction.fetch_one(statement(select(func.count(TOKENS.c.id))))
        assert row is not None
        return int(row[0])

    before = await worker.database.begin(count)
    with pytest.raises((UnauthenticatedError, NotFoundError)):
        await worker.log_in(machine)
    assert await worker.database.begin(count) == before
