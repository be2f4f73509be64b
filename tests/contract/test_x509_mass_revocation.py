"""Revoking all of an identity, key, profile or authority: counted, then in batches, on both engines."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.database.port import Database
from ca_service.kernel.errors import ForbiddenError, MalformedError
from ca_service.x509.blocked_keys import key_hash
from ca_service.x509.certificates import CertificateStatus
from ca_service.x509.life_jobs import job_caller
from ca_service.x509.mass_revocations import REVOKER, CountChangedError, MassRevocation, Selector
from ca_service.x509.operations import IssuedCertificate, ListedCertificate, ReadCertificate
from ca_service.x509.operations.mass_revocations import (
    ContinueRevocation,
    CountRevocation,
    ReadRevocation,
    StartRevocation,
)
from ca_service.x509.reasons import RevocationReason
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import MEMBER, TENANT, CertificateGround, make_csr, parse


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(database, clock).start())


def start(selector: Selector, value: str, expected_count: int, **fields: Any) -> StartRevocation:
    return StartRevocation(
        project="default", selector=selector, value=value, expected_count=expected_count, **fields
    )


async def count(ground: CertificateGround, selector: Selector, value: str) -> int:
    counted = await ground.perform(CountRevocation(project="default", selector=selector, value=value))
    number: int = counted.count
    return number


async def status_of(ground: CertificateGround, issued: IssuedCertificate) -> CertificateStatus:
    read: ListedCertificate = await ground.perform(ReadCertificate(project="default", certificate=issued.id))
    return read.status


async def test_each_selector_means_its_own_certificates(ground: CertificateGround) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    mine = await ground.issue(csr=make_csr("a.example.com", key=key), caller=MEMBER)
    await ground.issue(csr=make_csr("b.example.com", key=key))
    await ground.issue("c.example.com")
    digest = key_hash(parse(mine.certificate_pem).public_key()).hex()
    counts = {
        Selector.IDENTITY: await count(ground, Selector.IDENTITY, MEMBER.id),
        Selector.KEY: await count(ground, Selector.KEY, digest),
        Selector.PROFILE: await count(ground, Selector.PROFILE, "server"),
        Selector.AUTHORITY: await count(ground, Selector.AUTHORITY, "issuing"),
    }
    assert counts == {
        Selector.IDENTITY: 1,
        Selector.KEY: 2,
        Selector.PROFILE: 3,
        Selector.AUTHORITY: 3,
    }
    assert await count(ground, Selector.AUTHORITY, "nobody") == 0


async def test_a_count_revokes_nothing(ground: CertificateGround) -> None:
    issued = await ground.issue("a.example.com")
    assert await count(ground, Selector.PROFILE, "server") == 1
    await ground.run_jobs()
    assert await status_of(ground, issued) is CertificateStatus.VALID


async def test_another_number_than_was_counted_revokes_nothing(ground: CertificateGround) -> None:
    issued = await ground.issue("a.example.com")
    with pytest.raises(CountChangedError) as caught:
        await ground.perform(start(Selector.PROFILE, "server", 2))
    assert caught.value.field == "expected_count"
    assert ground.queue.jobs == []
    assert await status_of(ground, issued) is CertificateStatus.VALID


async def test_all_are_revoked_by_the_job_and_stand_on_the_list(ground: CertificateGround) -> None:
    issued = [await ground.issue(f"{name}.example.com", caller=MEMBER) for name in "abc"]
    other = await ground.issue("other.example.com")
    started: MassRevocation = await ground.perform(
        start(Selector.IDENTITY, MEMBER.id, 3, reason=RevocationReason.CESSATION_OF_OPERATION)
    )
    assert await status_of(ground, issued[0]) is CertificateStatus.VALID
    await ground.run_jobs()
    done = await ground.perform(ReadRevocation(project="default", revocation=started.id))
    assert (done.done, done.finished_at is not None) == (3, True)
    assert await status_of(ground, other) is CertificateStatus.VALID
    await ground.assembly.publisher.publish(TENANT, other.authority_id)
    crl = x509.load_der_x509_crl((await ground.assembly.artefacts.revocation_list(other.authority_id)).body)
    assert {entry.serial_number for entry in crl} >= {int(one.serial_number, 16) for one in issued}


async def test_what_was_issued_after_the_count_is_left_alone(
    ground: CertificateGround, clock: FakeClock
) -> None:
    await ground.issue("a.example.com")
    await ground.perform(start(Selector.PROFILE, "server", 1))
    clock.advance(timedelta(seconds=1))
    later = await ground.issue("b.example.com")
    await ground.run_jobs()
    assert await status_of(ground, later) is CertificateStatus.VALID


async def test_a_batch_that_another_process_did_changes_nothing(ground: CertificateGround) -> None:
    await ground.issue("a.example.com")
    started = await ground.perform(start(Selector.PROFILE, "server", 1))
    operation = ContinueRevocation(project="default", revocation=started.id)
    caller = job_caller(REVOKER, TENANT)
    outcomes = await asyncio.gather(
        *(ground.perform(operation, caller) for _ in range(2)), return_exceptions=True
    )
    done = await ground.perform(ReadRevocation(project="default", revocation=started.id))
    assert done.done == 1
    assert any(not isinstance(outcome, BaseException) for outcome in outcomes)


async def test_a_member_neither_counts_nor_revokes_many(ground: CertificateGround) -> None:
    for operation in (
        CountRevocation(project="default", selector=Selector.PROFILE, value="server"),
        start(Selector.PROFILE, "server", 0),
    ):
        with pytest.raises(ForbiddenError):
            await ground.perform(operation, MEMBER)


async def test_a_key_is_named_by_its_hash(ground: CertificateGround) -> None:
    with pytest.raises(MalformedError) as caught:
        await count(ground, Selector.KEY, "abc")
    assert (caught.value.field, caught.value.rule) == ("key", "sha256")
