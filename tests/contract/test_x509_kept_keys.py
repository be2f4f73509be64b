"""Keys as PKCS #12, keys that are kept, and renewals that the service makes by itself, on both engines."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from ca_service.custody.errors import IntegrityError
from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import RoleGrant
from ca_service.kernel.errors import ForbiddenError, NotFoundError, UnacceptableError
from ca_service.kernel.secret_value import SecretValue
from ca_service.x509.built_in_profiles import SERVER_SETTINGS
from ca_service.x509.errors import AlreadyRenewedError
from ca_service.x509.kept_keys import KeptKey
from ca_service.x509.operations import (
    CreateProfile,
    IssuedCertificate,
    ListCertificates,
    RenewCertificate,
    RevokeCertificate,
)
from ca_service.x509.operations.kept_keys import ReadKeptKey
from ca_service.x509.storage.certificates import find_certificate
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import (
    ADMINISTRATOR,
    MEMBER,
    TENANT,
    VIEWER,
    CertificateGround,
    days,
    identity,
    make_csr,
    parse,
)

PASSWORD = SecretValue("correct horse battery")


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(_start(database, clock))


async def _start(database: Database, clock: FakeClock) -> CertificateGround:
    ground = await CertificateGround(database, clock).start()
    settings = msgspec.structs.replace(SERVER_SETTINGS, keeps_keys=True)
    await ground.perform(CreateProfile(project="default", name="kept", settings=settings))
    return ground


def read_key(certificate: str, **fields: Any) -> ReadKeptKey:
    return ReadKeptKey(project="default", certificate=certificate, **fields)


async def kept_of(ground: CertificateGround, certificate_id: str) -> KeptKey | None:
    certificate = await find_certificate(ground.database, TENANT, certificate_id)
    assert certificate is not None
    return await ground.assembly.life.keeping.find(certificate)


async def successors(ground: CertificateGround, certificate_id: str) -> list[Any]:
    page = await ground.perform(ListCertificates(project="default", limit=1000))
    return [
        item.certificate
        for item in page.items
        if getattr(item.certificate, "renewed_from", None) == certificate_id
    ]


def until_due(clock: FakeClock, issued: IssuedCertificate) -> None:
    clock.advance(issued.lifetime * 2 / 3 + timedelta(minutes=1))


async def test_pkcs12_holds_the_same_key_and_chain_as_the_pem_beside_it(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com", pkcs12_password=PASSWORD)
    assert issued.pkcs12 is not None
    key, certificate, chain = pkcs12.load_key_and_certificates(
        issued.pkcs12.reveal(), PASSWORD.reveal().encode()
    )
    assert key is not None
    assert issued.private_key is not None
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert pem.decode() == issued.private_key.reveal()
    assert certificate == parse(issued.certificate_pem)
    assert chain == [parse(pem) for pem in issued.chain_pem]


async def test_a_pkcs12_password_beside_a_csr_is_refused_by_name(ground: CertificateGround) -> None:
    with pytest.raises(UnacceptableError) as caught:
        await ground.issue(csr=make_csr("api.example.com"), pkcs12_password=PASSWORD)
    assert (caught.value.field, caught.value.rule) == ("pkcs12_password", "pkcs12-key")


async def test_a_kept_key_is_read_again_by_who_may(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com", profile="kept", caller=MEMBER)
    revealed = await ground.perform(read_key(issued.id, pkcs12_password=PASSWORD))
    assert revealed.private_key == issued.private_key
    assert revealed.pkcs12 is not None


async def test_a_member_does_not_read_even_its_own_key_and_an_admin_does(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com", profile="kept", caller=MEMBER)
    for caller in (MEMBER, VIEWER):
        with pytest.raises(ForbiddenError):
            await ground.perform(read_key(issued.id), caller)
    admin = identity("idn_admin", RoleGrant("admin", "prj_1"))
    assert (await ground.perform(read_key(issued.id), admin)).private_key == issued.private_key


async def test_a_key_that_is_not_kept_is_not_found(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    with pytest.raises(NotFoundError):
        await ground.perform(read_key(issued.id))


async def test_a_sealed_key_moved_to_another_certificate_does_not_open(ground: CertificateGround) -> None:
    first = await ground.issue("one.example.com", profile="kept")
    second = await ground.issue("two.example.com", profile="kept")
    kept = [await kept_of(ground, issued.id) for issued in (first, second)]
    assert kept[0] is not None
    assert kept[1] is not None
    certificate = await find_certificate(ground.database, TENANT, second.id)
    assert certificate is not None
    moved = msgspec.structs.replace(kept[0], certificate=second.id)
    with pytest.raises(IntegrityError):
        await ground.assembly.life.keeping.keep_on(certificate, moved, certificate, None)


async def test_a_due_certificate_is_renewed_as_its_owner_with_a_new_key_once(
    ground: CertificateGround, clock: FakeClock
) -> None:
    issued = await ground.issue("api.example.com", profile="kept", caller=MEMBER)
    until_due(clock, issued)
    await ground.assembly.life.renewals.renew_due()
    await ground.assembly.life.renewals.renew_due()
    [renewed] = await successors(ground, issued.id)
    assert (renewed.owner, renewed.names) == ('Identity::"idn_member"', issued.names)
    revealed = await ground.perform(read_key(renewed.id))
    assert revealed.private_key != issued.private_key


async def test_it_is_not_renewed_before_it_is_due(ground: CertificateGround, clock: FakeClock) -> None:
    issued = await ground.issue("api.example.com", profile="kept", caller=MEMBER)
    clock.advance(issued.lifetime / 2)
    await ground.assembly.life.renewals.renew_due()
    assert await successors(ground, issued.id) == []


async def test_of_two_processes_the_second_issues_nothing(
    ground: CertificateGround, clock: FakeClock
) -> None:
    issued = await ground.issue("api.example.com", profile="kept", caller=MEMBER)
    until_due(clock, issued)
    renewal = RenewCertificate(project="default", certificate=issued.id, is_automatic=True)
    outcomes = await asyncio.gather(
        *(ground.perform(renewal, MEMBER) for _ in range(2)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {IssuedCertificate, AlreadyRenewedError}
    assert len(await successors(ground, issued.id)) == 1


async def test_an_owner_without_rights_is_told_and_nothing_is_renewed_until_it_may_again(
    ground: CertificateGround, clock: FakeClock
) -> None:
    issued = await ground.issue("api.example.com", profile="kept", caller=MEMBER)
    until_due(clock, issued)
    ground.owners[MEMBER.id] = msgspec.structs.replace(MEMBER, roles=(RoleGrant("viewer", "prj_1"),))
    await ground.assembly.life.renewals.renew_due()
    kept = await kept_of(ground, issued.id)
    assert kept is not None
    assert (kept.attempts, kept.last_error != "", kept.renew_at is not None) == (1, True, True)
    assert await successors(ground, issued.id) == []
    ground.owners[MEMBER.id] = MEMBER
    clock.advance(timedelta(hours=6))
    await ground.assembly.life.renewals.renew_due()
    assert len(await successors(ground, issued.id)) == 1


async def test_an_owner_that_is_gone_is_not_stood_in_for(ground: CertificateGround, clock: FakeClock) -> None:
    issued = await ground.issue("api.example.com", profile="kept", caller=MEMBER)
    until_due(clock, issued)
    del ground.owners[MEMBER.id]
    await ground.assembly.life.renewals.renew_due()
    assert await successors(ground, issued.id) == []


async def test_what_was_revoked_is_not_renewed(ground: CertificateGround, clock: FakeClock) -> None:
    issued = await ground.issue("api.example.com", profile="kept", caller=MEMBER)
    await ground.perform(RevokeCertificate(project="default", certificate=issued.id))
    until_due(clock, issued)
    await ground.assembly.life.renewals.renew_due()
    kept = await kept_of(ground, issued.id)
    assert kept is not None
    assert kept.renew_at is None
    assert await successors(ground, issued.id) == []


async def test_a_renewal_with_the_same_key_keeps_that_key_on(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com", profile="kept")
    renewal = RenewCertificate(project="default", certificate=issued.id, same_key=True)
    renewed = await ground.perform(renewal)
    assert renewed.private_key is None
    assert parse(renewed.certificate_pem).public_key() == parse(issued.certificate_pem).public_key()
    assert (await ground.perform(read_key(renewed.id))).private_key == issued.private_key


async def test_a_csr_and_the_same_key_exclude_each_other(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    renewal = RenewCertificate(
        project="default", certificate=issued.id, csr_der=make_csr("api.example.com"), same_key=True
    )
    with pytest.raises(UnacceptableError) as caught:
        await ground.perform(renewal)
    assert caught.value.field == "same_key"


async def test_a_renewal_by_hand_leaves_nothing_for_the_job(
    ground: CertificateGround, clock: FakeClock
) -> None:
    issued = await ground.issue("api.example.com", profile="kept", caller=MEMBER)
    await ground.perform(RenewCertificate(project="default", certificate=issued.id), MEMBER)
    until_due(clock, issued)
    await ground.assembly.life.renewals.renew_due()
    assert len(await successors(ground, issued.id)) == 1


async def test_a_row_whose_owner_was_edited_renews_nothing(
    ground: CertificateGround, clock: FakeClock
) -> None:
    issued = await ground.issue("api.example.com", profile="kept", caller=MEMBER)
    until_due(clock, issued)
    await ground.database.begin(_edit_owner)
    await ground.assembly.life.renewals.renew_due()
    assert await successors(ground, issued.id) == []


async def _edit_owner(transaction: Transaction) -> None:
    from sqlalchemy import bindparam, update

    from ca_service.database.statement import statement
    from ca_service.x509.storage.life_tables import KEPT_KEYS

    edit = statement(update(KEPT_KEYS).values(owner=bindparam("new_owner")))
    await transaction.execute(edit, new_owner=f'Identity::"{ADMINISTRATOR.id}"')


async def test_a_certificate_is_renewed_so_long_before_its_end_as_the_profile_says(
    ground: CertificateGround, clock: FakeClock
) -> None:
    settings = msgspec.structs.replace(SERVER_SETTINGS, keeps_keys=True, renew_before=days(40))
    await ground.perform(CreateProfile(project="default", name="early", settings=settings))
    issued = await ground.issue("api.example.com", profile="early", caller=MEMBER)
    clock.advance(issued.lifetime - days(40))
    await ground.assembly.life.renewals.renew_due()
    assert len(await successors(ground, issued.id)) == 1
