"""Numbers that stand in no inventory are revoked all the same (S6), on both engines."""

import asyncio

import pytest
from cryptography import x509
from sqlalchemy import delete

from ca_service.database.port import Database, Transaction
from ca_service.database.statement import statement
from ca_service.kernel.errors import ConflictError, ForbiddenError, MalformedError, NotFoundError
from ca_service.x509.certificates import CertificateStatus
from ca_service.x509.operations import ConfigurePublishing, IssuedCertificate, ListAuthorities
from ca_service.x509.operations.imports import ImportCertificate
from ca_service.x509.operations.unknown_certificates import RevokeUnknownCertificate
from ca_service.x509.publishing import Publishing
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.storage.ocsp import find_statuses
from ca_service.x509.storage.tables import CERTIFICATES, NAMES
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import MEMBER, CertificateGround

NUMBER = "0c0ffee0"


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(database, clock).start())


def revoking(
    serial_number: str = NUMBER, reason: RevocationReason = RevocationReason.SUPERSEDED
) -> RevokeUnknownCertificate:
    return RevokeUnknownCertificate(
        project="default", authority="issuing", serial_number=serial_number, reason=reason
    )


async def told(ground: CertificateGround, authority_id: str, part: str = "") -> dict[int, str]:
    """Return the numbers that a CRL tells, with their reasons."""
    artefact = await ground.assembly.artefacts.revocation_list(authority_id, part)
    found = {}
    for entry in x509.load_der_x509_crl(artefact.body):
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
        found[entry.serial_number] = reason.value
    return found


async def lose(ground: CertificateGround, issued: IssuedCertificate) -> None:
    """Delete a certificate from the inventory, as a restore of an older backup does."""
    of_names = statement(delete(NAMES).where(NAMES.c.certificate == issued.id))
    itself = statement(delete(CERTIFICATES).where(CERTIFICATES.c.id == issued.id))

    async def work(transaction: Transaction) -> None:
        await transaction.execute(of_names)
        await transaction.execute(itself)

    await ground.database.begin(work)


async def test_a_number_nobody_knows_is_revoked_in_crl_and_ocsp_and_again_changes_nothing(
    ground: CertificateGround,
) -> None:
    revoked = await ground.perform(revoking())
    assert (revoked.serial_number, revoked.reason) == (NUMBER, RevocationReason.SUPERSEDED)
    assert await told(ground, revoked.authority_id) == {0x0C0FFEE0: "superseded"}
    described = await ground.perform(ListAuthorities(project="default"))
    (authority,) = [each.authority for each in described if each.authority.id == revoked.authority_id]
    statuses = await find_statuses(ground.database, authority, [NUMBER, "01"])
    assert list(statuses) == [NUMBER]
    assert statuses[NUMBER].reason is RevocationReason.SUPERSEDED

    again = await ground.perform(revoking("0C:0F:FE:E0", RevocationReason.KEY_COMPROMISE))
    assert again == revoked
    assert len(await told(ground, revoked.authority_id)) == 1


async def test_in_the_shard_that_a_certificate_of_this_number_names(ground: CertificateGround) -> None:
    await ground.perform(ConfigurePublishing(project="default", name="issuing", crl_shards=3))
    revoked = await ground.perform(revoking())
    part = Publishing(crl_shards=3).part_of(0x0C0FFEE0)
    assert 0x0C0FFEE0 in await told(ground, revoked.authority_id, part)
    assert 0x0C0FFEE0 in await told(ground, revoked.authority_id)


async def test_a_certificate_of_the_inventory_is_revoked_by_its_id_instead(ground: CertificateGround) -> None:
    issued = await ground.issue("known.example.com")
    with pytest.raises(ConflictError, match="revoke it by its id"):
        await ground.perform(revoking(issued.serial_number))


async def test_a_lost_certificate_that_was_revoked_by_its_number_is_imported_as_revoked(
    ground: CertificateGround,
) -> None:
    issued = await ground.issue("lost.example.com")
    await lose(ground, issued)
    await ground.perform(revoking(issued.serial_number))

    outcome = await ground.perform(
        ImportCertificate(project="default", certificate_pem=issued.certificate_pem)
    )

    assert (outcome.is_own, outcome.status) == (True, CertificateStatus.REVOKED)


@pytest.mark.parametrize("text", ["", "0", "00", "-1", "xyz", "0x12", "1" * 41, "0c:f", "0c0ffee0 "])
async def test_what_is_no_serial_number_is_refused(ground: CertificateGround, text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        await ground.perform(revoking(text))
    assert caught.value.field == "serial_number"


async def test_it_takes_a_right_of_its_own_and_an_authority(ground: CertificateGround) -> None:
    with pytest.raises(ForbiddenError):
        await ground.perform(revoking(), MEMBER)
    missing = RevokeUnknownCertificate(project="default", authority="none", serial_number=NUMBER)
    with pytest.raises(NotFoundError):
        await ground.perform(missing)
