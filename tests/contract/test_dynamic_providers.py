"""What every provider of dynamic secrets does, before a real target of each kind."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from ca_service.kernel.secret_value import SecretValue
from secrets_core.dynamic.errors import (
    AccountGoneError,
    ConfigurationRefusedError,
    TargetRefusedError,
    TargetUnreachableError,
)
from secrets_core.dynamic.providers.port import Account, Ending, Recipe, Target
from tests.support.provider_benches import BENCHES, ProviderBench
from tests.support.target_postgresql import TargetServer


@pytest.fixture(params=sorted(BENCHES))
def bench(request: pytest.FixtureRequest, target_server: TargetServer) -> Iterator[ProviderBench]:
    made = BENCHES[request.param](target_server)
    yield made
    made.clear()


def account(name: str = "kw-test-one", seconds: float = 3600) -> Account:
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    return Account(name, SecretValue(f"pass'word of \\ {name}"), end)


def parsed(bench: ProviderBench, **members: Any) -> Target:
    return bench.provider.parse_config({**bench.config, **members})


def recipe(bench: ProviderBench, name: str = "kw-test-one") -> Recipe:
    return Recipe(parsed(bench), name)


def is_refused(bench: ProviderBench, of: Account) -> bool:
    try:
        with bench.session(of):
            return False
    except OSError:
        return True


def test_an_accepted_configuration_is_read_back_as_it_was(bench: ProviderBench) -> None:
    target = parsed(bench)
    stored: Mapping[str, Any] = msgspec.json.decode(target.settings.reveal())
    assert bench.provider.parse_config(stored) == target
    assert target.provider == bench.provider.name


def test_a_target_shows_no_secret(bench: ProviderBench) -> None:
    target = parsed(bench)
    shown = f"{target!r} {target.key} {bench.provider.connection(target)}"
    assert not [secret for secret in bench.secrets if secret in shown]
    assert bench.provider.secret_members <= set(bench.config)


@pytest.mark.parametrize("member", ["surprise", "Host", ""])
def test_an_unknown_member_is_refused_by_its_name(bench: ProviderBench, member: str) -> None:
    with pytest.raises(ConfigurationRefusedError) as refusal:
        parsed(bench, **{member: "x"})
    assert refusal.value.field == f"config.{member}".rstrip(".")


async def test_a_configuration_that_works_is_verified(bench: ProviderBench) -> None:
    await bench.provider.verify(parsed(bench))


async def test_what_a_person_must_mend_is_refused_without_a_secret(bench: ProviderBench) -> None:
    for members in bench.refused:
        with pytest.raises(TargetRefusedError) as refusal:
            await bench.provider.verify(parsed(bench, **members))
        assert not [secret for secret in bench.secrets if secret in refusal.value.detail]


async def test_a_target_that_is_down_is_unreachable_for_everything(bench: ProviderBench) -> None:
    target = parsed(bench, **bench.unreachable)
    down = Recipe(target, "kw-test-one")
    provider = bench.provider
    attempts = (
        provider.verify(target),
        provider.create(target, account()),
        provider.revoke(down),
        provider.extend(down, datetime.now(UTC)),
        provider.list_accounts(target, "kw"),
    )
    for attempt in attempts:
        with pytest.raises(TargetUnreachableError):
            await attempt


async def test_an_account_that_was_made_logs_in_and_is_listed(bench: ProviderBench) -> None:
    await bench.provider.create(parsed(bench), account())
    with bench.session(account()) as works:
        assert works()
    assert await bench.provider.list_accounts(parsed(bench), "kw-test") == ("kw-test-one",)


async def test_a_list_holds_exactly_what_begins_with_the_prefix(bench: ProviderBench) -> None:
    for name in ("kw-a%b", "kw-a_b", "kw-axb"):
        await bench.provider.create(parsed(bench), account(name))
    assert await bench.provider.list_accounts(parsed(bench), "kw-a_") == ("kw-a_b",)
    assert await bench.provider.list_accounts(parsed(bench), "kw-a%") == ("kw-a%b",)


async def test_an_account_that_exists_is_not_made_again(bench: ProviderBench) -> None:
    await bench.provider.create(parsed(bench), account())
    second = Account("kw-test-one", SecretValue("another"), account().ends_at)
    with pytest.raises(TargetRefusedError):
        await bench.provider.create(parsed(bench), second)
    assert is_refused(bench, second)


async def test_an_account_that_cannot_be_made_whole_is_not_made(bench: ProviderBench) -> None:
    target = parsed(bench, **bench.refused[-1])
    with pytest.raises(TargetRefusedError):
        await bench.provider.create(target, account())
    assert bench.accounts() == set()


async def test_a_revoked_account_is_gone_with_its_sessions(bench: ProviderBench) -> None:
    await bench.provider.create(parsed(bench), account())
    with bench.session(account()) as works:
        assert await bench.provider.revoke(recipe(bench)) is Ending.REVOKED
        assert not works()
    assert is_refused(bench, account())
    assert bench.accounts() == set()


async def test_what_is_gone_already_is_revoked_with_success(bench: ProviderBench) -> None:
    assert await bench.provider.revoke(recipe(bench)) is Ending.GONE
    await bench.provider.create(parsed(bench), account())
    await bench.provider.revoke(recipe(bench))
    assert await bench.provider.revoke(recipe(bench)) is Ending.GONE


async def test_several_may_revoke_one_account_at_once(bench: ProviderBench) -> None:
    await bench.provider.create(parsed(bench), account())
    endings = await asyncio.gather(*(bench.provider.revoke(recipe(bench)) for _ in range(4)))
    assert sorted(endings) == [Ending.GONE] * 3 + [Ending.REVOKED]
    assert bench.accounts() == set()


async def test_the_target_itself_refuses_an_account_after_its_end(bench: ProviderBench) -> None:
    await bench.provider.create(parsed(bench), account(seconds=-1))
    assert is_refused(bench, account())
    await bench.provider.extend(recipe(bench), datetime.now(UTC) + timedelta(hours=1))
    assert not is_refused(bench, account())


async def test_the_end_of_an_account_that_is_gone_is_not_moved(bench: ProviderBench) -> None:
    with pytest.raises(AccountGoneError):
        await bench.provider.extend(recipe(bench), datetime.now(UTC))


async def test_the_target_never_writes_a_password_down(bench: ProviderBench) -> None:
    made = account("kw-told")
    await bench.provider.create(parsed(bench), made)
    await bench.provider.revoke(recipe(bench, "kw-told"))
    assert "kw-told" in bench.log()
    assert made.password.reveal() not in bench.log()
    assert "pass''word" not in bench.log()
