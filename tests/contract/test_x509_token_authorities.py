"""Authorities whose keys lie on a PKCS #11 token: made, issuing, publishing, answering, handed over."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.errors import KeyStoreRefusedError, KeyStoreUnavailableError
from ca_service.custody.pkcs11.store import Pkcs11Store
from ca_service.database.port import Database
from ca_service.kernel.randomness import SystemRandomness
from ca_service.x509.operations import (
    CreateAuthority,
    IssuedCertificate,
    ListAuthorities,
    ListCertificates,
    RevokeCertificate,
    RollOverAuthority,
    UpdateProfile,
)
from ca_service.x509.operations.profiles import ProfileChanges
from ca_service.x509.reasons import RevocationReason
from tests.support.fakes.kernel import FakeClock
from tests.support.ocsp import read_answer, request_for
from tests.support.softhsm import SoftToken, restart_library, soft_token
from tests.support.x509_ground import CertificateGround, parse

ALGORITHMS = [KeyAlgorithm.EC_P256, KeyAlgorithm.RSA_2048, KeyAlgorithm.ED25519]


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SoftToken]:
    with soft_token(tmp_path / "softhsm") as made:
        yield made


@pytest.fixture
def ground(
    runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock, token: SoftToken
) -> CertificateGround:
    store = Pkcs11Store("hsm", token.settings, SystemRandomness())
    return runner.run(CertificateGround(sqlite_database, clock, stores=(store,)).start())


async def add_authority(
    ground: CertificateGround, algorithm: KeyAlgorithm = KeyAlgorithm.EC_P256
) -> x509.Certificate:
    """Add an authority on the token and let the profile `server` issue from it."""
    operation = CreateAuthority(
        project="default", name="onhsm", parent="root", key_algorithm=algorithm, key_store="hsm"
    )
    described = await ground.perform(operation)
    changes = ProfileChanges(authority="onhsm")
    await ground.perform(UpdateProfile(project="default", name="server", changes=changes))
    return x509.load_der_x509_certificate(described.authority.certificate_der)


async def revoke(ground: CertificateGround, issued: IssuedCertificate) -> None:
    reason = RevocationReason.KEY_COMPROMISE
    await ground.perform(RevokeCertificate(project="default", certificate=issued.id, reason=reason))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_what_it_issues_verifies(ground: CertificateGround, algorithm: KeyAlgorithm) -> None:
    authority = await add_authority(ground, algorithm)
    issued = await ground.issue("api.example.com")
    parse(issued.certificate_pem).verify_directly_issued_by(authority)


async def test_its_crl_verifies(ground: CertificateGround) -> None:
    authority = await add_authority(ground)
    issued = await ground.issue("api.example.com")
    await revoke(ground, issued)
    artefact = await ground.assembly.artefacts.revocation_list(issued.authority_id)
    crl: Any = x509.load_der_x509_crl(artefact.body)
    assert crl.is_signature_valid(authority.public_key())
    assert [entry.serial_number for entry in crl] == [int(issued.serial_number, 16)]


async def test_it_answers_ocsp(ground: CertificateGround) -> None:
    authority = await add_authority(ground)
    issued = await ground.issue("api.example.com")
    request = request_for(authority, int(issued.serial_number, 16))
    answer = await ground.assembly.responder.answer(issued.authority_id, request)
    assert read_answer(answer.body).certificate_status.name == "GOOD"


async def test_while_the_token_is_away_ocsp_says_try_later(
    ground: CertificateGround, token: SoftToken
) -> None:
    authority = await add_authority(ground)
    issued = await ground.issue("api.example.com")
    request = request_for(authority, int(issued.serial_number, 16))
    token.take_away()
    away = await ground.assembly.responder.answer(issued.authority_id, request)
    token.bring_back()
    back = await ground.assembly.responder.answer(issued.authority_id, request)
    statuses = [read_answer(answer.body).response_status.name for answer in (away, back)]
    assert statuses == ["TRY_LATER", "SUCCESSFUL"]


async def test_it_issues_on_after_a_restart_of_the_token(ground: CertificateGround) -> None:
    authority = await add_authority(ground)
    await ground.issue("api.example.com")
    restart_library()
    parse((await ground.issue("api.example.com")).certificate_pem).verify_directly_issued_by(authority)


async def test_nothing_is_issued_while_the_token_is_away(ground: CertificateGround, token: SoftToken) -> None:
    await add_authority(ground)
    before = (await ground.perform(ListCertificates(project="default"))).items
    token.take_away()
    with pytest.raises(KeyStoreUnavailableError):
        await ground.issue("api.example.com")
    assert (await ground.perform(ListCertificates(project="default"))).items == before
    token.bring_back()
    await ground.issue("api.example.com")


async def test_no_authority_is_made_in_a_store_that_nobody_configured(ground: CertificateGround) -> None:
    operation = CreateAuthority(project="default", name="other", parent="root", key_store="vault")
    with pytest.raises(KeyStoreRefusedError) as refused:
        await ground.perform(operation)
    assert (refused.value.field, refused.value.rule) == ("key_store", "key-store")
    assert len(await ground.perform(ListAuthorities(project="default"))) == 2


async def test_the_successor_of_an_authority_on_a_token_has_its_key_there(
    ground: CertificateGround, token: SoftToken
) -> None:
    await add_authority(ground)
    rollover = RollOverAuthority(project="default", name="onhsm", successor="onhsm-2")
    successor = (await ground.perform(rollover)).authority
    signer = await ground.custody.signer(successor.tenant, successor.key_id)
    assert signer.store == "hsm"
