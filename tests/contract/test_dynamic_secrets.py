"""Dynamic secrets: configured, shown, changed, deleted; quotas, ceilings, comparison with the target."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from ca_service.database.port import Database
from ca_service.kernel.errors import KeywrightError, NotFoundError
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.sets import BuiltInPolicy
from secrets_core.dynamic.errors import LeasesLiveError, TooManyLeasesError
from secrets_core.dynamic.leases import MAKING
from secrets_core.dynamic.operations import (
    AbandonLease,
    DeleteDynamicSecret,
    ListDynamicSecrets,
    ListLeases,
    ReadDynamicSecret,
    ReconcileDynamicSecret,
    RenewLease,
    UpdateDynamicSecret,
)
from tests.support.dynamic_ground import DynamicGround
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import MEMBER, TENANT, VIEWER

HOUR = timedelta(hours=1)
DEV: dict[str, Any] = {"project": "default", "environment": "dev"}
APP: dict[str, Any] = {**DEV, "name": "app"}
CEILING = BuiltInPolicy(
    "test:ceiling",
    '@max_ttl("30m") permit(principal == Identity::"idn_short", action in '
    '[Action::"dynamic:lease", Action::"dynamic:renew", Action::"dynamic:describe"], resource);',
)
ONLY_APP = BuiltInPolicy(
    "test:only-app",
    'forbid(principal == Identity::"idn_viewer", action == Action::"dynamic:describe", '
    'resource is DynamicSecret) when { resource.name == "hidden" };',
)
SHORT = msgspec.structs.replace(MEMBER, id="idn_short", name="short", roles=())
SHORT = msgspec.structs.replace(SHORT, organization=TENANT.organization, project=TENANT.project)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> DynamicGround:
    return runner.run(DynamicGround(database, clock, (CEILING, ONLY_APP)).start())


async def told_of(ground: DynamicGround, word: str) -> Any:
    """Return the details of the one entry about managing in which something stands at this word."""
    entries = [each.entry for each in await ground.trail() if each.entry.action == "dynamic:manage"]
    [found] = [entry.details for entry in entries if entry.details.get(word)]
    return found


async def refusal(work: Any) -> tuple[str, str | None, str | None]:
    with pytest.raises(KeywrightError) as caught:
        await work
    return caught.value.kind.value, caught.value.field, caught.value.rule


async def test_a_configuration_is_shown_without_its_password_and_changed_member_by_member(
    ground: DynamicGround,
) -> None:
    made = await ground.make()
    assert (made.config, made.version) == ({"host": "db.test"}, 1)
    config = SecretValue(b'{"role":"reader"}')
    changed = await ground.perform(UpdateDynamicSecret(**APP, config=config, max_ttl=2 * HOUR))
    assert (changed.config, changed.version) == ({"host": "db.test", "role": "reader"}, 2)
    assert await ground.perform(ReadDynamicSecret(**APP)) == changed
    [listed] = (await ground.perform(ListDynamicSecrets(**DEV))).items
    assert listed == changed
    await ground.lease()

    taken = await ground.perform(UpdateDynamicSecret(**APP, config=SecretValue(b'{"role":null}')))
    assert taken.config == {"host": "db.test"}


async def test_a_password_is_not_carried_to_another_target(ground: DynamicGround) -> None:
    await ground.make()
    elsewhere = UpdateDynamicSecret(**APP, config=SecretValue(b'{"host":"mallory.test"}'))
    assert await refusal(ground.perform(elsewhere)) == (
        "unacceptable",
        "config.password",
        "new-target-secret",
    )
    both = SecretValue(b'{"host":"mallory.test","password":"another"}')
    changed = await ground.perform(UpdateDynamicSecret(**APP, config=both))
    assert changed.config == {"host": "mallory.test"}


async def test_what_cannot_be_is_refused_by_its_field(ground: DynamicGround) -> None:
    await ground.make()
    for changes, refused in (
        ({"name": "app"}, ("conflict", "name", None)),
        ({"name": "a b"}, ("malformed", "name", "dynamic-name")),
        ({"path": "app"}, ("malformed", "path", "path")),
        ({"config": {"port": 1}}, ("unacceptable", "config.port", None)),
        ({"default_ttl": 25 * HOUR, "max_ttl": HOUR}, ("unacceptable", "default_ttl", "lease-max-ttl")),
        ({"max_ttl": timedelta(days=91)}, ("unacceptable", "max_ttl", "lease-ttl")),
        ({"default_ttl": timedelta(seconds=9)}, ("unacceptable", "default_ttl", "lease-ttl")),
        ({"username_template": "{dynamic}"}, ("unacceptable", "username_template", "username-template")),
    ):
        asked: dict[str, Any] = {"name": "new", **changes}
        assert await refusal(ground.make(**asked)) == refused, changes
    ground.target.is_down = True
    assert (await refusal(ground.make("new")))[0] == "unavailable"


async def test_a_ttl_has_its_ceilings(ground: DynamicGround, clock: FakeClock) -> None:
    await ground.make(max_ttl=2 * HOUR)
    assert await refusal(ground.lease(3 * HOUR)) == ("unacceptable", "ttl", "lease-max-ttl")
    assert await refusal(ground.lease(HOUR, SHORT)) == ("unacceptable", "ttl", "policy-max-ttl")
    clamped = await ground.lease(caller=SHORT)
    assert clamped.ttl == HOUR / 2
    renew = RenewLease(project="default", lease=clamped.id)
    clock.advance(HOUR / 4)
    renewed = await ground.perform(renew, SHORT)
    assert renewed.expires_at == ground.database.now() + HOUR / 2
    assert ground.target.accounts["fake://db.test"][renewed.username] > renewed.expires_at

    given = await ground.lease(2 * HOUR)
    clock.advance(HOUR)
    late = RenewLease(project="default", lease=given.id, ttl=2 * HOUR)
    assert await refusal(ground.perform(late)) == ("unacceptable", "ttl", "lease-max-ttl")
    assert (await ground.perform(RenewLease(project="default", lease=given.id))).expires_at == (
        given.lease.max_expires_at
    )


async def test_a_lease_that_ended_is_not_renewed_and_one_without_account_says_so(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    gone, over = await ground.lease(), await ground.lease(2 * HOUR)
    ground.target.accounts.clear()
    renew_gone = RenewLease(project="default", lease=gone.id)
    assert (await refusal(ground.perform(renew_gone)))[0] == "conflict"
    await ground.revoke(over.id)
    assert (await refusal(ground.perform(RenewLease(project="default", lease=over.id))))[0] == "conflict"
    clock.advance(HOUR)
    assert await refusal(ground.perform(renew_gone)) == ("conflict", None, "lease-ended")


async def test_live_leases_keep_a_dynamic_secret_or_end_with_it(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    given = await ground.lease()
    with pytest.raises(LeasesLiveError):
        await ground.perform(DeleteDynamicSecret(**APP))
    await ground.perform(DeleteDynamicSecret(**APP, revoke=True))
    with pytest.raises(NotFoundError):
        await ground.lease()
    again = await ground.make()
    assert again.id != given.lease.dynamic_secret_id, "its name is free"
    await ground.sweeper.end_due()
    lease = await ground.read(given.id)
    assert (lease.status, lease.end_reason, ground.accounts()) == ("revoked", "deleted", set())
    await ground.perform(DeleteDynamicSecret(**APP))


async def test_leases_of_a_deleted_project_are_ended(ground: DynamicGround, clock: FakeClock) -> None:
    await ground.make()
    await ground.lease()
    ground.tenants.projects.clear()
    clock.advance(HOUR)
    await ground.sweeper.end_due()
    assert ground.accounts() == set()


async def test_nobody_holds_more_live_leases_than_the_quota(database: Database, clock: FakeClock) -> None:
    ground = await DynamicGround(database, clock, most_live_leases=5).start()
    await ground.make()
    given = await asyncio.gather(*(ground.lease() for _ in range(9)), return_exceptions=True)
    refused = [each for each in given if isinstance(each, TooManyLeasesError)]
    assert (len(refused), len(ground.accounts())) == (4, 5)
    await ground.lease(caller=MEMBER)
    await ground.revoke(next(each.id for each in given if not isinstance(each, BaseException)))
    await ground.lease()


async def test_a_comparison_finds_what_nobody_will_end_and_what_is_gone(
    ground: DynamicGround, clock: FakeClock
) -> None:
    made = await ground.make()
    kept, lost = await ground.lease(), await ground.lease()
    clock.advance(2 * MAKING)
    at = ground.target.accounts["fake://db.test"]
    del at[lost.lease.username]
    orphan, stranger = f"{made.account_prefix}left", "kw-0000000000-other"
    at |= dict.fromkeys((orphan, stranger, "postgres"), ground.database.now())

    found = await ground.perform(ReconcileDynamicSecret(**APP))
    assert (found.orphans, found.dropped) == ((orphan,), ())
    assert [lease.id for lease in found.missing] == [lost.id]
    dropped = await ground.perform(ReconcileDynamicSecret(**APP, drop=True))
    assert dropped.dropped == (orphan,)
    assert ground.accounts() == {kept.lease.username, stranger, "postgres"}
    told = await told_of(ground, "dropped")
    assert (told["dropped"], told["missing"]) == ([orphan], 1)


async def test_an_abandoned_lease_is_kept_with_its_reason_and_tried_no_more(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    given = await ground.lease()
    ground.target.is_down = True
    await ground.revoke(given.id)
    for reason in ("", "  ", "x" * 501, "a\nb"):
        asked = AbandonLease(project="default", lease=given.id, reason=reason)
        assert await refusal(ground.perform(asked)) == ("malformed", "reason", "abandon-reason")
    abandoned = await ground.perform(AbandonLease(project="default", lease=given.id, reason="host burned"))
    assert (abandoned.status, abandoned.note, abandoned.next_try_at) == ("abandoned", "host burned", None)
    told = await told_of(ground, "reason")
    assert (told["reason"], told["username"]) == ("host burned", given.lease.username)
    clock.advance(48 * HOUR)
    assert await ground.sweeper.end_due() == 0


async def test_lists_hold_what_the_caller_may_see(ground: DynamicGround) -> None:
    await ground.make()
    await ground.make("hidden")
    for name in ("app", "hidden", "app"):
        await ground.lease(name=name)
    everything = ListLeases(project="default")
    seen = (await ground.perform(everything, VIEWER)).items
    assert [lease.dynamic_secret for lease in seen] == ["app", "app"]
    assert len((await ground.perform(everything)).items) == 3
    names = [each.name for each in (await ground.perform(ListDynamicSecrets(**DEV), VIEWER)).items]
    assert names == ["app"]

    first = await ground.perform(ListLeases(project="default", dynamic_secret="app", limit=1))
    rest = await ground.perform(
        ListLeases(project="default", dynamic_secret="app", environment="dev", after=first.next_key)
    )
    assert first.items[0].id > rest.items[0].id
    assert (len(rest.items), rest.next_key) == (1, None)
