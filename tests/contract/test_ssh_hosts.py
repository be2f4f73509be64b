"""Hosts over the real gate, on both databases: who comes in, who renews what, who may log in where."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, update

from ca_service.custody.errors import IntegrityError
from ca_service.database.port import Database
from ca_service.database.statement import statement
from ca_service.kernel.errors import KeywrightError, NotFoundError
from ca_service.policy.names import NameRefusedError
from ssh_ca.certificates import CertificateStatus, CertificateType
from ssh_ca.errors import HostRefusedError, HostUnknownError, LifetimeRefusedError, ProofUsedError
from ssh_ca.hosts import HostLogins, MappingScope, SshHost
from ssh_ca.operations import (
    ByKeyId,
    CreateSshAuthority,
    IssueSshCertificate,
    ListSshCertificates,
    RevokeSshCertificates,
    SshCertificateFilter,
)
from ssh_ca.operations.hosts import (
    ListHostTokens,
    ListLoginMappings,
    ListSshHosts,
    ReadHostLogins,
    ReadSshHost,
    RemoveLoginMapping,
    RemoveSshHost,
    RenewSshHost,
    RevokeHostToken,
)
from ssh_ca.storage.host_tables import HOST_TOKENS
from tests.support.fakes.kernel import FakeClock
from tests.support.host_ground import PROJECT, HostGround, HostKey
from tests.support.ssh_ground import key_line

IDENTITY = "idn_" + "0" * 26
_WIPE = statement(
    update(HOST_TOKENS).where(HOST_TOKENS.c.id == bindparam("of_id")).values(used_at=None, used_by=None)
)
OTHER_IDENTITY = "idn_" + "1" * 26


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> HostGround:
    made = HostGround(database, clock)
    runner.run(made.start())
    return made


async def outcomes(*work: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*work, return_exceptions=True)


async def logins_of(ground: HostGround, host: SshHost) -> dict[str, tuple[str, ...]]:
    logins: HostLogins = await ground.perform(ReadHostLogins(project=PROJECT, host=host.id))
    return logins.accounts


# Enrolment.


async def test_a_token_enrols_a_host_with_the_names_groups_and_keys_it_is_for(ground: HostGround) -> None:
    key = HostKey.new()

    enrolled = await ground.enrol("web.example", "192.0.2.1", key=key, groups=("front",))

    [certificate] = enrolled.certificates
    assert certificate.principals == ("web.example", "192.0.2.1")
    assert (certificate.key_id, certificate.type.value) == (enrolled.host.id, "host")
    assert await ground.perform(ReadSshHost(project=PROJECT, host="web.example")) == enrolled.host
    assert enrolled.host.keys == (key.line,)
    page = await ground.perform(ListSshHosts(project=PROJECT, group="front"))
    assert page.items == (enrolled.host,)
    assert (await ground.perform(ListSshHosts(project=PROJECT, group="back"))).items == ()


async def test_of_two_hosts_with_one_token_exactly_one_comes_in(ground: HostGround) -> None:
    token = (await ground.token("*.example")).token.reveal()
    first = await ground.newcomer(token, HostKey.new(), "a.example")
    second = await ground.newcomer(token, HostKey.new(), "b.example")

    done = await outcomes(ground.enrol_as(first), ground.enrol_as(second))

    assert sorted(isinstance(each, ProofUsedError) for each in done) == [False, True], done
    assert len((await ground.perform(ListSshHosts(project=PROJECT))).items) == 1
    issued = await ground.perform(ListSshCertificates(project=PROJECT))
    assert len(issued.items) == 1
    [listed] = (await ground.perform(ListHostTokens(project=PROJECT))).items
    assert listed.used_by == (await ground.perform(ListSshHosts(project=PROJECT))).items[0].id


async def test_a_token_is_none_once_it_expired_was_revoked_or_its_maker_disabled(
    ground: HostGround, clock: FakeClock
) -> None:
    expired = (await ground.token(ttl=timedelta(seconds=5))).token.reveal()
    clock.advance(timedelta(seconds=6))
    revoked = await ground.token()
    await ground.perform(RevokeHostToken(project=PROJECT, token=revoked.record.id))

    for text in (expired, revoked.token.reveal(), "kwh_nothing", ""):
        with pytest.raises(HostUnknownError):
            await ground.newcomer(text, HostKey.new(), "web.example")


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("web.example", ("db.example",)),
        ("web.example", ("web.example", "db.example")),
        ("*.example", ("example",)),
        ("*.example", ("evil-example",)),
        ("*.example", ("a.example", "192.0.2.9")),
    ],
)
async def test_a_token_enrols_no_other_names(ground: HostGround, host: str, names: tuple[str, ...]) -> None:
    token = (await ground.token(host)).token.reveal()
    proven = await ground.newcomer(token, HostKey.new(), *names)
    with pytest.raises(HostRefusedError):
        await ground.enrol_as(proven)


async def test_a_token_for_many_takes_over_no_host_and_one_for_its_name_does(ground: HostGround) -> None:
    former = (await ground.enrol("web.example")).host
    many = (await ground.token("*.example")).token.reveal()
    proven = await ground.newcomer(many, HostKey.new(), "web.example")
    with pytest.raises(HostRefusedError) as refused:
        await ground.enrol_as(proven)
    assert refused.value.rule == "host-taken-over"

    key = HostKey.new()
    again = (await ground.enrol("web.example", key=key)).host

    assert (again.id, again.keys, again.version) == (former.id, (key.line,), former.version + 1)


async def test_a_key_that_was_not_proved_is_not_certified(ground: HostGround) -> None:
    token = (await ground.token()).token.reveal()
    mine, theirs = HostKey.new(), HostKey.new()
    for changes in (
        {"public_keys": (theirs.line,)},
        {"signatures": ()},
        {"signatures": (mine.sign(b"something else"),)},
        {"signatures": ("rubbish",)},
        {"challenge": "rubbish"},
    ):
        with pytest.raises(HostUnknownError):
            await ground.newcomer(token, mine, "web.example", **changes)


async def test_a_token_lives_a_day_at_most_and_names_a_host(ground: HostGround) -> None:
    with pytest.raises(LifetimeRefusedError):
        await ground.token(ttl=timedelta(days=2))
    with pytest.raises(NameRefusedError):
        await ground.token("*.*.example")
    with pytest.raises(HostRefusedError):
        await ground.token(profile="user")
    with pytest.raises(HostRefusedError):
        await ground.token(user_authority="nowhere")


async def test_a_token_whose_use_was_wiped_from_its_row_is_refused(ground: HostGround) -> None:
    made = await ground.token()
    await ground.enrol("web.example", token=made.token.reveal())
    await ground.database.begin(lambda transaction: transaction.execute(_WIPE, of_id=made.record.id))
    with pytest.raises(IntegrityError):
        await ground.newcomer(made.token.reveal(), HostKey.new(), "web.example")


# Renewal.


async def test_a_host_renews_with_its_key_and_gets_the_names_of_the_inventory(
    ground: HostGround, clock: FakeClock
) -> None:
    key = HostKey.new()
    host = (await ground.enrol("web.example", key=key)).host
    clock.advance(timedelta(days=20))

    [renewed] = (await ground.renew(host, await ground.prove(host, key))).certificates

    assert renewed.principals == ("web.example",)
    assert renewed.serial_number == 2


async def test_a_proof_renews_once(ground: HostGround) -> None:
    key = HostKey.new()
    host = (await ground.enrol(key=key)).host
    proven = await ground.prove(host, key)

    done = await outcomes(ground.renew(host, proven), ground.renew(host, proven))

    assert sorted(isinstance(each, ProofUsedError) for each in done) == [False, True], done


async def test_a_proof_is_for_one_verb_and_for_five_minutes(ground: HostGround, clock: FakeClock) -> None:
    key = HostKey.new()
    host = (await ground.enrol(key=key)).host
    challenge = ground.hosts.challenge()
    with pytest.raises(HostUnknownError):
        await ground.prove(host, key, verb="logins")
    clock.advance(timedelta(minutes=6))
    with pytest.raises(HostUnknownError):
        await ground.prove(host, key, challenge=challenge)


async def test_a_key_without_a_good_certificate_proves_nothing(ground: HostGround, clock: FakeClock) -> None:
    key = HostKey.new()
    host = (await ground.enrol(key=key)).host
    with pytest.raises(HostUnknownError):
        await ground.prove(host, HostKey.new())
    clock.advance(timedelta(days=31))
    with pytest.raises(HostUnknownError):
        await ground.prove(host, key)


async def test_a_revoked_host_renews_nothing(ground: HostGround) -> None:
    key = HostKey.new()
    host = (await ground.enrol(key=key)).host
    proven = await ground.prove(host, key)
    await ground.perform(RevokeSshCertificates(project=PROJECT, selector=ByKeyId(key_id=host.id)))
    with pytest.raises(HostUnknownError):
        await ground.prove(host, key)
    assert proven.caller.id == host.id


async def test_a_removed_host_is_revoked_and_renews_nothing_with_a_proof_it_has(ground: HostGround) -> None:
    key = HostKey.new()
    host = (await ground.enrol(key=key)).host
    proven = await ground.prove(host, key)

    await ground.perform(RemoveSshHost(project=PROJECT, host="web.example"))

    with pytest.raises(KeywrightError):
        await ground.renew(host, proven)
    with pytest.raises(NotFoundError):
        await ground.perform(ReadSshHost(project=PROJECT, host=host.id))
    listed = await ground.perform(
        ListSshCertificates(project=PROJECT, filter=SshCertificateFilter(key_id=host.id))
    )
    assert [each.status for each in listed.items] == [CertificateStatus.REVOKED]
    assert (await ground.enrol("web.example")).host.id == host.id


# What a host may do: its own things, by policy.


async def test_a_host_renews_and_reads_no_other_host(ground: HostGround) -> None:
    key = HostKey.new()
    mine = (await ground.enrol("a.example", key=key)).host
    other = (await ground.enrol("b.example")).host
    proven = await ground.prove(mine, key)

    for operation in (
        RenewSshHost(project=PROJECT, host=other.id, proved_at=proven.proved_at),
        ReadHostLogins(project=PROJECT, host=other.id),
        ReadSshHost(project=PROJECT, host=other.id),
        RemoveSshHost(project=PROJECT, host=mine.id),
    ):
        with pytest.raises(NotFoundError):
            await ground.perform(operation, proven.caller)
    assert (await ground.perform(ReadHostLogins(project=PROJECT, host=mine.id), proven.caller)).host == mine


async def test_a_host_signs_nothing_by_itself(ground: HostGround) -> None:
    key = HostKey.new()
    host = (await ground.enrol("a.example", key=key)).host
    caller = (await ground.prove(host, key)).caller
    asked: dict[str, Any] = {"project": PROJECT, "public_key": key_line()}

    attempts: tuple[dict[str, Any], ...] = (
        {"profile": "host", "principals": ("a.example",)},
        {"profile": "host", "principals": ("b.example",), "vouched_names": ("a.example",)},
        {"profile": "user", "principals": ("root",), "vouched_names": ("root",)},
    )
    for fields in attempts:
        with pytest.raises(NotFoundError):
            await ground.perform(IssueSshCertificate(**asked, **fields), caller)


async def test_a_newcomer_enrols_as_nobody_else(ground: HostGround) -> None:
    former = (await ground.enrol("a.example")).host
    token = (await ground.token("b.example")).token.reveal()
    proven = await ground.newcomer(token, HostKey.new(), "b.example")
    with pytest.raises(HostRefusedError):
        await ground.enrol_as(proven, names=("a.example",))
    assert await ground.perform(ReadSshHost(project=PROJECT, host="a.example")) == former


# Login mappings.


async def test_mappings_of_host_group_and_project_add_up(ground: HostGround) -> None:
    host = (await ground.enrol("web.example", groups=("front",))).host
    await ground.map("root", "ops")
    await ground.map("root", "alice", scope=MappingScope.GROUP, scope_name="front")
    await ground.map("deploy", "ci", scope=MappingScope.HOST, scope_name="web.example")
    await ground.map("root", "mallory", scope=MappingScope.GROUP, scope_name="back")
    await ground.map("root", "mallory", scope=MappingScope.HOST, scope_name="db.example")

    assert await logins_of(ground, host) == {"deploy": ("ci",), "root": ("alice", "ops")}


async def test_a_removed_mapping_opens_nothing_from_its_commit_on(ground: HostGround) -> None:
    host = (await ground.enrol()).host
    made = await ground.map("root", "ops")

    await ground.perform(RemoveLoginMapping(project=PROJECT, mapping=made.id))

    assert await logins_of(ground, host) == {}
    assert (await ground.perform(ListLoginMappings(project=PROJECT))).items == ()


async def test_an_identity_is_let_in_while_it_is_active(ground: HostGround) -> None:
    host = (await ground.enrol()).host
    await ground.map("root", identities=(IDENTITY, OTHER_IDENTITY))
    assert await logins_of(ground, host) == {"root": (IDENTITY, OTHER_IDENTITY)}

    ground.sponsors.disabled.add(IDENTITY)

    assert await logins_of(ground, host) == {"root": (OTHER_IDENTITY,)}


@pytest.mark.parametrize(
    ("account", "principals"),
    [
        ("../root", ("ops",)),
        (".", ("ops",)),
        ("", ("ops",)),
        ("root", ()),
        ("root", ("a,b",)),
        ("root", ("*",)),
    ],
)
async def test_a_mapping_that_no_file_should_hold_is_refused(
    ground: HostGround, account: str, principals: tuple[str, ...]
) -> None:
    with pytest.raises((HostRefusedError, NameRefusedError)):
        await ground.map(account, *principals)


async def test_a_host_trusts_its_own_authority_for_users_and_all_without_one(ground: HostGround) -> None:
    operation = CreateSshAuthority(project=PROJECT, name="second", type=CertificateType.USER)
    await ground.perform(operation)
    one = (await ground.enrol("one.example", user_authority="second")).host
    every = (await ground.enrol("every.example")).host

    told = [
        (await ground.perform(ReadHostLogins(project=PROJECT, host=host.id))).user_authorities
        for host in (one, every)
    ]

    assert [len(lines) for lines in told] == [1, 2]
    assert told[0][0] in told[1]
