"""Revoking, renewing and publishing, on both engines, through the real gate."""

import asyncio
from datetime import UTC, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.database.port import Database, Transaction
from ca_service.kernel.errors import ConflictError, ForbiddenError, NotFoundError, UnacceptableError
from ca_service.policy.names import Name, NameKind
from ca_service.policy.sets import BuiltInPolicy
from ca_service.x509.certificates import CertificateStatus
from ca_service.x509.operations import (
    IssueCertificate,
    KeyRequest,
    ListAuthorities,
    PublishRevocationList,
    ReadCertificate,
    RenewCertificate,
    RevokeCertificate,
)
from ca_service.x509.publication import publisher_of
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.storage.certificates import find_certificate, revoke_certificate
from ca_service.x509.storage.revocation_lists import (
    find_published_der,
    find_published_state,
    want_publication,
)
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import (
    ADMINISTRATOR,
    MEMBER,
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


def revoke(certificate: str, reason: RevocationReason = RevocationReason.UNSPECIFIED) -> RevokeCertificate:
    return RevokeCertificate(project="default", certificate=certificate, reason=reason)


async def crl_of(ground: CertificateGround, authority_id: str) -> x509.CertificateRevocationList:
    artefact = await ground.assembly.artefacts.revocation_list(authority_id)
    return x509.load_der_x509_crl(artefact.body)


def number_of(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


async def test_a_fresh_authority_has_an_empty_valid_crl(ground: CertificateGround) -> None:
    for described in await ground.perform(ListAuthorities(project="default")):
        crl = await crl_of(ground, described.authority.id)
        key: Any = parse(described.certificate_pem).public_key()
        assert crl.is_signature_valid(key)
        assert (len(crl), crl.last_update_utc <= ground.clock.now()) == (0, True)


async def test_an_empty_crl_has_no_empty_list_of_entries(ground: CertificateGround) -> None:
    root, _ = await ground.perform(ListAuthorities(project="default"))
    crl = await crl_of(ground, root.authority.id)
    # After nextUpdate (a UTCTime, tag 0x17) come the extensions ([0], 0xa0) and no SEQUENCE between them.
    assert crl.next_update_utc is not None
    tail = crl.tbs_certlist_bytes.split(crl.next_update_utc.strftime("%y%m%d%H%M%SZ").encode())[1]
    assert tail[0] == 0xA0


async def test_a_revoked_certificate_stands_in_the_next_crl_with_its_reason(
    ground: CertificateGround,
) -> None:
    issued = await ground.issue("api.example.com")
    await ground.perform(revoke(issued.id, RevocationReason.KEY_COMPROMISE))
    crl = await crl_of(ground, issued.authority_id)
    entry = crl.get_revoked_certificate_by_serial_number(int(issued.serial_number, 16))
    assert entry is not None
    reason = entry.extensions.get_extension_for_class(x509.CRLReason)
    assert (reason.value.reason, reason.critical) == (x509.ReasonFlags.key_compromise, False)


async def test_an_unspecified_reason_is_left_out(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    await ground.perform(revoke(issued.id))
    crl = await crl_of(ground, issued.authority_id)
    entry = crl.get_revoked_certificate_by_serial_number(int(issued.serial_number, 16))
    assert entry is not None
    assert len(entry.extensions) == 0


async def test_the_crl_is_published_without_being_asked_for(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    before = number_of(await crl_of(ground, issued.authority_id))
    await ground.perform(revoke(issued.id))
    await asyncio.sleep(0)
    await ground.assembly.publisher.publish(TENANT, issued.authority_id)
    facts = await find_published_state(ground.database, issued.authority_id, "")
    assert facts is not None
    assert (facts.is_behind, facts.number > before) == (False, True)


async def test_a_crash_between_revocation_and_publication_is_repaired_by_the_timer(
    runner: asyncio.Runner, database: Database, clock: FakeClock
) -> None:
    ground = await CertificateGround(database, clock).start()
    issued = await ground.issue("api.example.com")
    found = await find_certificate(database, TENANT, issued.id)
    assert found is not None

    async def revoke_and_die(transaction: Transaction) -> None:
        await revoke_certificate(transaction, found, RevocationReason.SUPERSEDED)
        await want_publication(transaction, TENANT, issued.authority_id)

    await database.begin(revoke_and_die)
    restarted = CertificateGround(database, clock)
    await restarted.assembly.publisher.publish_due()
    found_list = await find_published_der(database, issued.authority_id, "")
    assert found_list is not None
    crl = x509.load_der_x509_crl(found_list[1])
    assert crl.get_revoked_certificate_by_serial_number(int(issued.serial_number, 16)) is not None


async def test_crl_numbers_never_go_back_not_even_with_the_clock(ground: CertificateGround) -> None:
    _, issuing = await ground.perform(ListAuthorities(project="default"))
    authority_id = issuing.authority.id
    publish = PublishRevocationList(project="prj_1", authority_id=authority_id)
    first = await ground.perform(publish, publisher_of(TENANT))
    second = await ground.perform(publish, publisher_of(TENANT))
    assert first.number >= int(ground.clock.now().timestamp())
    assert second.number == first.number + 1


async def test_crl_numbers_jump_to_the_seconds_since_1970(ground: CertificateGround) -> None:
    _, issuing = await ground.perform(ListAuthorities(project="default"))
    ground.clock.advance(timedelta(hours=1))
    publish = PublishRevocationList(project="prj_1", authority_id=issuing.authority.id)
    published = await ground.perform(publish, publisher_of(TENANT))
    assert published.number == int(ground.clock.now().timestamp())


async def test_a_crl_at_half_of_its_life_is_replaced(ground: CertificateGround) -> None:
    _, issuing = await ground.perform(ListAuthorities(project="default"))
    ground.clock.advance(timedelta(days=4))
    await ground.assembly.publisher.publish_due()
    crl = await crl_of(ground, issuing.authority.id)
    assert crl.next_update_utc == (ground.clock.now() + timedelta(days=7)).replace(microsecond=0)


async def test_a_young_crl_is_left_alone(ground: CertificateGround) -> None:
    _, issuing = await ground.perform(ListAuthorities(project="default"))
    before = number_of(await crl_of(ground, issuing.authority.id))
    ground.clock.advance(timedelta(days=3))
    await ground.assembly.publisher.publish_due()
    assert number_of(await crl_of(ground, issuing.authority.id)) == before


async def test_an_expired_entry_stands_in_one_more_crl_and_then_no_more(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com", ttl=timedelta(hours=1))
    await ground.perform(revoke(issued.id))
    # Joins the publication that the revocation began.
    await ground.assembly.publisher.publish(TENANT, issued.authority_id)
    publish = PublishRevocationList(project="prj_1", authority_id=issued.authority_id)
    await ground.perform(publish, publisher_of(TENANT))
    ground.clock.advance(timedelta(days=1))
    one_more = await ground.perform(publish, publisher_of(TENANT))
    ground.clock.advance(timedelta(days=1))
    then = await ground.perform(publish, publisher_of(TENANT))
    assert (one_more.entries, then.entries) == (1, 0)


async def test_revocations_at_the_same_time_share_publications(ground: CertificateGround) -> None:
    issued = [await ground.issue(f"h{number}.example.com") for number in range(10)]
    before = number_of(await crl_of(ground, issued[0].authority_id))
    await asyncio.gather(*(ground.perform(revoke(certificate.id)) for certificate in issued))
    crl = await crl_of(ground, issued[0].authority_id)
    assert len(crl) == 10
    assert number_of(crl) - before < 10


async def test_revoking_again_changes_nothing(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    first = await ground.perform(revoke(issued.id, RevocationReason.KEY_COMPROMISE))
    ground.clock.advance(timedelta(hours=1))
    again = await ground.perform(revoke(issued.id, RevocationReason.SUPERSEDED))
    assert again.certificate == first.certificate
    assert again.status is CertificateStatus.REVOKED


async def test_two_revocations_at_the_same_time_agree(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    reasons = (RevocationReason.SUPERSEDED, RevocationReason.KEY_COMPROMISE)
    one, other = await asyncio.gather(*(ground.perform(revoke(issued.id, reason)) for reason in reasons))
    assert one.certificate == other.certificate


async def test_a_viewer_may_not_revoke(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    with pytest.raises(ForbiddenError):
        await ground.perform(revoke(issued.id), VIEWER)


async def test_a_certificate_of_another_tenant_cannot_be_revoked(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    foreign = RevokeCertificate(project="two", certificate=issued.id)
    with pytest.raises(NotFoundError) as caught:
        await ground.perform(foreign, ADMINISTRATOR)
    assert caught.value.noun == "certificate"


async def test_nobody_but_the_job_and_administrators_publishes(ground: CertificateGround) -> None:
    _, issuing = await ground.perform(ListAuthorities(project="default"))
    with pytest.raises(ForbiddenError):
        await ground.perform(
            PublishRevocationList(project="default", authority_id=issuing.authority.id), MEMBER
        )


async def test_the_publishing_job_can_do_nothing_else(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    with pytest.raises(NotFoundError):
        await ground.perform(ReadCertificate(project="prj_1", certificate=issued.id), publisher_of(TENANT))


async def test_an_acme_account_revokes_its_own_and_no_other(
    runner: asyncio.Runner, database: Database, clock: FakeClock
) -> None:
    anything = BuiltInPolicy(
        "test:acme",
        'permit(principal is Acme::Account, action == Action::"x509:issue", resource);',
    )
    ground = await CertificateGround(database, clock, (anything,)).start()
    issued = await ground.issue("api.example.com", caller=acme_account("acc_1"))
    with pytest.raises(NotFoundError):
        await ground.perform(revoke(issued.id), acme_account("acc_2"))
    done = await ground.perform(revoke(issued.id), acme_account("acc_1"))
    assert done.status is CertificateStatus.REVOKED


async def test_a_replay_after_revocation_answers_no_key(ground: CertificateGround) -> None:
    names = (Name(NameKind.DNS, "api.example.com"),)
    operation = IssueCertificate(project="default", profile="server", request=KeyRequest(names=names))
    issued = await ground.perform(operation, key="once")
    await ground.perform(revoke(issued.id))
    with pytest.raises(ConflictError):
        await ground.perform(operation, key="once")


async def test_renewing_a_server_made_key_makes_another(ground: CertificateGround) -> None:
    old = await ground.issue("api.example.com", common_name="api.example.com")
    new = await ground.perform(RenewCertificate(project="default", certificate=old.id))
    before, after = parse(old.certificate_pem), parse(new.certificate_pem)
    assert new.private_key is not None
    assert before.public_key() != after.public_key()
    assert (after.subject, dns_names(after)) == (before.subject, dns_names(before))


async def test_renewing_a_csr_certificate_keeps_its_key(ground: CertificateGround) -> None:
    old = await ground.issue(csr=make_csr("api.example.com"))
    new = await ground.perform(RenewCertificate(project="default", certificate=old.id))
    assert parse(new.certificate_pem).public_key() == parse(old.certificate_pem).public_key()
    assert new.private_key is None


async def test_a_renewal_lives_as_long_as_the_old_one_did(ground: CertificateGround) -> None:
    old = await ground.issue("api.example.com", ttl=timedelta(hours=6))
    ground.clock.advance(timedelta(hours=5))
    new = await ground.perform(RenewCertificate(project="default", certificate=old.id))
    assert new.lifetime <= timedelta(hours=6)
    assert new.not_after > old.not_after


async def test_a_renewal_knows_what_it_renews(ground: CertificateGround) -> None:
    old = await ground.issue("api.example.com")
    new = await ground.perform(RenewCertificate(project="default", certificate=old.id))
    found = await ground.perform(ReadCertificate(project="default", certificate=new.id))
    assert found.certificate.renewed_from == old.id


async def test_a_csr_brings_another_key_to_a_renewal(ground: CertificateGround) -> None:
    old = await ground.issue("api.example.com")
    key = ec.generate_private_key(ec.SECP384R1())
    renew = RenewCertificate(
        project="default", certificate=old.id, csr_der=make_csr("api.example.com", key=key)
    )
    new = await ground.perform(renew)
    assert parse(new.certificate_pem).public_key() == key.public_key()


async def test_a_csr_for_other_names_renews_nothing(ground: CertificateGround) -> None:
    old = await ground.issue("api.example.com")
    renew = RenewCertificate(project="default", certificate=old.id, csr_der=make_csr("evil.example.com"))
    with pytest.raises(UnacceptableError) as caught:
        await ground.perform(renew)
    assert (caught.value.field, caught.value.rule) == ("csr", "renewal-names")


async def test_a_revoked_certificate_is_not_renewed(ground: CertificateGround) -> None:
    old = await ground.issue("api.example.com")
    await ground.perform(revoke(old.id))
    with pytest.raises(ConflictError):
        await ground.perform(RenewCertificate(project="default", certificate=old.id))


async def test_a_renewal_needs_the_right_to_issue(
    runner: asyncio.Runner, database: Database, clock: FakeClock
) -> None:
    only_renew = BuiltInPolicy(
        "test:renew",
        'permit(principal == Identity::"idn_renewer", '
        'action in [Action::"x509:renew", Action::"reads"], resource);',
    )
    ground = await CertificateGround(database, clock, (only_renew,)).start()
    old = await ground.issue("api.example.com")
    with pytest.raises(ForbiddenError):
        await ground.perform(RenewCertificate(project="default", certificate=old.id), identity("idn_renewer"))


async def test_a_status_follows_from_the_time(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    ground.clock.advance(days(48))
    found = await ground.perform(ReadCertificate(project="default", certificate=issued.id))
    assert found.status is CertificateStatus.EXPIRED
    assert found.certificate.not_after.tzinfo is UTC
