"""Authorities renewed, cross-signed and handed over to new keys, on both engines."""

import asyncio

import pytest
from cryptography import x509
from sqlalchemy import update

from ca_service.database.port import Database
from ca_service.database.statement import statement
from ca_service.kernel.errors import ConflictError, KeywrightError, UnacceptableError
from ca_service.x509.authorities import AuthorityStatus
from ca_service.x509.operations import (
    AuthorityLimits,
    CertificateFilter,
    ConfigurePublishing,
    CreateAuthority,
    CrossSignAuthority,
    DescribedAuthority,
    ImportAuthorityCertificate,
    ListAuthorities,
    ListCertificates,
    ReadAuthority,
    ReadCertificate,
    ReadPublishing,
    RenewAuthority,
    RenewCertificate,
    RevokeCertificate,
    RollOverAuthority,
    SwitchAuthority,
    UpdateAuthority,
)
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.storage.tables import AUTHORITIES, CROSS_CERTIFICATES
from tests.support.authority_life import HOME, Life, certificate_of
from tests.support.external_ca import ExternalCa, der
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import CertificateGround, days, parse


@pytest.fixture
def life(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Life:
    return Life(runner.run(CertificateGround(database, clock).start()))


@pytest.fixture
def elsewhere(clock: FakeClock) -> ExternalCa:
    return ExternalCa("Issuing elsewhere", clock.now(), ExternalCa("Root elsewhere", clock.now()))


async def test_renewed_with_the_same_key_an_authority_keeps_its_id_and_what_it_issued_stays_good(
    life: Life,
) -> None:
    issued = await life.ground.issue("a.example")
    before = await life.read("issuing")
    life.ground.clock.advance(days(100))
    after = await life.perform(RenewAuthority(project=HOME, name="issuing"))
    assert after.authority.id == before.authority.id
    assert after.authority.not_after > before.authority.not_after
    assert certificate_of(after).public_key() == certificate_of(before).public_key()
    parse(issued.certificate_pem).verify_directly_issued_by(certificate_of(after))
    assert (await life.ground.issue("b.example")).chain_pem == (after.certificate_pem,)


async def test_a_renewed_root_is_published_and_stands_above_the_rest(life: Life) -> None:
    life.ground.clock.advance(days(100))
    after = await life.perform(RenewAuthority(project=HOME, name="root"))
    assert (await life.ground.assembly.artefacts.roots()).body.decode() == after.certificate_pem
    certificate_of(await life.read("issuing")).verify_directly_issued_by(certificate_of(after))


async def test_a_certificate_of_a_renewed_authority_in_the_middle_reaches_leaves_below(life: Life) -> None:
    await life.perform(
        CreateAuthority(project=HOME, name="middle", parent="root", limits=AuthorityLimits(path_length=1))
    )
    low = await life.perform(CreateAuthority(project=HOME, name="low", parent="middle"))
    renewed = await life.perform(RenewAuthority(project=HOME, name="middle"))
    assert low.chain_pem != (renewed.certificate_pem,)
    assert (await life.read("low")).chain_pem == (renewed.certificate_pem,)


async def test_an_authority_is_not_signed_by_one_below_it(life: Life) -> None:
    limits = AuthorityLimits(path_length=3)
    await life.perform(CreateAuthority(project=HOME, name="up", parent="root", limits=limits))
    await life.perform(
        CreateAuthority(project=HOME, name="down", parent="up", limits=AuthorityLimits(path_length=2))
    )
    assert await life.refused(RenewAuthority(project=HOME, name="up", parent="down")) == (
        "parent",
        "authority-parent",
    )
    assert await life.refused(CrossSignAuthority(project=HOME, name="up", issuer="up")) == (
        "issuer",
        "authority-parent",
    )
    assert await life.refused(RenewAuthority(project=HOME, name="root", parent="up")) == (
        "parent",
        "authority-root",
    )


async def test_cross_signed_an_authority_has_two_chains_in_a_fixed_order(life: Life) -> None:
    other = await life.perform(CreateAuthority(project=HOME, name="other"))
    described = await life.perform(CrossSignAuthority(project=HOME, name="issuing", issuer="other"))
    issued = await life.ground.issue("a.example")
    assert issued.chain_pem == (described.certificate_pem,)
    assert issued.alternates == described.alternates
    [[cross]] = issued.alternates
    parse(cross).verify_directly_issued_by(certificate_of(other))
    parse(issued.certificate_pem).verify_directly_issued_by(parse(cross))


async def test_a_cross_signed_root_gives_everything_below_another_chain(life: Life) -> None:
    await life.perform(CreateAuthority(project=HOME, name="other"))
    issued = await life.ground.issue("a.example")
    assert issued.alternates == ()
    await life.perform(CrossSignAuthority(project=HOME, name="root", issuer="other"))
    listed = await life.perform(ReadCertificate(project=HOME, certificate=issued.id))
    [[issuing, root]] = listed.alternates
    assert (issuing, parse(root).subject) == (
        (await life.read("issuing")).certificate_pem,
        certificate_of(await life.read("root")).subject,
    )


async def test_a_revoked_cross_certificate_leads_nowhere(life: Life) -> None:
    await life.perform(CreateAuthority(project=HOME, name="other"))
    await life.perform(CrossSignAuthority(project=HOME, name="issuing", issuer="other"))
    page = await life.perform(ListCertificates(project=HOME, filter=CertificateFilter(profile="@authority")))
    [row] = [item.certificate for item in page.items if item.certificate.authority == "other"]
    await life.perform(RevokeCertificate(project=HOME, certificate=row.id))
    assert (await life.ground.issue("a.example")).alternates == ()
    assert (await life.read("issuing")).authority.status is AuthorityStatus.ACTIVE


async def test_an_authority_whose_key_was_compromised_gets_no_certificate_for_it(life: Life) -> None:
    await life.perform(CreateAuthority(project=HOME, name="other"))
    page = await life.perform(ListCertificates(project=HOME, filter=CertificateFilter(profile="@authority")))
    [row] = [item.certificate for item in page.items]
    reason = RevocationReason.KEY_COMPROMISE
    await life.perform(RevokeCertificate(project=HOME, certificate=row.id, reason=reason))
    for operation in (
        RenewAuthority(project=HOME, name="issuing"),
        CrossSignAuthority(project=HOME, name="issuing", issuer="other"),
    ):
        assert await life.refused(operation) == ("name", "key-blocked")
    successor = await life.perform(RollOverAuthority(project=HOME, name="issuing", at_once=True))
    assert (await life.ground.issue("a.example")).authority_id == successor.authority.id


async def test_what_stands_below_a_revoked_authority_alone_issues_no_more(life: Life) -> None:
    limits = AuthorityLimits(path_length=2)
    await life.perform(CreateAuthority(project=HOME, name="other"))
    await life.perform(CreateAuthority(project=HOME, name="middle", parent="root", limits=limits))
    narrower = AuthorityLimits(path_length=1)
    await life.perform(CreateAuthority(project=HOME, name="low", parent="middle", limits=narrower))
    await life.perform(CreateAuthority(project=HOME, name="lowest", parent="low"))
    await life.perform(CreateAuthority(project=HOME, name="saved", parent="middle"))
    await life.perform(CrossSignAuthority(project=HOME, name="saved", issuer="other"))
    serial = f"{certificate_of(await life.read('middle')).serial_number:x}"
    page = await life.perform(ListCertificates(project=HOME, filter=CertificateFilter(profile="@authority")))
    [row] = [item.certificate for item in page.items if item.certificate.serial_number == serial]
    await life.perform(RevokeCertificate(project=HOME, certificate=row.id))
    found = await life.perform(ListAuthorities(project=HOME))
    disabled = {one.authority.name for one in found if one.authority.status is AuthorityStatus.DISABLED}
    assert disabled == {"middle", "low", "lowest"}


async def test_a_prepared_successor_is_published_and_issues_nothing(life: Life) -> None:
    prepared = await life.perform(RollOverAuthority(project=HOME, name="issuing"))
    assert (prepared.authority.name, prepared.authority.status, prepared.predecessor) == (
        "issuing-next",
        AuthorityStatus.PREPARED,
        "issuing",
    )
    artefacts = life.ground.assembly.artefacts
    assert (await artefacts.certificate_pem(prepared.authority.id)).body.decode() == prepared.certificate_pem
    assert (await artefacts.revocation_list(prepared.authority.id)).body
    assert (await life.ground.issue("a.example")).authority_id != prepared.authority.id
    assert await life.refused(RollOverAuthority(project=HOME, name="issuing", successor="third")) == (
        "name",
        "rollover-prepared",
    )


async def test_one_switch_moves_all_that_issues_under_the_name(life: Life) -> None:
    before = await life.read("issuing")
    issued = await life.ground.issue("a.example")
    prepared = await life.perform(RollOverAuthority(project=HOME, name="issuing"))
    switched = await life.perform(SwitchAuthority(project=HOME, name="issuing", former="issuing-old"))
    assert (switched.authority.id, switched.authority.name) == (prepared.authority.id, "issuing")
    assert (await life.ground.issue("b.example")).authority_id == prepared.authority.id
    old = await life.read("issuing-old")
    assert (old.authority.id, old.authority.status) == (before.authority.id, AuthorityStatus.DISABLED)
    await life.perform(RevokeCertificate(project=HOME, certificate=issued.id))
    crl = (await life.ground.assembly.artefacts.revocation_list(old.authority.id)).body
    assert [entry.serial_number for entry in x509.load_der_x509_crl(crl)] == [int(issued.serial_number, 16)]


async def test_what_was_issued_before_the_switch_is_renewed_by_the_successor(life: Life) -> None:
    issued = await life.ground.issue("a.example")
    for _ in range(2):
        life.ground.clock.advance(days(1))
        await life.perform(RollOverAuthority(project=HOME, name="issuing"))
        switched = await life.perform(SwitchAuthority(project=HOME, name="issuing"))
    renewed = await life.perform(RenewCertificate(project=HOME, certificate=issued.id))
    assert renewed.authority_id == switched.authority.id


async def test_a_switch_without_a_successor_is_refused(life: Life) -> None:
    assert await life.refused(SwitchAuthority(project=HOME, name="issuing")) == ("name", "rollover-missing")


async def test_a_switch_to_a_taken_name_changes_nothing(life: Life) -> None:
    await life.perform(RollOverAuthority(project=HOME, name="issuing"))
    operation = SwitchAuthority(project=HOME, name="issuing", former="root")
    assert await life.refused(operation) == ("former", "name-taken")
    assert (await life.read("issuing-next")).authority.status is AuthorityStatus.PREPARED
    assert (await life.read("issuing")).authority.status is AuthorityStatus.ACTIVE


async def test_a_successor_publishes_as_the_one_before_but_for_copies_of_its_lists(life: Life) -> None:
    chosen = ConfigurePublishing(
        project=HOME, name="issuing", crl_shards=4, crl_urls=("http://copies.test/{shard}.crl",)
    )
    await life.perform(chosen)
    await life.perform(RollOverAuthority(project=HOME, name="issuing", at_once=True))
    how = (await life.perform(ReadPublishing(project=HOME, name="issuing"))).publishing
    assert (how.crl_shards, how.crl_urls) == (4, ())
    issued = await life.ground.issue("a.example")
    await life.ground.assembly.publisher.publish_due()
    [point] = (
        parse(issued.certificate_pem).extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    )
    [place] = point.full_name
    part = str(place.value).rpartition("/")[2]
    listed = await life.ground.assembly.artefacts.revocation_list(issued.authority_id, part)
    assert x509.load_der_x509_crl(listed.body).issuer == parse(issued.certificate_pem).issuer


async def test_two_switches_at_once_are_one(life: Life) -> None:
    await life.perform(RollOverAuthority(project=HOME, name="issuing"))
    switches = [
        life.perform(SwitchAuthority(project=HOME, name="issuing", former=f"old-{n}")) for n in range(2)
    ]
    outcomes = await asyncio.gather(*switches, return_exceptions=True)
    assert sorted(isinstance(outcome, ConflictError) for outcome in outcomes) == [False, True]
    names = [found.authority.name for found in await life.perform(ListAuthorities(project=HOME))]
    assert len([name for name in names if name.startswith("old-")]) == 1


async def test_renewed_with_a_new_key_an_authority_has_a_new_id_at_once(life: Life) -> None:
    before = await life.read("issuing")
    after = await life.perform(
        RollOverAuthority(project=HOME, name="issuing", at_once=True, successor="issuing-old")
    )
    assert (after.authority.name, after.predecessor) == ("issuing", "issuing-old")
    assert after.authority.id != before.authority.id
    assert certificate_of(after).subject != certificate_of(before).subject
    assert (await life.ground.issue("a.example")).authority_id == after.authority.id


async def test_old_and_new_root_are_published_until_the_old_one_is_retired(life: Life) -> None:
    old = await life.read("root")
    new = await life.perform(RollOverAuthority(project=HOME, name="root"))
    roots = life.ground.assembly.artefacts.roots
    assert (await roots()).body.decode() == f"{old.certificate_pem}{new.certificate_pem}"
    await life.perform(SwitchAuthority(project=HOME, name="root", former="root-old"))
    assert (await roots()).body.decode() == f"{old.certificate_pem}{new.certificate_pem}"
    await life.perform(UpdateAuthority(project=HOME, name="root-old", status=AuthorityStatus.RETIRED))
    assert (await roots()).body.decode() == new.certificate_pem


async def test_old_and_new_root_sign_one_another(life: Life) -> None:
    await life.perform(RollOverAuthority(project=HOME, name="root"))
    new_by_old = await life.perform(CrossSignAuthority(project=HOME, name="root-next", issuer="root"))
    old_by_new = await life.perform(CrossSignAuthority(project=HOME, name="root", issuer="root-next"))
    assert [len(chain) for chain in new_by_old.alternates] == [1]
    assert len(old_by_new.alternates) == 1
    issued = await life.ground.issue("a.example")
    assert [len(chain) for chain in (issued.chain_pem, *issued.alternates)] == [1, 2]


async def test_the_successor_below_an_external_parent_waits_for_its_certificate(
    life: Life, elsewhere: ExternalCa
) -> None:
    await life.external(elsewhere)
    waiting = await life.perform(RollOverAuthority(project=HOME, name="outer"))
    assert waiting.authority.status is AuthorityStatus.PENDING
    assert await life.refused(SwitchAuthority(project=HOME, name="outer")) == ("name", "authority-pending")
    imported = await life.perform(
        ImportAuthorityCertificate(
            project=HOME, name="outer-next", certificate_der=der(elsewhere.answer(waiting.csr_pem))
        )
    )
    assert imported.authority.status is AuthorityStatus.PREPARED
    switched = await life.perform(SwitchAuthority(project=HOME, name="outer"))
    assert switched.authority.id == waiting.authority.id


async def test_a_child_whose_parent_changes_meanwhile_is_not_made(life: Life, runner: asyncio.Runner) -> None:
    making = [life.perform(CreateAuthority(project=HOME, name=f"child-{n}", parent="root")) for n in range(3)]
    ending = life.perform(UpdateAuthority(project=HOME, name="root", status=AuthorityStatus.DISABLED))
    outcomes = await asyncio.gather(ending, *making, return_exceptions=True)
    assert not isinstance(outcomes[0], BaseException)
    assert all(
        isinstance(outcome, ConflictError | UnacceptableError | DescribedAuthority) for outcome in outcomes
    )
    later = CreateAuthority(project=HOME, name="late", parent="root")
    assert await life.refused(later) == ("parent", "authority-parent")


@pytest.mark.parametrize("column", ["predecessor", "external_chain", "csr"])
async def test_an_authority_edited_in_the_database_is_not_believed(life: Life, column: str) -> None:
    value: str | bytes = "ca_other" if column == "predecessor" else b"[]"
    edit = statement(update(AUTHORITIES).where(AUTHORITIES.c.name == "issuing").values({column: value}))
    await life.ground.database.begin(lambda transaction: transaction.execute(edit))
    fresh = CertificateGround(life.ground.database, life.ground.clock)
    with pytest.raises(KeywrightError) as caught:
        await fresh.perform(ReadAuthority(project=HOME, name="issuing"))
    assert caught.value.kind.value == "internal"


async def test_a_cross_certificate_edited_in_the_database_is_not_believed(life: Life) -> None:
    await life.perform(CreateAuthority(project=HOME, name="other"))
    await life.perform(CrossSignAuthority(project=HOME, name="issuing", issuer="other"))
    edit = statement(update(CROSS_CERTIFICATES).values(issuer="ca_another"))
    await life.ground.database.begin(lambda transaction: transaction.execute(edit))
    with pytest.raises(KeywrightError) as caught:
        await CertificateGround(life.ground.database, life.ground.clock).issue("a.example")
    assert caught.value.kind.value == "internal"
