"""RFC 9881 appendix C: the RFC's own keys and certificates, read by us, and ours compared with them.

The certificates of appendix C.3 lie beside this file in `rfc9881`, as the RFC prints them; the keys of C.1
and C.2 are those of the seed 00 01 02 … 1f.
"""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.generation import GeneratedKey, load_private_key
from ca_service.custody.public_keys import public_key_der
from ca_service.custody.withheld_keys import LatticePublicKey
from ca_service.kernel.secret_value import SecretValue
from ca_service.x509.public_keys import parse_key_algorithm

FOLDER = Path(__file__).parent / "rfc9881"
#: Appendix C.1.1.1, C.1.2.1 and C.1.3.1: PKCS #8 in the seed format.
PRIVATE_KEYS = {
    KeyAlgorithm.ML_DSA_44: "MDQCAQAwCwYJYIZIAWUDBAMRBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\nGhscHR4f",
    KeyAlgorithm.ML_DSA_65: "MDQCAQAwCwYJYIZIAWUDBAMSBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\nGhscHR4f",
    KeyAlgorithm.ML_DSA_87: "MDQCAQAwCwYJYIZIAWUDBAMTBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\nGhscHR4f",
}
every_algorithm = pytest.mark.parametrize("algorithm", list(PRIVATE_KEYS))


def pem_of_example(algorithm: KeyAlgorithm) -> str:
    return f"-----BEGIN PRIVATE KEY-----\n{PRIVATE_KEYS[algorithm]}\n-----END PRIVATE KEY-----\n"


def key_of_example(algorithm: KeyAlgorithm) -> GeneratedKey:
    pem = serialization.load_pem_private_key(pem_of_example(algorithm).encode(), None)
    der = pem.private_bytes(Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return GeneratedKey(algorithm, load_private_key(SecretValue(der)))


def example(algorithm: KeyAlgorithm) -> x509.Certificate:
    name = algorithm.value.replace("_", "-")
    return x509.load_pem_x509_certificate((FOLDER / f"{name}.crt").read_bytes())


def verify(certificate: x509.Certificate, signature: bytes) -> None:
    key = certificate.public_key()
    assert isinstance(key, LatticePublicKey)
    key.verify(signature, certificate.tbs_certificate_bytes)


@every_algorithm
def test_the_certificate_of_the_rfc_verifies(algorithm: KeyAlgorithm) -> None:
    verify(example(algorithm), example(algorithm).signature)
    example(algorithm).verify_directly_issued_by(example(algorithm))


@every_algorithm
def test_the_key_of_the_rfc_is_told_by_its_algorithm(algorithm: KeyAlgorithm) -> None:
    assert parse_key_algorithm(example(algorithm).public_key()) is algorithm


@every_algorithm
def test_the_private_key_of_the_rfc_has_the_public_key_of_its_certificate(algorithm: KeyAlgorithm) -> None:
    # Byte for byte, the AlgorithmIdentifier without parameters included.
    spki = public_key_der(key_of_example(algorithm).public_key)
    assert spki in example(algorithm).tbs_certificate_bytes


@every_algorithm
def test_a_private_key_is_handed_out_as_the_rfc_prints_it(algorithm: KeyAlgorithm) -> None:
    assert key_of_example(algorithm).pkcs8_pem().reveal() == pem_of_example(algorithm)


@every_algorithm
def test_a_signature_of_ours_takes_the_place_of_the_rfcs(algorithm: KeyAlgorithm) -> None:
    certificate = example(algorithm)
    signature = key_of_example(algorithm).signer("").sign(certificate.tbs_certificate_bytes)
    assert len(signature) == len(certificate.signature)
    verify(certificate, signature)


@every_algorithm
@pytest.mark.parametrize("place", [0, 40, -1], ids=["challenge", "response", "hint"])
def test_a_signature_with_one_bit_changed_does_not_verify(algorithm: KeyAlgorithm, place: int) -> None:
    changed = bytearray(example(algorithm).signature)
    changed[place] ^= 1
    with pytest.raises(InvalidSignature):
        verify(example(algorithm), bytes(changed))


@every_algorithm
@pytest.mark.parametrize("change", [lambda one: one[:-1], lambda one: one + b"\0", lambda one: b""])
def test_a_signature_of_another_length_does_not_verify(algorithm: KeyAlgorithm, change: object) -> None:
    assert callable(change)
    with pytest.raises(InvalidSignature):
        verify(example(algorithm), change(example(algorithm).signature))
