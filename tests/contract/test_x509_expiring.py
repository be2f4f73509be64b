"""What `keywright status` says of certificates and authorities that end soon."""

import asyncio

import pytest

from ca_service.database.port import Database
from ca_service.x509.expiring import expiring_notices
from ca_service.x509.operations import RenewCertificate, RevokeCertificate
from ca_service.x509.reasons import RevocationReason
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import CertificateGround, days


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(database, clock).start())


async def test_given_only_long_certificates_then_nothing_is_said(
    ground: CertificateGround, database: Database
) -> None:
    await ground.issue("long.example.com", ttl=days(15))
    assert await expiring_notices(database) == []


async def test_given_two_that_end_within_14_days_then_they_are_counted(
    ground: CertificateGround, database: Database
) -> None:
    await ground.issue("a.example.com", ttl=days(3))
    await ground.issue("b.example.com", ttl=days(13))
    (notice,) = await expiring_notices(database)
    assert notice.kind == "expiring"
    assert notice.text.startswith("2 certificates of project ")


async def test_given_one_that_ended_was_revoked_or_renewed_then_it_does_not_count(
    ground: CertificateGround, database: Database, clock: FakeClock
) -> None:
    await ground.issue("ended.example.com", ttl=days(1))
    clock.advance(days(2))
    revoked = await ground.issue("revoked.example.com", ttl=days(3))
    await ground.perform(
        RevokeCertificate(project="default", certificate=revoked.id, reason=RevocationReason.SUPERSEDED)
    )
    renewed = await ground.issue("renewed.example.com", ttl=days(13))
    await ground.perform(RenewCertificate(project="default", certificate=renewed.id))
    (notice,) = await expiring_notices(database)
    assert notice.text.startswith("1 certificate of project ")  # the renewal itself, which is as short


async def test_given_an_authority_near_its_end_then_it_is_named(
    ground: CertificateGround, database: Database, clock: FakeClock
) -> None:
    clock.advance(days(5 * 365 - 10))
    (notice,) = await expiring_notices(database)
    assert "authority issuing" in notice.text
