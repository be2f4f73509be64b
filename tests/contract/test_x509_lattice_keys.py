"""ML-DSA keys for authorities and leaves: certificates, requests, CRLs and OCSP answers (RFC 9881)."""

import asyncio
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.generation import generate_key
from ca_service.custody.withheld_keys import LatticePrivateKey, LatticePublicKey
from ca_service.database.port import Database
from ca_service.policy.names import Name, NameKind
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.http.profile_bodies import CreateProfileBody
from ca_service.x509.operations import (
    CreateAuthority,
    CreateProfile,
    IssueCertificate,
    IssuedCertificate,
    KeyRequest,
    ListAuthorities,
    ListProfiles,
    RevokeCertificate,
)
from ca_service.x509.profiles import ProfileSettings, Purpose
from ca_service.x509.reasons import RevocationReason
from tests.support.fakes.kernel import FakeClock
from tests.support.ocsp import read_answer, request_for
from tests.support.x509_ground import CertificateGround, make_csr, parse

LATTICE = [KeyAlgorithm.ML_DSA_44, KeyAlgorithm.ML_DSA_65, KeyAlgorithm.ML_DSA_87]
#: id-ml-dsa-44, -65 and -87 alone in an AlgorithmIdentifier: no parameters, not even NULL (section 2).
IDENTIFIERS = {
    KeyAlgorithm.ML_DSA_44: bytes.fromhex("300b0609608648016503040311"),
    KeyAlgorithm.ML_DSA_65: bytes.fromhex("300b0609608648016503040312"),
    KeyAlgorithm.ML_DSA_87: bytes.fromhex("300b0609608648016503040313"),
}


@pytest.fixture
def ground(runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(sqlite_database, clock).start())


async def add_hierarchy(ground: CertificateGround, algorithm: KeyAlgorithm) -> None:
    """Add a root, an authority beneath it and a profile, all of one algorithm."""
    await ground.perform(CreateAuthority(project="default", name="top", key_algorithm=algorithm))
    below = CreateAuthority(project="default", name="below", parent="top", key_algorithm=algorithm)
    await ground.perform(below)
    settings = ProfileSettings(
        authority="below",
        purposes=(Purpose.SERVER, Purpose.CLIENT),
        name_kinds=(NameKind.DNS,),
        key_algorithms=(algorithm,),
    )
    await ground.perform(CreateProfile(project="default", name="lattice", settings=settings))


async def issue(ground: CertificateGround, algorithm: KeyAlgorithm) -> IssuedCertificate:
    request = KeyRequest(names=(Name(NameKind.DNS, "api.example.com"),), key_algorithm=algorithm)
    answer: IssuedCertificate = await ground.perform(
        IssueCertificate(project="default", profile="lattice", request=request)
    )
    return answer


async def certificates_of(ground: CertificateGround) -> dict[str, x509.Certificate]:
    listed = await ground.perform(ListAuthorities(project="default"))
    return {
        one.authority.name: x509.load_der_x509_certificate(one.authority.certificate_der) for one in listed
    }


@pytest.mark.parametrize("algorithm", LATTICE)
async def test_a_chain_of_one_algorithm_verifies_link_by_link(
    ground: CertificateGround, algorithm: KeyAlgorithm
) -> None:
    await add_hierarchy(ground, algorithm)
    issued = await issue(ground, algorithm)
    authorities = await certificates_of(ground)
    leaf, below, top = parse(issued.certificate_pem), authorities["below"], authorities["top"]
    leaf.verify_directly_issued_by(below)
    below.verify_directly_issued_by(top)
    top.verify_directly_issued_by(top)
    assert isinstance(leaf.public_key(), LatticePublicKey)


@pytest.mark.parametrize("algorithm", LATTICE)
async def test_no_algorithm_identifier_has_parameters(
    ground: CertificateGround, algorithm: KeyAlgorithm
) -> None:
    await add_hierarchy(ground, algorithm)
    der = parse((await issue(ground, algorithm)).certificate_pem).public_bytes(serialization.Encoding.DER)
    # The signature's, inside and outside of what is signed, and the key's.
    assert der.count(IDENTIFIERS[algorithm]) == 3


async def test_a_key_that_signs_is_certified_for_signing_alone(ground: CertificateGround) -> None:
    # RFC 9881 section 5: neither keyEncipherment nor dataEncipherment nor keyAgreement.
    await add_hierarchy(ground, KeyAlgorithm.ML_DSA_65)
    issued = await issue(ground, KeyAlgorithm.ML_DSA_65)
    usage = parse(issued.certificate_pem).extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage == x509.KeyUsage(True, False, False, False, False, False, False, False, False)


@pytest.mark.parametrize("algorithm", LATTICE)
async def test_a_key_made_here_is_handed_out_as_its_seed(
    ground: CertificateGround, algorithm: KeyAlgorithm
) -> None:
    await add_hierarchy(ground, algorithm)
    issued = await issue(ground, algorithm)
    assert issued.private_key is not None
    key = serialization.load_pem_private_key(issued.private_key.reveal().encode(), None)
    assert isinstance(key, LatticePrivateKey)
    assert key.public_key() == parse(issued.certificate_pem).public_key()
    assert len(issued.private_key.reveal()) == 128


async def test_a_request_signed_with_such_a_key_is_certified(ground: CertificateGround) -> None:
    await add_hierarchy(ground, KeyAlgorithm.ML_DSA_44)
    key = generate_key(KeyAlgorithm.ML_DSA_44)
    csr = make_csr("api.example.com", key=key.certificate_key, algorithm=None)
    issued = await ground.issue(csr=csr, profile="lattice")
    assert parse(issued.certificate_pem).public_key() == key.public_key


async def test_the_crl_of_such_an_authority_verifies(ground: CertificateGround) -> None:
    await add_hierarchy(ground, KeyAlgorithm.ML_DSA_87)
    issued = await issue(ground, KeyAlgorithm.ML_DSA_87)
    revocation = RevokeCertificate(
        project="default", certificate=issued.id, reason=RevocationReason.KEY_COMPROMISE
    )
    await ground.perform(revocation)
    artefact = await ground.assembly.artefacts.revocation_list(issued.authority_id)
    crl: Any = x509.load_der_x509_crl(artefact.body)
    below = (await certificates_of(ground))["below"]
    assert crl.is_signature_valid(below.public_key())
    assert [entry.serial_number for entry in crl] == [int(issued.serial_number, 16)]


async def test_an_ocsp_answer_of_such_an_authority_verifies(ground: CertificateGround) -> None:
    await add_hierarchy(ground, KeyAlgorithm.ML_DSA_44)
    issued = await issue(ground, KeyAlgorithm.ML_DSA_44)
    below = (await certificates_of(ground))["below"]
    request = request_for(below, int(issued.serial_number, 16))
    read = read_answer((await ground.assembly.responder.answer(issued.authority_id, request)).body)
    signing = read.certificates[0].public_key() if read.certificates else below.public_key()
    assert isinstance(signing, LatticePublicKey)
    signing.verify(read.signature, read.tbs_response_bytes)
    assert read.certificate_status.name == "GOOD"


@pytest.mark.parametrize("profile", ["server", "client"])
async def test_the_profiles_of_first_start_certify_no_key_that_tls_programs_do_not_know(
    ground: CertificateGround, profile: str
) -> None:
    csr = make_csr(
        "api.example.com", key=generate_key(KeyAlgorithm.ML_DSA_65).certificate_key, algorithm=None
    )
    with pytest.raises(ProfileRefusedError) as refused:
        await ground.issue(csr=csr, profile=profile)
    assert (refused.value.field, refused.value.rule) == ("csr", "profile-key-algorithm")


async def test_of_the_first_profiles_only_that_of_authorities_names_lattice_keys(
    ground: CertificateGround,
) -> None:
    profiles = await ground.perform(ListProfiles(project="default"))
    naming = {one.name for one in profiles if set(one.settings.key_algorithms) & set(LATTICE)}
    assert naming == {"intermediate"}


def test_a_new_profile_has_to_name_lattice_keys() -> None:
    body = CreateProfileBody(name="web", purposes=["serverAuth"], name_kinds=["dns"])
    assert not {one.value for one in LATTICE} & set(body.key_algorithms)
