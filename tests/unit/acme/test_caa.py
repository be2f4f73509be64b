"""Where CAA records are looked for, and what a directory makes of them (RFC 8659 section 3)."""

from datetime import UTC, datetime

import pytest

from acme.directories import CaaMode, Directory, DirectoryId, DirectoryRules, ExternalAccountRule
from acme.identifiers import Identifier
from acme.validation.caa import CaaCheck, CaaVerdict
from ca_service.egress.errors import DnsFailedError
from ca_service.egress.records import CaaRecord
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from tests.support.fakes.acme import FakeWorld

OURS = (CaaRecord(0, "issue", b"ca.test"),)
THEIRS = (CaaRecord(0, "issue", b"letsencrypt.org"),)
FAILED = DnsFailedError(
    "DNS: the resolver 192.0.2.53:53 answered SERVFAIL.", name="n", resolver="r", rcode="S"
)


def directory(mode: CaaMode, resolvers: tuple[str, ...] = ()) -> Directory:
    return Directory(
        id=DirectoryId("dir_1"),
        tenant=Tenant(OrganizationId("org"), ProjectId("one")),
        slug="default",
        profile="server",
        authority=None,
        eab=ExternalAccountRule.OFF,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        rules=DirectoryRules(caa=mode, caa_identities=("ca.test",), resolvers=resolvers),
    )


async def check(
    world: FakeWorld,
    name: str = "www.a.example",
    *,
    mode: CaaMode = CaaMode.ENFORCE,
    is_wildcard: bool = False,
    type_: str = "dns",
) -> CaaVerdict:
    caa = CaaCheck(world, lambda directory, account: [f"https://ca.test/{directory.slug}/{account}"])
    return await caa.check_caa(
        directory(mode, ("192.0.2.53",)), Identifier(type_, name), is_wildcard, "acc_1", "http-01"
    )


async def test_without_records_anywhere_a_name_may_be_issued() -> None:
    assert await check(FakeWorld()) == CaaVerdict(is_permitted=True)


@pytest.mark.parametrize("owner", ["www.a.example", "a.example", "example"])
async def test_the_tree_is_climbed_up_to_the_top(owner: str) -> None:
    world = FakeWorld()
    world.authorities[owner] = THEIRS
    verdict = await check(world)
    assert (verdict.is_permitted, verdict.is_transient) == (False, False)
    assert f"CAA records of {owner} forbid www.a.example" in verdict.detail


async def test_the_closest_records_count_alone() -> None:
    world = FakeWorld()
    world.authorities |= {"www.a.example": OURS, "a.example": THEIRS, "example": FAILED}
    assert (await check(world)).is_permitted


@pytest.mark.parametrize("owner", ["www.a.example", "a.example", "example"])
async def test_dns_that_fails_fails_closed_and_may_be_tried_again(owner: str) -> None:
    world = FakeWorld()
    world.authorities[owner] = FAILED
    verdict = await check(world)
    assert (verdict.is_permitted, verdict.is_transient) == (False, True)
    assert "SERVFAIL" in verdict.detail


async def test_failure_below_the_records_counts() -> None:
    world = FakeWorld()
    world.authorities |= {"www.a.example": FAILED, "a.example": OURS}
    assert not (await check(world)).is_permitted


async def test_a_wildcard_starts_at_its_base_and_is_named_so() -> None:
    world = FakeWorld()
    world.authorities["a.example"] = (*OURS, CaaRecord(0, "issuewild", b";"))
    verdict = await check(world, "a.example", is_wildcard=True)
    assert "forbid *.a.example" in verdict.detail
    assert (await check(world, "a.example")).is_permitted


async def test_the_account_is_known_by_its_url() -> None:
    world = FakeWorld()
    value = b"ca.test; accounturi=https://ca.test/default/acc_1"
    world.authorities["a.example"] = (CaaRecord(0, "issue", value),)
    assert (await check(world)).is_permitted


async def test_addresses_have_no_caa_records() -> None:
    world = FakeWorld()
    world.authorities["1"] = THEIRS
    assert (await check(world, "192.0.2.1", type_="ip")).is_permitted


async def test_a_single_label_is_looked_at() -> None:
    world = FakeWorld()
    world.authorities["intranet"] = THEIRS
    assert not (await check(world, "intranet")).is_permitted


async def test_off_asks_nobody() -> None:
    world = FakeWorld()
    world.authorities["a.example"] = THEIRS
    assert (await check(world, mode=CaaMode.OFF)).is_permitted
    assert world.asked_resolvers == []


@pytest.mark.parametrize("answer", [THEIRS, FAILED])
async def test_log_permits_and_says_what_it_would_have_refused(
    answer: tuple[CaaRecord, ...] | DnsFailedError, caplog: pytest.LogCaptureFixture
) -> None:
    world = FakeWorld()
    world.authorities["a.example"] = answer
    verdict = await check(world, mode=CaaMode.LOG)
    assert verdict.is_permitted
    assert "CAA would refuse (mode log) in directory default" in caplog.text


async def test_the_directorys_resolvers_are_asked() -> None:
    world = FakeWorld()
    await check(world)
    assert world.asked_resolvers == [("192.0.2.53",)]
