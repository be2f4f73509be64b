"""How authorities publish, on both engines: shards of CRLs, copies elsewhere, and delegated responders."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from sqlalchemy import bindparam, update

from ca_service.database.port import Database, Transaction
from ca_service.database.statement import statement
from ca_service.kernel.errors import NotFoundError
from ca_service.x509.certificates import serial_text
from ca_service.x509.errors import ChangedMeanwhileError, ProfileRefusedError
from ca_service.x509.operations import (
    CertificateFilter,
    ConfigurePublishing,
    DescribedPublishing,
    IssuedCertificate,
    ListCertificates,
    ReadPublishing,
    RevokeCertificate,
    RotateResponder,
)
from ca_service.x509.publication import publisher_of
from ca_service.x509.publishing import ResponderKind
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.storage.certificates import find_certificate, revoke_certificate
from ca_service.x509.storage.revocation_lists import want_publication
from ca_service.x509.storage.tables import REVOCATION_LISTS
from tests.support.fakes.kernel import FakeClock
from tests.support.ocsp import GOOD, REVOKED, told
from tests.support.ocsp import request_for as ocsp_request_for
from tests.support.x509_ground import PLAIN_URL, TENANT, CertificateGround, parse

SHARDS = 4
COPIES = ("http://copies.test/{shard}.crl",)
_FORGE = statement(
    update(REVOCATION_LISTS)
    .where(REVOCATION_LISTS.c.authority == bindparam("authority_id"))
    .values(der=bindparam("der"))
)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(database, clock).start())


async def configure(ground: CertificateGround, **choices: Any) -> DescribedPublishing:
    described: DescribedPublishing = await ground.perform(
        ConfigurePublishing(project="default", name="issuing", **choices)
    )
    return described


async def revoke(ground: CertificateGround, issued: IssuedCertificate) -> None:
    await ground.perform(
        RevokeCertificate(project="default", certificate=issued.id, reason=RevocationReason.SUPERSEDED)
    )


async def list_of(
    ground: CertificateGround, issued: IssuedCertificate, part: str = ""
) -> x509.CertificateRevocationList:
    artefact = await ground.assembly.artefacts.revocation_list(issued.authority_id, part)
    return x509.load_der_x509_crl(artefact.body)


def places_in(issued: IssuedCertificate) -> list[str]:
    """Return where a certificate says that its CRL lies."""
    points = parse(issued.certificate_pem).extensions.get_extension_for_class(x509.CRLDistributionPoints)
    return [name.value for point in points.value for name in point.full_name or ()]


def shard_of(issued: IssuedCertificate) -> str:
    return places_in(issued)[0].rpartition("/")[2]


def serial_of(issued: IssuedCertificate) -> int:
    return int(issued.serial_number, 16)


def is_told(crl: x509.CertificateRevocationList, issued: IssuedCertificate) -> bool:
    return crl.get_revoked_certificate_by_serial_number(serial_of(issued)) is not None


async def test_a_new_authority_publishes_one_list_and_answers_itself(ground: CertificateGround) -> None:
    described = await ground.perform(ReadPublishing(project="default", name="issuing"))
    publishing = described.publishing
    assert (publishing.crl_shards, publishing.crl_urls) == (1, ())
    assert publishing.responder is ResponderKind.DIRECT
    assert (described.shard_urls, described.responder_until) == ((), None)


async def test_with_shards_a_certificate_names_its_shard_and_the_copies_of_it(
    ground: CertificateGround,
) -> None:
    await configure(ground, crl_shards=SHARDS, crl_urls=COPIES)
    issued = await ground.issue("api.example.com")
    shard = str(serial_of(issued) % SHARDS + 1)
    own = f"{PLAIN_URL}/pki/{issued.authority_id}/crl/{shard}"
    assert places_in(issued) == [own, f"http://copies.test/{shard}.crl"]


async def test_a_shard_says_in_a_critical_extension_what_certificates_name(
    ground: CertificateGround,
) -> None:
    await configure(ground, crl_shards=SHARDS, crl_urls=COPIES)
    issued = await ground.issue("api.example.com")
    await ground.assembly.publisher.publish(TENANT, issued.authority_id, shard_of(issued))
    crl = await list_of(ground, issued, shard_of(issued))
    point = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    assert point.critical
    assert point.value.only_contains_user_certs
    assert [name.value for name in point.value.full_name or ()] == places_in(issued)


async def test_a_revocation_stands_in_its_shard_and_in_the_complete_list(ground: CertificateGround) -> None:
    await configure(ground, crl_shards=SHARDS)
    issued = await ground.issue("api.example.com")
    await revoke(ground, issued)
    other = next(part for part in map(str, range(1, SHARDS + 1)) if part != shard_of(issued))
    for part in (shard_of(issued), other, ""):
        await ground.assembly.publisher.publish(TENANT, issued.authority_id, part)
    lists = [await list_of(ground, issued, part) for part in (shard_of(issued), other, "")]
    assert [is_told(crl, issued) for crl in lists] == [True, False, True]


async def test_with_fewer_shards_those_that_certificates_name_are_published_still(
    ground: CertificateGround,
) -> None:
    await configure(ground, crl_shards=SHARDS)
    issued = await ground.issue("api.example.com")
    await configure(ground, crl_shards=1)
    await revoke(ground, issued)
    await ground.assembly.publisher.publish(TENANT, issued.authority_id, shard_of(issued))
    assert is_told(await list_of(ground, issued, shard_of(issued)), issued)


async def test_a_certificate_from_before_the_shards_stands_in_the_complete_list_alone(
    ground: CertificateGround,
) -> None:
    issued = await ground.issue("api.example.com")
    await configure(ground, crl_shards=2)
    await revoke(ground, issued)
    for part in ("", "1", "2"):
        await ground.assembly.publisher.publish(TENANT, issued.authority_id, part)
    lists = [await list_of(ground, issued, part) for part in ("", "1", "2")]
    assert [is_told(crl, issued) for crl in lists] == [True, False, False]


async def test_a_shard_that_nobody_chose_is_not_found(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    with pytest.raises(NotFoundError):
        await ground.assembly.artefacts.revocation_list(issued.authority_id, "3")


async def test_a_list_is_continued_with_what_stood_in_the_one_before(ground: CertificateGround) -> None:
    issued = [await ground.issue(f"{name}.example.com") for name in "abc"]
    key: Any = parse(issued[0].chain_pem[0]).public_key()
    numbers = []
    for one in issued:
        await revoke(ground, one)
        await ground.assembly.publisher.publish(TENANT, one.authority_id)
        crl = await list_of(ground, one)
        numbers.append(crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
        assert crl.is_signature_valid(key)
    assert numbers == sorted(set(numbers))
    assert [is_told(crl, one) for one in issued] == [True, True, True]


async def test_a_stored_list_that_was_changed_outside_is_not_continued(ground: CertificateGround) -> None:
    first, second = await ground.issue("a.example.com"), await ground.issue("b.example.com")
    await revoke(ground, first)
    await ground.assembly.publisher.publish(TENANT, first.authority_id)
    former = await list_of(ground, first)

    async def thin_out(transaction: Transaction) -> None:
        # What somebody would do who wants one revocation forgotten.
        await transaction.execute(_FORGE, der=b"\x30\x00", authority_id=first.authority_id)

    await ground.database.begin(thin_out)
    await revoke(ground, second)
    await ground.assembly.publisher.publish(TENANT, first.authority_id)
    crl = await list_of(ground, first)
    assert is_told(former, first)
    assert (is_told(crl, first), is_told(crl, second)) == (True, True)


async def test_what_an_earlier_release_revoked_is_told_by_the_next_list(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    found = await find_certificate(ground.database, TENANT, issued.id)
    assert found is not None

    async def as_before(transaction: Transaction) -> None:
        await revoke_certificate(transaction, found, RevocationReason.SUPERSEDED)
        await want_publication(transaction, TENANT, issued.authority_id)

    await ground.database.begin(as_before)
    await ground.assembly.publisher.publish(TENANT, issued.authority_id)
    assert is_told(await list_of(ground, issued), issued)


async def test_while_nothing_is_announced_a_list_comes_from_memory(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    await list_of(ground, issued)
    before = ground.database.waits
    await list_of(ground, issued)
    assert ground.database.waits == before


@pytest.mark.parametrize(
    ("choices", "field"),
    [
        ({"crl_shards": 0}, "crl_shards"),
        ({"crl_shards": 129}, "crl_shards"),
        ({"crl_urls": ("https://copies.test/crl",)}, "crl_urls[0]"),
        ({"crl_urls": ("http://copies.test/crl", "http://u@copies.test/")}, "crl_urls[1]"),
        ({"crl_urls": ("http://copies.test/{shard}",)}, "crl_urls[0]"),
        ({"crl_shards": 2, "crl_urls": ("http://copies.test/crl",)}, "crl_urls[0]"),
        ({"crl_urls": ("http://copies.test/a b",)}, "crl_urls[0]"),
        ({"crl_urls": ("http://copies.test/",) * 5}, "crl_urls"),
    ],
)
async def test_a_choice_that_cannot_be_kept_is_refused_by_its_field(
    ground: CertificateGround, choices: dict[str, Any], field: str
) -> None:
    with pytest.raises(ProfileRefusedError) as refused:
        await configure(ground, **choices)
    assert refused.value.field == field


async def answer_of(ground: CertificateGround, issued: IssuedCertificate) -> ocsp.OCSPResponse:
    request = ocsp_request_for(parse(issued.chain_pem[0]), serial_of(issued))
    answered = await ground.assembly.responder.answer(issued.authority_id, request)
    return ocsp.load_der_ocsp_response(answered.body)


async def test_a_delegated_responder_signs_with_a_certificate_for_nothing_else(
    ground: CertificateGround,
) -> None:
    await configure(ground, responder=ResponderKind.DELEGATED)
    await ground.assembly.rotation.rotate_due()
    issued = await ground.issue("api.example.com")
    answer = await answer_of(ground, issued)
    [delegate] = answer.certificates
    extensions = delegate.extensions
    assert delegate.issuer == parse(issued.chain_pem[0]).subject
    assert not extensions.get_extension_for_class(x509.OCSPNoCheck).critical
    usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    key: Any = delegate.public_key()
    key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))


async def test_until_there_is_a_responder_the_authority_answers(ground: CertificateGround) -> None:
    await configure(ground, responder=ResponderKind.DELEGATED)
    issued = await ground.issue("api.example.com")
    assert (await answer_of(ground, issued)).certificates == []


async def test_a_responder_is_replaced_at_half_of_its_life_and_not_before(ground: CertificateGround) -> None:
    await configure(ground, responder=ResponderKind.DELEGATED)
    issued = await ground.issue("api.example.com", ttl=timedelta(days=30))
    seen = []
    for after in (timedelta(), timedelta(days=3), timedelta(days=1)):
        ground.clock.advance(after)
        await ground.assembly.rotation.rotate_due()
        [delegate] = (await answer_of(ground, issued)).certificates
        seen.append(delegate.serial_number)
    assert (seen[0] == seen[1], seen[1] == seen[2]) == (True, False)


async def test_a_revoked_responder_is_replaced_and_tells_nothing_more(ground: CertificateGround) -> None:
    await configure(ground, responder=ResponderKind.DELEGATED)
    await ground.assembly.rotation.rotate_due()
    issued = await ground.issue("api.example.com")
    [former] = (await answer_of(ground, issued)).certificates
    filter_ = CertificateFilter(serial_number=serial_text(former.serial_number))
    page = await ground.perform(ListCertificates(project="default", filter=filter_))
    await ground.perform(
        RevokeCertificate(
            project="default",
            certificate=page.items[0].certificate.id,
            reason=RevocationReason.KEY_COMPROMISE,
        )
    )
    meanwhile = (await answer_of(ground, issued)).certificates
    await ground.assembly.rotation.rotate_due()
    [latter] = (await answer_of(ground, issued)).certificates
    assert meanwhile == []
    assert latter.serial_number != former.serial_number


async def test_a_delegated_answer_tells_of_a_revocation(ground: CertificateGround) -> None:
    await configure(ground, responder=ResponderKind.DELEGATED)
    await ground.assembly.rotation.rotate_due()
    issued = await ground.issue("api.example.com")
    request = ocsp_request_for(parse(issued.chain_pem[0]), serial_of(issued))
    responder = ground.assembly.responder
    before = told((await responder.answer(issued.authority_id, request)).body)
    await revoke(ground, issued)
    after = told((await responder.answer(issued.authority_id, request)).body)
    assert (before, after) == ([(serial_of(issued), GOOD)], [(serial_of(issued), REVOKED)])


async def test_two_processes_make_one_responder(ground: CertificateGround) -> None:
    await configure(ground, responder=ResponderKind.DELEGATED)
    issued = await ground.issue("api.example.com")
    rotate = RotateResponder(project="prj_1", authority_id=issued.authority_id, former=0)
    outcomes = await asyncio.gather(
        *(ground.perform(rotate, publisher_of(TENANT)) for _ in range(2)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, ChangedMeanwhileError)]
    assert len(refused) == 1


async def test_an_authority_that_answers_itself_gets_no_responder(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    rotate = RotateResponder(project="prj_1", authority_id=issued.authority_id, former=0)
    with pytest.raises(ChangedMeanwhileError):
        await ground.perform(rotate, publisher_of(TENANT))
