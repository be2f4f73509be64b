"""Issuing, on both engines, through the real gate."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy import update

from ca_service.database.port import Database
from ca_service.database.statement import statement
from ca_service.gate.handler import Call
from ca_service.kernel.errors import ForbiddenError, KeywrightError, NotFoundError, UnacceptableError
from ca_service.policy.names import Name, NameKind
from ca_service.policy.sets import BuiltInPolicy
from ca_service.policy.values import Grant
from ca_service.x509.authorities import AuthorityStatus
from ca_service.x509.errors import ChangedMeanwhileError
from ca_service.x509.operations import (
    IssueCertificate,
    KeyRequest,
    ListAuthorities,
    ListCertificates,
    NameProof,
    ProfileChanges,
    ReadCertificate,
    UpdateAuthority,
    UpdateProfile,
)
from ca_service.x509.storage.tables import AUTHORITIES, PROFILES
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import (
    ADMINISTRATOR,
    MEMBER,
    PLAIN_URL,
    STRANGER,
    TENANT,
    VIEWER,
    CertificateGround,
    acme_account,
    days,
    dns_names,
    identity,
    make_csr,
    parse,
)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(database, clock).start())


async def test_first_start_makes_root_and_issuing_once(ground: CertificateGround) -> None:
    await ground.start()
    found = await ground.perform(ListAuthorities(project="default"))
    assert [(entry.authority.name, entry.parent) for entry in found] == [("root", None), ("issuing", "root")]


async def test_the_issuing_authority_is_signed_by_the_root_and_signs_leaves_only(
    ground: CertificateGround,
) -> None:
    root, issuing = await ground.perform(ListAuthorities(project="default"))
    certificate = parse(issuing.certificate_pem)
    certificate.verify_directly_issued_by(parse(root.certificate_pem))
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)


async def test_a_csr_is_certified_with_its_own_key(ground: CertificateGround) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = await ground.issue(csr=make_csr("api.example.com", key=key))
    assert parse(issued.certificate_pem).public_key() == key.public_key()


async def test_a_csr_gets_no_private_key_back(ground: CertificateGround) -> None:
    assert (await ground.issue(csr=make_csr("api.example.com"))).private_key is None


async def test_a_key_made_here_is_answered_and_belongs_to_the_certificate(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    assert issued.private_key is not None
    key = load_pem_private_key(issued.private_key.reveal().encode(), None)
    assert key.public_key() == parse(issued.certificate_pem).public_key()


async def test_a_key_made_here_is_stored_nowhere(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    found = await ground.perform(ReadCertificate(project="default", certificate=issued.id))
    assert "PRIVATE KEY" not in repr(found)


async def test_the_certificate_carries_the_public_addresses(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    extensions = parse(issued.certificate_pem).extensions
    point = extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0]
    access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert point.full_name is not None
    assert [point.full_name[0].value, *(entry.access_location.value for entry in access)] == [
        f"{PLAIN_URL}/pki/{issued.authority_id}/crl",
        f"{PLAIN_URL}/pki/{issued.authority_id}/ocsp",
        f"{PLAIN_URL}/pki/{issued.authority_id}/ca.der",
    ]


async def test_a_server_certificate_serves_servers_only(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    usage = parse(issued.certificate_pem).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


async def test_no_common_name_is_invented(ground: CertificateGround) -> None:
    issued = await ground.issue(csr=make_csr("api.example.com"))
    certificate = parse(issued.certificate_pem)
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert (certificate.subject.rdns, alternatives.critical) == ([], True)


async def test_a_common_name_that_is_a_dns_name_becomes_a_name(ground: CertificateGround) -> None:
    issued = await ground.issue(common_name="API.example.com")
    certificate = parse(issued.certificate_pem)
    [common_name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert (common_name.value, dns_names(certificate), alternatives.critical) == (
        "api.example.com",
        ["api.example.com"],
        False,
    )


async def test_an_address_as_common_name_of_a_csr_becomes_a_name_only(ground: CertificateGround) -> None:
    issued = await ground.issue(csr=make_csr(common_name="10.0.0.7"))
    certificate = parse(issued.certificate_pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert (certificate.subject.rdns, [str(name.value) for name in names]) == ([], ["10.0.0.7"])


async def test_the_chain_is_issuer_first_without_leaf_and_root(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    _, issuing = await ground.perform(ListAuthorities(project="default"))
    assert issued.chain_pem == (issuing.certificate_pem,)


async def test_serial_numbers_are_lower_case_hex_of_even_length(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    assert int(issued.serial_number, 16) == parse(issued.certificate_pem).serial_number
    assert len(issued.serial_number) % 2 == 0
    assert issued.serial_number == issued.serial_number.lower()


async def test_ttl_counts_from_now(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com", ttl=days(90))
    now = ground.clock.now()
    assert timedelta() <= now + days(90) - issued.not_after <= timedelta(seconds=2)
    assert timedelta() <= now - issued.not_before <= timedelta(minutes=5)


async def test_a_left_out_ttl_is_47_days(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    assert days(47) - timedelta(seconds=2) <= issued.not_after - ground.clock.now() <= days(47)


async def test_a_ttl_above_the_ceiling_is_refused_and_the_ceiling_named(ground: CertificateGround) -> None:
    with pytest.raises(UnacceptableError) as caught:
        await ground.issue("api.example.com", ttl=days(201))
    assert (caught.value.field, caught.value.rule) == ("ttl", "profile-max-ttl")
    assert "17280000" in caught.value.detail


async def test_nothing_outlives_its_issuer(ground: CertificateGround) -> None:
    _, issuing = await ground.perform(ListAuthorities(project="default"))
    ground.clock.advance(issuing.authority.not_after - ground.clock.now() - days(3))
    issued = await ground.issue("api.example.com", ttl=days(10))
    assert issued.not_after == issuing.authority.not_after


async def test_nothing_is_issued_after_the_end_of_the_issuer(ground: CertificateGround) -> None:
    _, issuing = await ground.perform(ListAuthorities(project="default"))
    ground.clock.advance(issuing.authority.not_after - ground.clock.now() + days(1))
    with pytest.raises(UnacceptableError) as caught:
        await ground.issue("api.example.com")
    assert caught.value.rule == "authority-ended"


async def test_an_unknown_profile_is_refused(ground: CertificateGround) -> None:
    with pytest.raises(UnacceptableError) as caught:
        await ground.issue("api.example.com", profile="nonesuch")
    assert (caught.value.field, caught.value.rule) == ("profile", "profile-unknown")


async def test_an_authority_that_the_profile_does_not_allow_is_refused(ground: CertificateGround) -> None:
    with pytest.raises(UnacceptableError) as caught:
        await ground.issue("api.example.com", authority="root")
    assert (caught.value.field, caught.value.rule) == ("authority", "profile-authority")


async def test_a_disabled_authority_issues_nothing(ground: CertificateGround) -> None:
    disable = UpdateAuthority(project="default", name="issuing", status=AuthorityStatus.DISABLED)
    await ground.perform(disable)
    with pytest.raises(UnacceptableError) as caught:
        await ground.issue("api.example.com")
    assert caught.value.rule == "authority-disabled"


async def test_a_member_issues_and_a_viewer_is_forbidden(ground: CertificateGround) -> None:
    await ground.issue("api.example.com", caller=MEMBER)
    with pytest.raises(ForbiddenError):
        await ground.issue("api.example.com", caller=VIEWER)


async def test_another_tenant_gets_the_404_of_a_project_that_does_not_exist(
    ground: CertificateGround,
) -> None:
    with pytest.raises(NotFoundError) as caught:
        await ground.issue("api.example.com", caller=STRANGER)
    assert caught.value.noun == "project"


_ONE_NAME = BuiltInPolicy(
    "test:one-name",
    'permit(principal == Identity::"idn_narrow", action == Action::"x509:issue", resource) '
    'when { context has name && context.name.value == "a.example.com" };',
)
_ENVELOPE = BuiltInPolicy(
    "test:envelope",
    'permit(principal == Identity::"idn_narrow", action == Action::"x509:issue", resource) '
    "when { !(context has name) };",
)
_SEES = BuiltInPolicy(
    "test:sees",
    'permit(principal == Identity::"idn_narrow", action in Action::"reads", resource);',
)
NARROW = identity("idn_narrow")


@pytest.fixture
def narrow(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    policies = (_ONE_NAME, _ENVELOPE, _SEES)
    return runner.run(CertificateGround(database, clock, policies).start())


async def test_each_name_is_decided_by_itself(narrow: CertificateGround) -> None:
    await narrow.issue("a.example.com", caller=NARROW)
    with pytest.raises(ForbiddenError) as caught:
        await narrow.issue("a.example.com", "b.example.com", caller=NARROW)
    assert caught.value.field == "dns_names[1]"


async def test_a_common_name_that_is_no_name_is_decided_too(narrow: CertificateGround) -> None:
    with pytest.raises(ForbiddenError) as caught:
        await narrow.issue("a.example.com", common_name="The Boss", profile="client", caller=NARROW)
    assert caught.value.field == "common_name"


async def test_a_ceiling_of_the_policy_shortens_a_left_out_ttl(
    runner: asyncio.Runner, database: Database, clock: FakeClock
) -> None:
    eight_hours = BuiltInPolicy(
        "test:short",
        '@max_ttl("8h") permit(principal == Identity::"idn_short", '
        'action == Action::"x509:issue", resource);',
    )
    sees = BuiltInPolicy(
        "test:sees", 'permit(principal == Identity::"idn_short", action in Action::"reads", resource);'
    )
    ground = await CertificateGround(database, clock, (eight_hours, sees)).start()
    issued = await ground.issue("api.example.com", caller=identity("idn_short"))
    assert issued.not_after <= clock.now() + timedelta(hours=8)


async def test_a_ttl_above_the_ceiling_of_the_policy_is_refused(
    runner: asyncio.Runner, database: Database, clock: FakeClock
) -> None:
    eight_hours = BuiltInPolicy(
        "test:short",
        '@max_ttl("8h") permit(principal == Identity::"idn_short", '
        'action == Action::"x509:issue", resource);',
    )
    sees = BuiltInPolicy(
        "test:sees", 'permit(principal == Identity::"idn_short", action in Action::"reads", resource);'
    )
    ground = await CertificateGround(database, clock, (eight_hours, sees)).start()
    with pytest.raises(UnacceptableError) as caught:
        await ground.issue("api.example.com", caller=identity("idn_short"), ttl=days(1))
    assert caught.value.field == "ttl"


async def test_our_own_hosts_are_reserved_for_the_administrator(
    runner: asyncio.Runner, database: Database, clock: FakeClock
) -> None:
    ground = await CertificateGround(database, clock, reserved_names=("ca.example.com",)).start()
    await ground.issue("ca.example.com", caller=ADMINISTRATOR)
    with pytest.raises(ForbiddenError):
        await ground.issue("ca.example.com", caller=MEMBER)


async def test_an_acme_account_issues_what_its_directory_allows(
    runner: asyncio.Runner, database: Database, clock: FakeClock
) -> None:
    open_directory = BuiltInPolicy(
        "test:acme",
        'permit(principal in Acme::Directory::"dir_1", action == Action::"x509:issue", resource) '
        'when { context.profile == "server" && (!(context has name) || context has proof) };',
    )
    ground = await CertificateGround(database, clock, (open_directory,)).start()
    operation = IssueCertificate(
        project="default",
        profile="server",
        request=KeyRequest(names=(Name(NameKind.DNS, "api.example.com"),)),
        proofs=(NameProof(Name(NameKind.DNS, "api.example.com"), "http-01"),),
        directory="default",
    )
    issued = await ground.perform(operation, acme_account("acc_1"))
    found = await ground.perform(
        ReadCertificate(project="default", certificate=issued.id), acme_account("acc_1")
    )
    assert found.certificate.directory == "default"
    with pytest.raises(NotFoundError):
        await ground.perform(ReadCertificate(project="default", certificate=issued.id), acme_account("acc_2"))


async def test_a_profile_that_changed_after_the_decision_issues_nothing(ground: CertificateGround) -> None:
    handler: Any = ground.assembly.handlers[IssueCertificate]
    request = KeyRequest(names=(Name(NameKind.DNS, "api.example.com"),))
    operation = IssueCertificate(project="default", profile="server", request=request)
    call = Call("aud_1", ADMINISTRATOR, TENANT, "req_1", ground.database.now())
    draft = (await handler.prepare(call, operation)).draft
    signed = await handler.sign(call, draft, Grant((), 1))
    changes = ProfileChanges(max_ttl=days(100))
    await ground.perform(UpdateProfile(project="default", name="server", changes=changes))
    with pytest.raises(ChangedMeanwhileError):
        await ground.database.begin(lambda transaction: handler.record(transaction, call, signed))
    assert (await ground.perform(ListCertificates(project="default"))).items == ()


async def test_a_replayed_request_answers_the_same_certificate_and_key(ground: CertificateGround) -> None:
    operation = IssueCertificate(
        project="default",
        profile="server",
        request=KeyRequest(names=(Name(NameKind.DNS, "api.example.com"),)),
    )
    first = await ground.outcome(operation, key="once")
    again = await ground.outcome(operation, key="once")
    assert (again.replayed, again.answer) == (True, first.answer)


@pytest.mark.parametrize("table", ["x509_profiles", "x509_authorities"])
async def test_an_edited_row_is_refused(ground: CertificateGround, table: str) -> None:
    edited = {
        "x509_profiles": update(PROFILES).values(settings=PROFILES.c.settings, status="active", version=9),
        "x509_authorities": update(AUTHORITIES).values(status="active", version=9),
    }[table]
    await ground.database.begin(lambda transaction: transaction.execute(statement(edited)))
    fresh = CertificateGround(ground.database, ground.clock)
    with pytest.raises(KeywrightError) as caught:
        await fresh.issue("api.example.com")
    assert type(caught.value).__name__ == "IntegrityError"
