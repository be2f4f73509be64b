"""Signers sign and withhold; the library's builders take their keys."""

import copy
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.generation import GeneratedKey, generate_key, load_private_key
from ca_service.custody.signers import Signer
from ca_service.custody.withheld_keys import LatticePublicKey

FAST = [
    KeyAlgorithm.RSA_2048,
    KeyAlgorithm.EC_P256,
    KeyAlgorithm.EC_P384,
    KeyAlgorithm.EC_P521,
    KeyAlgorithm.ED25519,
]
LATTICE = [KeyAlgorithm.ML_DSA_44, KeyAlgorithm.ML_DSA_65, KeyAlgorithm.ML_DSA_87]
MADE = [*FAST, *LATTICE]
KEYS: dict[KeyAlgorithm, GeneratedKey] = {}
MOMENT = datetime(2030, 1, 1, tzinfo=UTC)
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])


def key_of(algorithm: KeyAlgorithm) -> GeneratedKey:
    if algorithm not in KEYS:
        KEYS[algorithm] = generate_key(algorithm)
    return KEYS[algorithm]


def signer_of(algorithm: KeyAlgorithm) -> Signer:
    return key_of(algorithm).signer("key_1")


@pytest.mark.parametrize("algorithm", MADE)
def test_a_certificate_is_signed(algorithm: KeyAlgorithm) -> None:
    signer = signer_of(algorithm)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(signer.public_key)
        .serial_number(1)
        .not_valid_before(MOMENT)
        .not_valid_after(MOMENT + timedelta(days=1))
        .sign(signer.certificate_key, signer.certificate_hash)
    )
    certificate.verify_directly_issued_by(certificate)


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.RSA_2048, KeyAlgorithm.ED25519])
def test_pieces_are_signed_as_if_they_were_one(algorithm: KeyAlgorithm) -> None:
    signer = signer_of(algorithm)
    assert signer.sign_pieces([b"da", memoryview(b"ta")]) == signer.sign(b"data")


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.EC_P256, KeyAlgorithm.EC_P384, KeyAlgorithm.EC_P521])
def test_ecdsa_signs_pieces_without_joining_them(algorithm: KeyAlgorithm) -> None:
    signer = signer_of(algorithm)
    assert isinstance(signer.public_key, ec.EllipticCurvePublicKey)
    assert signer.certificate_hash is not None
    signature = signer.sign_pieces([b"da", memoryview(b"ta")])
    signer.public_key.verify(signature, b"data", ec.ECDSA(signer.certificate_hash))


@pytest.mark.parametrize("algorithm", MADE)
def test_a_revocation_list_is_signed(algorithm: KeyAlgorithm) -> None:
    signer = signer_of(algorithm)
    builder = x509.CertificateRevocationListBuilder().issuer_name(NAME).last_update(MOMENT)
    crl = builder.next_update(MOMENT + timedelta(days=1)).sign(
        signer.certificate_key, signer.certificate_hash
    )
    assert crl.is_signature_valid(signer.public_key)


@pytest.mark.parametrize("algorithm", MADE)
def test_a_certificate_request_is_signed(algorithm: KeyAlgorithm) -> None:
    signer = signer_of(algorithm)
    builder = x509.CertificateSigningRequestBuilder().subject_name(NAME)
    assert builder.sign(signer.certificate_key, signer.certificate_hash).is_signature_valid


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.EC_P256, KeyAlgorithm.EC_P384, KeyAlgorithm.EC_P521])
def test_ecdsa_signs_with_the_hash_of_its_curve(algorithm: KeyAlgorithm) -> None:
    signer = signer_of(algorithm)
    assert isinstance(signer.public_key, ec.EllipticCurvePublicKey)
    assert signer.certificate_hash is not None
    signer.public_key.verify(signer.sign(b"data"), b"data", ec.ECDSA(signer.certificate_hash))


@pytest.mark.parametrize(
    ("name", "algorithm"), [(None, hashes.SHA256()), ("sha256", hashes.SHA256()), ("sha512", hashes.SHA512())]
)
def test_rsa_signs_pkcs1_with_the_hash_it_is_told(name: str | None, algorithm: hashes.HashAlgorithm) -> None:
    signer = signer_of(KeyAlgorithm.RSA_2048)
    assert isinstance(signer.public_key, rsa.RSAPublicKey)
    signer.public_key.verify(signer.sign(b"data", name), b"data", padding.PKCS1v15(), algorithm)


def test_ed25519_signs_raw() -> None:
    signer = signer_of(KeyAlgorithm.ED25519)
    assert isinstance(signer.public_key, ed25519.Ed25519PublicKey)
    signer.public_key.verify(signer.sign(b"data"), b"data")


def verifies(signer: Signer, signature: bytes, data: bytes) -> None:
    key = signer.public_key
    if isinstance(key, ec.EllipticCurvePublicKey):
        assert signer.certificate_hash is not None
        key.verify(signature, data, ec.ECDSA(signer.certificate_hash))
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    else:
        key.verify(signature, data)


@pytest.mark.parametrize("algorithm", MADE)
def test_pieces_verify_as_what_they_make_up(algorithm: KeyAlgorithm) -> None:
    signer = signer_of(algorithm)
    verifies(signer, signer.sign_pieces([b"da", memoryview(b"-ta-")[1:3], b""]), b"data")


def test_a_signature_of_other_data_does_not_verify() -> None:
    signer = signer_of(KeyAlgorithm.ED25519)
    assert isinstance(signer.public_key, ed25519.Ed25519PublicKey)
    with pytest.raises(InvalidSignature):
        signer.public_key.verify(signer.sign(b"data"), b"date")


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        (KeyAlgorithm.RSA_2048, "sha1"),
        (KeyAlgorithm.RSA_2048, "md5"),
        (KeyAlgorithm.ED25519, "sha512"),
        (KeyAlgorithm.ML_DSA_44, "sha512"),
    ],
)
def test_another_hash_is_refused(algorithm: KeyAlgorithm, name: str) -> None:
    with pytest.raises(ValueError):
        signer_of(algorithm).sign(b"data", name)


@pytest.mark.parametrize("algorithm", MADE)
def test_a_signer_never_gives_its_private_key(algorithm: KeyAlgorithm) -> None:
    key = signer_of(algorithm).certificate_key
    with pytest.raises(TypeError):
        key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@pytest.mark.parametrize("algorithm", MADE)
@pytest.mark.parametrize("take", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_signer_is_not_copied(algorithm: KeyAlgorithm, take: object) -> None:
    assert callable(take)
    with pytest.raises(TypeError):
        take(signer_of(algorithm).certificate_key)


@pytest.mark.parametrize("name", ["private_numbers", "exchange", "decrypt", "private_bytes_raw"])
def test_nothing_else_of_a_private_key_is_offered(name: str) -> None:
    for algorithm in MADE:
        with pytest.raises(TypeError):
            getattr(signer_of(algorithm).certificate_key, name)()


@pytest.mark.parametrize("algorithm", MADE)
def test_a_generated_key_is_handed_out_as_pkcs8(algorithm: KeyAlgorithm) -> None:
    pem = key_of(algorithm).pkcs8_pem().reveal()
    assert pem.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert pem.endswith("-----END PRIVATE KEY-----\n")
    loaded = serialization.load_pem_private_key(pem.encode(), None)
    assert loaded.public_key() == key_of(algorithm).public_key


@pytest.mark.parametrize("algorithm", FAST)
def test_a_generated_key_is_handed_out_for_openssh(algorithm: KeyAlgorithm) -> None:
    pem = key_of(algorithm).openssh_pem().reveal()
    loaded = serialization.load_ssh_private_key(pem.encode(), None)
    assert loaded.public_key() == key_of(algorithm).public_key


@pytest.mark.parametrize("algorithm", LATTICE)
def test_a_lattice_key_signs_the_message_itself_with_no_context(algorithm: KeyAlgorithm) -> None:
    signer = signer_of(algorithm)
    assert isinstance(signer.public_key, LatticePublicKey)
    signer.public_key.verify(signer.sign(b"data"), b"data")
    assert signer.certificate_hash is None


@pytest.mark.parametrize("algorithm", LATTICE)
def test_a_lattice_key_is_handed_out_and_sealed_as_its_seed(algorithm: KeyAlgorithm) -> None:
    # RFC 9881 section 6: [0] and 32 bytes, without the expanded key.
    der = key_of(algorithm).pkcs8_der().reveal()
    assert (len(der), der[-34:-32]) == (54, b"\x80\x20")


@pytest.mark.parametrize("algorithm", MADE)
def test_a_key_survives_its_sealed_form(algorithm: KeyAlgorithm) -> None:
    assert load_private_key(key_of(algorithm).pkcs8_der()).public_key() == key_of(algorithm).public_key


def test_a_generated_key_does_not_show_itself() -> None:
    generated = key_of(KeyAlgorithm.EC_P256)
    assert "PRIVATE" not in f"{generated!r} {generated.pkcs8_pem()!r} {generated.signer('k')!r}"


def test_large_rsa_keys_sign_in_a_thread_and_small_keys_do_not() -> None:
    assert [one for one in KeyAlgorithm if one.is_slow] == [
        KeyAlgorithm.RSA_3072,
        KeyAlgorithm.RSA_4096,
        *LATTICE,
    ]
