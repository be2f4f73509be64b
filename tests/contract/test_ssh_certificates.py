"""The SSH authority through the real gate, on both engines."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select, update

from ca_service.audit.search import AuditFilter
from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.errors import IntegrityError
from ca_service.database.port import Database
from ca_service.database.statement import statement
from ca_service.gate.errors import AnswerGoneError, CeilingError
from ca_service.kernel.errors import (
    ForbiddenError,
    KeywrightError,
    MalformedError,
    NotFoundError,
    UnacceptableError,
)
from ca_service.policy.names import NameRefusedError
from ca_service.policy.sets import BuiltInPolicy
from ssh_ca.certificate_reader import read_certificate
from ssh_ca.certificates import CertificateStatus, CertificateType
from ssh_ca.errors import (
    ChangedMeanwhileError,
    KeyIdRefusedError,
    LifetimeRefusedError,
    NameTakenError,
    OptionRefusedError,
    PrincipalsRefusedError,
    ProfileRefusedError,
    ProfileUnknownError,
    PublicKeyRefusedError,
)
from ssh_ca.operations import (
    ByKeyId,
    ByPublicKey,
    BySerialNumber,
    CreateSshAuthority,
    CreateSshProfile,
    IssuedSshCertificate,
    ListSshAuthorities,
    ListSshCertificates,
    ListSshProfiles,
    ReadSshCertificate,
    RevokeSshCertificates,
    SshCertificateFilter,
)
from ssh_ca.options import DEFAULT_EXTENSIONS
from ssh_ca.profiles import ProfileSettings
from ssh_ca.serial_numbers import RESERVED_AT_ONCE, SerialNumbers
from ssh_ca.storage.authorities import EPOCH_SIZE, raise_epoch
from ssh_ca.storage.tables import CERTIFICATES, PROFILES, REVOCATIONS
from tests.support.fakes.kernel import FakeClock
from tests.support.ssh_ground import SshGround, fido_key_line, key_line
from tests.support.x509_ground import ADMINISTRATOR, MEMBER, STRANGER, TENANT, VIEWER

COUNT = statement(select(func.count()).select_from(CERTIFICATES))
HOUR = timedelta(hours=1)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> SshGround:
    return runner.run(SshGround(database, clock).start())


def blob_of(issued: IssuedSshCertificate) -> bytes:
    return msgspec.convert(issued.certificate.split(" ")[1], bytes)


async def content_of(ground: SshGround, issued: IssuedSshCertificate) -> Any:
    issuer = await ground.catalogue.issuer(TENANT, issued.profile)
    return read_certificate(blob_of(issued), issuer.signer.public_key)


# -- what first start leaves


async def test_first_start_makes_two_authorities_and_two_profiles(ground: SshGround) -> None:
    authorities = await ground.perform(ListSshAuthorities(project="default"))
    profiles = await ground.perform(ListSshProfiles(project="default"))
    assert [(each.name, each.type, each.key_algorithm) for each in authorities] == [
        ("ssh-host", CertificateType.HOST, KeyAlgorithm.ED25519),
        ("ssh-user", CertificateType.USER, KeyAlgorithm.ED25519),
    ]
    assert [(each.name, each.settings.authority) for each in profiles] == [
        ("host", "ssh-host"),
        ("user", "ssh-user"),
    ]


async def test_a_second_start_makes_nothing(ground: SshGround) -> None:
    before = await ground.perform(ListSshAuthorities(project="default"))
    await ground.start()
    assert await ground.perform(ListSshAuthorities(project="default")) == before


async def test_the_authorities_keys_are_published_one_a_line(ground: SshGround) -> None:
    kind, body, _ = await ground.artefacts("default/user-ca.pub")
    assert kind == "text/plain"
    (line,) = body.decode().splitlines()
    issuer = await ground.catalogue.issuer(TENANT, "user")
    assert msgspec.convert(line.split(" ")[1], bytes) == issuer.authority.public_key


async def test_a_second_authority_is_published_behind_the_first(ground: SshGround, clock: FakeClock) -> None:
    clock.advance(HOUR)
    operation = CreateSshAuthority(project="default", name="next", type=CertificateType.USER)
    await ground.perform(operation)
    _, body, _ = await ground.artefacts("default/user-ca.pub")
    assert [line.split(" ")[2] for line in body.decode().splitlines()] == ["default/ssh-user", "default/next"]


@pytest.mark.parametrize("path", ["default/krl", "default/other", "none/user-ca.pub", "", "default"])
async def test_nothing_else_is_published(ground: SshGround, path: str) -> None:
    with pytest.raises(NotFoundError):
        await ground.artefacts(path)


# -- issuing


async def test_a_user_certificate_says_what_was_asked(ground: SshGround, clock: FakeClock) -> None:
    issued = await ground.issue("ops", "alice", ttl=timedelta(minutes=30))
    content = await content_of(ground, issued)
    now = clock.now().replace(microsecond=0)
    assert (content.type, content.principals, content.key_id) == (
        CertificateType.USER,
        ("ops", "alice"),
        ADMINISTRATOR.id,
    )
    assert (content.valid_after, content.valid_before) == (
        now - timedelta(seconds=60),
        now + timedelta(minutes=30),
    )
    assert set(content.extensions) == set(DEFAULT_EXTENSIONS)
    assert content.critical_options == {}
    assert (issued.serial_number, issued.principals) == (1, ("ops", "alice"))


async def test_the_default_lifetime_of_a_user_is_an_hour(ground: SshGround, clock: FakeClock) -> None:
    issued = await ground.issue("ops")
    assert issued.valid_before == clock.now().replace(microsecond=0) + HOUR


async def test_a_host_certificate_has_hosts_and_no_extensions(ground: SshGround, clock: FakeClock) -> None:
    issued = await ground.issue("Web.Example.com", "127.0.0.1", "2001:DB8::1", profile="host")
    content = await content_of(ground, issued)
    assert content.principals == ("web.example.com", "127.0.0.1", "2001:db8::1")
    assert (content.type, content.extensions) == (CertificateType.HOST, {})
    assert issued.valid_before == clock.now().replace(microsecond=0) + timedelta(days=30)


async def test_fido_keys_may_be_bound_to_a_pin(ground: SshGround) -> None:
    issued = await ground.issue("ops", public_key=fido_key_line(), critical_options={"verify-required": ""})
    assert issued.certificate.startswith("sk-ssh-ed25519-cert-v01@openssh.com ")


async def test_options_that_restrict_may_be_asked_for(ground: SshGround) -> None:
    asked = {"force-command": "uptime", "source-address": "10.0.0.0/8, 192.0.2.1"}
    issued = await ground.issue("ops", critical_options=asked, extensions={"permit-pty": ""})
    content = await content_of(ground, issued)
    assert content.critical_options == {
        "force-command": "uptime",
        "source-address": "10.0.0.0/8,192.0.2.1/32",
    }
    assert content.extensions == {"permit-pty": ""}


async def test_a_principal_asked_for_twice_stands_there_once(ground: SshGround) -> None:
    assert (await ground.issue("ops", "ops")).principals == ("ops",)


async def test_256_principals_are_certified(ground: SshGround) -> None:
    assert len((await ground.issue(*[f"user{n}" for n in range(256)])).principals) == 256


Refusal = tuple[type[KeywrightError], str, dict[str, Any]]
REFUSALS: dict[str, Refusal] = {
    "no principal": (PrincipalsRefusedError, "principals", {"principals": ()}),
    "257 principals": (PrincipalsRefusedError, "principals", {"principals": tuple(map(str, range(257)))}),
    "an empty principal": (NameRefusedError, "principals[0]", {"principals": ("",)}),
    "a comma": (NameRefusedError, "principals[1]", {"principals": ("ops", "root,ops")}),
    "a wildcard": (NameRefusedError, "principals[0]", {"principals": ("*",)}),
    "a newline": (NameRefusedError, "principals[0]", {"principals": ("ops\nroot",)}),
    "a space": (NameRefusedError, "principals[0]", {"principals": ("ops root",)}),
    "an escape code": (NameRefusedError, "principals[0]", {"principals": ("\x1b[2J",)}),
    "a principal of 256 characters": (NameRefusedError, "principals[0]", {"principals": ("a" * 256,)}),
    "a wildcard host": (NameRefusedError, "principals[0]", {
        "profile": "host", "principals": ("*.example.com",)}),
    "a user as host": (NameRefusedError, "principals[0]", {"profile": "host", "principals": ("a b",)}),
    "a network as host": (NameRefusedError, "principals[0]", {
        "profile": "host", "principals": ("10.0.0.0/8",)}),
    "extensions on a host": (OptionRefusedError, "extensions", {
        "profile": "host", "principals": ("a.example",), "extensions": {"permit-pty": ""}}),
    "options on a host": (OptionRefusedError, "critical_options", {
        "profile": "host", "principals": ("a.example",), "critical_options": {"force-command": "x"}}),
    "an unknown option": (OptionRefusedError, "critical_options", {"critical_options": {"permit-all": ""}}),
    "an unknown extension": (OptionRefusedError, "extensions", {"extensions": {"login@github.com": "x"}}),
    "no-touch-required": (OptionRefusedError, "extensions", {"extensions": {"no-touch-required": ""}}),
    "a flag with a value": (OptionRefusedError, "extensions.permit-pty", {
        "extensions": {"permit-pty": "yes"}}),
    "an empty command": (OptionRefusedError, "critical_options.force-command", {
        "critical_options": {"force-command": " "}}),
    "a command of two lines": (OptionRefusedError, "critical_options.force-command", {
        "critical_options": {"force-command": "a\nb"}}),
    "a network with host bits": (OptionRefusedError, "critical_options.source-address", {
        "critical_options": {"source-address": "10.0.0.1/8"}}),
    "a negated network": (OptionRefusedError, "critical_options.source-address", {
        "critical_options": {"source-address": "!10.0.0.0/8"}}),
    "verify-required without a FIDO key": (OptionRefusedError, "critical_options.verify-required", {
        "critical_options": {"verify-required": ""}}),
    "a key id with a control character": (KeyIdRefusedError, "key_id", {"key_id": "alice\x1b"}),
    "an empty key id": (KeyIdRefusedError, "key_id", {"key_id": ""}),
    "a key id of 257 characters": (KeyIdRefusedError, "key_id", {"key_id": "a" * 257}),
    "a lifetime above the ceiling": (LifetimeRefusedError, "ttl", {"ttl": timedelta(hours=24, seconds=1)}),
    "a lifetime of nothing": (LifetimeRefusedError, "ttl", {"ttl": timedelta(0)}),
    "no public key": (MalformedError, "public_key", {"public_key": ""}),
    "a DSA key": (PublicKeyRefusedError, "public_key", {"public_key": "ssh-dss AAAAB3NzaC1kc3M="}),
}  # fmt: skip


@pytest.mark.parametrize(("error", "field", "asked"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_what_breaks_a_rule_is_refused_and_leaves_nothing(
    ground: SshGround, database: Database, error: type[KeywrightError], field: str, asked: dict[str, Any]
) -> None:
    fields = dict(asked)
    principals = fields.pop("principals", ("ops",))
    with pytest.raises(error) as caught:
        await ground.issue(*principals, **fields)
    assert caught.value.field == field
    assert await database.read_one(COUNT) == (0,)


async def test_the_ceiling_of_the_profile_is_named(ground: SshGround) -> None:
    with pytest.raises(LifetimeRefusedError, match="86400 s"):
        await ground.issue("ops", ttl=timedelta(days=2))


async def test_an_unknown_profile_is_refused_by_name(ground: SshGround) -> None:
    with pytest.raises(ProfileUnknownError) as refused:
        await ground.issue("ops", profile="none")
    assert refused.value.field == "profile"


async def test_the_authoritys_own_key_is_not_certified(ground: SshGround) -> None:
    _, body, _ = await ground.artefacts("default/user-ca.pub")
    with pytest.raises(PublicKeyRefusedError):
        await ground.issue("ops", public_key=body.decode())


# -- policy


@pytest.mark.parametrize("caller", [VIEWER, STRANGER], ids=["viewer", "stranger"])
async def test_who_may_not_sign_is_refused(ground: SshGround, database: Database, caller: Any) -> None:
    with pytest.raises((ForbiddenError, NotFoundError)):
        await ground.issue("ops", caller=caller)
    assert await database.read_one(COUNT) == (0,)


async def test_a_member_may_sign(ground: SshGround) -> None:
    assert (await ground.issue("ops", caller=MEMBER)).key_id == MEMBER.id


async def test_one_forbidden_principal_forbids_the_certificate_and_is_named(
    database: Database, clock: FakeClock
) -> None:
    no_root = BuiltInPolicy(
        "test:no-root",
        'forbid(principal, action == Action::"ssh:sign", resource) '
        'when { context has name && context.name.value == "root" };',
    )
    ground = await SshGround(database, clock, (no_root,)).start()
    with pytest.raises(ForbiddenError) as caught:
        await ground.issue("ops", "root")
    assert caught.value.field == "principals[1]"
    assert (await ground.issue("ops")).serial_number == 1


async def test_the_policys_ceiling_shortens_the_default_and_refuses_what_was_asked(
    database: Database, clock: FakeClock
) -> None:
    short = BuiltInPolicy(
        "test:short",
        '@max_ttl("10m") permit(principal == Identity::"idn_short", action in [Action::"ssh:sign", '
        'Action::"ssh:read", Action::"governance:read-project"], resource);',
    )
    ground = await SshGround(database, clock, (short,)).start()
    caller = msgspec.structs.replace(MEMBER, id="idn_short", roles=())
    issued = await ground.issue("ops", caller=caller)
    assert issued.valid_before == clock.now().replace(microsecond=0) + timedelta(minutes=10)
    with pytest.raises(CeilingError, match="600 s"):
        await ground.issue("ops", caller=caller, ttl=timedelta(minutes=11))


async def test_policies_see_values_of_options(database: Database, clock: FakeClock) -> None:
    pinned = BuiltInPolicy(
        "test:pinned",
        'forbid(principal, action == Action::"ssh:sign", resource) '
        'unless { context has source_address && context.source_address == "10.0.0.0/8" };',
    )
    ground = await SshGround(database, clock, (pinned,)).start()
    with pytest.raises(ForbiddenError):
        await ground.issue("ops", critical_options={"source-address": "0.0.0.0/0"})
    await ground.issue("ops", critical_options={"source-address": "10.0.0.0/8"})


async def test_the_trail_says_which_certificate_sshd_will_log(ground: SshGround) -> None:
    issued = await ground.issue("ops")
    found = await ground.audit.search(AuditFilter(organization=None, action="ssh:sign"))
    (entry,) = [numbered.entry for numbered in found]
    assert entry.details["serial_number"] == "1"
    assert (entry.details["key_id"], entry.details["principals"]) == (issued.key_id, ["ops"])


# -- serial numbers


async def test_serial_numbers_count_from_one_for_each_authority(ground: SshGround) -> None:
    users = [(await ground.issue("ops")).serial_number for _ in range(3)]
    host = await ground.issue("a.example", profile="host")
    assert (users, host.serial_number) == ([1, 2, 3], 1)


async def test_two_processes_never_share_a_number(ground: SshGround, database: Database) -> None:
    authority = (await ground.catalogue.issuer(TENANT, "user")).authority
    first, second = SerialNumbers(database), SerialNumbers(database)
    taken = [await numbers.take(authority) for _ in range(RESERVED_AT_ONCE) for numbers in (first, second)]
    assert sorted(taken) == list(range(1, 2 * RESERVED_AT_ONCE + 1))


async def test_concurrent_requests_never_share_a_number(ground: SshGround, database: Database) -> None:
    authority = (await ground.catalogue.issuer(TENANT, "user")).authority
    numbers = SerialNumbers(database)
    taken = await asyncio.gather(*[numbers.take(authority) for _ in range(200)])
    assert sorted(taken) == list(range(1, 201))


async def test_a_new_epoch_begins_far_beyond_the_last(ground: SshGround, database: Database) -> None:
    authority = (await ground.catalogue.issuer(TENANT, "user")).authority
    assert await database.begin(lambda transaction: raise_epoch(transaction, 3)) == 2
    assert await database.begin(lambda transaction: raise_epoch(transaction, 3)) == 0
    assert await SerialNumbers(database).take(authority) == 3 * EPOCH_SIZE


# -- what changes meanwhile


async def change_profile(database: Database, **values: Any) -> None:
    changed = statement(update(PROFILES).where(PROFILES.c.name == "user").values(**values))
    await database.begin(lambda transaction: transaction.execute(changed))


async def test_a_profile_that_changed_meanwhile_issues_nothing(ground: SshGround, database: Database) -> None:
    await ground.issue("ops")
    await change_profile(database, version=2)
    with pytest.raises(ChangedMeanwhileError):
        await ground.issue("ops")
    assert await database.read_one(COUNT) == (1,)


async def test_a_new_profile_of_another_process_is_found(
    ground: SshGround, database: Database, clock: FakeClock
) -> None:
    await ground.issue("ops")
    settings = ProfileSettings(authority="ssh-user", default_ttl=HOUR, max_ttl=HOUR)
    operation = CreateSshProfile(project="default", name="new", type=CertificateType.USER, settings=settings)
    await SshGround(database, clock).perform(operation)
    assert (await ground.issue("ops", profile="new")).profile == "new"


async def test_a_profile_edited_behind_our_back_is_found(ground: SshGround, database: Database) -> None:
    edited = ProfileSettings(authority="ssh-user", default_ttl=HOUR, max_ttl=timedelta(days=3000))
    await change_profile(database, settings=msgspec.json.encode(edited))
    with pytest.raises(IntegrityError):
        await ground.issue("ops")


# -- inventory


async def listed(ground: SshGround, **wanted: Any) -> list[str]:
    operation = ListSshCertificates(project="default", filter=SshCertificateFilter(**wanted))
    page = await ground.perform(operation)
    return [item.certificate.id for item in page.items]


async def test_the_inventory_is_filtered_by_everything_it_shows(ground: SshGround, clock: FakeClock) -> None:
    short = await ground.issue("ops", key_id="alice", ttl=timedelta(minutes=1))
    clock.advance(timedelta(seconds=1))
    long = await ground.issue("ops", "dev", key_id="bob")
    clock.advance(timedelta(seconds=1))
    host = await ground.issue("a.example", profile="host")
    clock.advance(timedelta(minutes=2))
    revoke = RevokeSshCertificates(project="default", selector=BySerialNumber(1, "ssh-host"))
    await ground.perform(revoke)
    assert await listed(ground) == [host.id, long.id, short.id]
    assert await listed(ground, key_id="alice") == [short.id]
    assert await listed(ground, principal="ops") == [long.id, short.id]
    assert await listed(ground, principal="dev", key_id="bob") == [long.id]
    assert await listed(ground, serial_number=1) == [host.id, short.id]
    assert await listed(ground, serial_number=1, authority="ssh-user") == [short.id]
    assert await listed(ground, status=CertificateStatus.VALID) == [long.id]
    assert await listed(ground, status=CertificateStatus.EXPIRED) == [short.id]
    assert await listed(ground, status=CertificateStatus.REVOKED) == [host.id]


async def test_pages_follow_one_another_without_gap_or_repetition(ground: SshGround) -> None:
    made = [(await ground.issue("ops")).id for _ in range(5)]
    seen: list[str] = []
    after = None
    while True:
        page = await ground.perform(ListSshCertificates(project="default", limit=2, after=after))
        seen += [item.certificate.id for item in page.items]
        after = page.next_key
        if after is None:
            break
    assert seen == sorted(made, reverse=True)


async def test_a_certificate_is_read_as_it_was_handed_out(ground: SshGround) -> None:
    issued = await ground.issue("ops")
    found, line = await ground.perform(ReadSshCertificate(project="default", certificate=issued.id))
    assert (line, found.status) == (issued.certificate, CertificateStatus.VALID)


async def test_another_project_has_another_inventory(ground: SshGround) -> None:
    issued = await ground.issue("ops")
    page = await ground.perform(ListSshCertificates(project="two"))
    assert page.items == ()
    with pytest.raises(NotFoundError):
        await ground.perform(ReadSshCertificate(project="two", certificate=issued.id))


# -- revocation


async def revoke(ground: SshGround, selector: Any, caller: Any = ADMINISTRATOR) -> list[str]:
    operation = RevokeSshCertificates(project="default", selector=selector)
    answer = await ground.perform(operation, caller)
    return [item.certificate.id for item in answer.certificates if item.status is CertificateStatus.REVOKED]


async def test_one_certificate_is_revoked_by_its_number(ground: SshGround) -> None:
    first, _ = await ground.issue("ops"), await ground.issue("ops")
    assert await revoke(ground, BySerialNumber(1, "ssh-user")) == [first.id]


async def test_all_certificates_of_a_key_id_are_revoked(ground: SshGround) -> None:
    mine = [(await ground.issue("ops", key_id="alice")).id for _ in range(2)]
    await ground.issue("ops", key_id="bob")
    assert sorted(await revoke(ground, ByKeyId("alice"))) == sorted(mine)


async def test_a_revoked_key_is_never_certified_again(ground: SshGround) -> None:
    line = key_line()
    issued = await ground.issue("ops", public_key=line)
    assert await revoke(ground, ByPublicKey(line)) == [issued.id]
    with pytest.raises(PublicKeyRefusedError) as caught:
        await ground.issue("ops", public_key=line)
    assert caught.value.rule == "key-revoked"


async def test_revoking_again_changes_nothing(ground: SshGround, clock: FakeClock) -> None:
    await ground.issue("ops")
    operation = RevokeSshCertificates(project="default", selector=BySerialNumber(1, "ssh-user"))
    first = await ground.perform(operation)
    clock.advance(HOUR)
    assert (await ground.perform(operation)).certificates == first.certificates


async def test_a_number_the_inventory_lost_can_be_revoked_by_an_administrator(
    ground: SshGround, database: Database
) -> None:
    assert await revoke(ground, BySerialNumber(500, "ssh-user")) == []
    count = statement(select(REVOCATIONS.c.kind, REVOCATIONS.c.value))
    assert await database.read_one(count) == ("serial_number", "500")


async def test_a_number_the_inventory_lost_needs_more_than_the_right_to_revoke(ground: SshGround) -> None:
    with pytest.raises(ForbiddenError):
        await revoke(ground, BySerialNumber(500, "ssh-user"), MEMBER)


async def test_an_unknown_key_id_is_not_found(ground: SshGround) -> None:
    with pytest.raises(NotFoundError):
        await revoke(ground, ByKeyId("nobody"))


async def test_who_only_reads_does_not_revoke(ground: SshGround) -> None:
    await ground.issue("ops")
    with pytest.raises(ForbiddenError):
        await revoke(ground, BySerialNumber(1, "ssh-user"), VIEWER)


async def test_a_revoked_certificate_is_not_replayed(ground: SshGround) -> None:
    line = key_line()
    first = await ground.issue("ops", public_key=line, key="once")
    assert (await ground.issue("ops", public_key=line, key="once")) == first
    await revoke(ground, BySerialNumber(1, "ssh-user"))
    with pytest.raises(AnswerGoneError):
        await ground.issue("ops", public_key=line, key="once")


# -- authorities and profiles


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.EC_P256, KeyAlgorithm.RSA_3072])
async def test_an_authority_of_another_algorithm_signs(ground: SshGround, algorithm: KeyAlgorithm) -> None:
    authority = CreateSshAuthority(
        project="default", name="other", type=CertificateType.USER, key_algorithm=algorithm
    )
    await ground.perform(authority)
    settings = ProfileSettings(authority="other", default_ttl=HOUR, max_ttl=HOUR)
    profile = CreateSshProfile(project="default", name="other", type=CertificateType.USER, settings=settings)
    await ground.perform(profile)
    issued = await ground.issue("ops", profile="other")
    assert (await content_of(ground, issued)).extensions == {}


async def test_names_are_unique_in_their_project(ground: SshGround) -> None:
    with pytest.raises(NameTakenError):
        await ground.perform(
            CreateSshAuthority(project="default", name="ssh-user", type=CertificateType.USER)
        )


BAD_SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "an authority for hosts": ("authority", {"authority": "ssh-host"}),
    "no authority": ("authority", {"authority": "none"}),
    "a ceiling below the default": ("default_ttl", {"max_ttl": timedelta(minutes=1)}),
    "forever": ("max_ttl", {"max_ttl": timedelta(days=36500)}),
    "no key types": ("key_types", {"key_types": ()}),
    "an unknown key type": ("key_types", {"key_types": ("ssh-dss",)}),
    "an unknown option": ("critical_options", {"critical_options": ("permit-pty",)}),
    "an unknown extension": ("allowed_extensions", {"allowed_extensions": ("permit-everything",)}),
    "a custom extension by default": ("extensions", {"extensions": ("login@github.com",)}),
}


@pytest.mark.parametrize(("field", "changes"), BAD_SETTINGS.values(), ids=BAD_SETTINGS.keys())
async def test_settings_that_contradict_themselves_are_refused(
    ground: SshGround, field: str, changes: dict[str, Any]
) -> None:
    fields: dict[str, Any] = {"authority": "ssh-user", "default_ttl": HOUR, "max_ttl": HOUR}
    settings = ProfileSettings(**{**fields, **changes})
    operation = CreateSshProfile(project="default", name="bad", type=CertificateType.USER, settings=settings)
    with pytest.raises(ProfileRefusedError) as caught:
        await ground.perform(operation)
    assert isinstance(caught.value, UnacceptableError)
    assert caught.value.field == field
