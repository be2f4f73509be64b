"""The guard after signing: what is not what was decided is dropped."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.policy.names import Name, NameKind
from ca_service.x509.errors import ArtefactMismatchError
from ca_service.x509.profiles import Purpose
from ca_service.x509.template import Subject, verify_artefact
from ca_service.x509.usages import Usages
from ca_service.x509.validity import Validity
from tests.support.fakes.kernel import FakeClock

_FLAGS = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
KEY = ec.generate_private_key(ec.SECP256R1())
NOW = FakeClock().now()
VALIDITY = Validity(NOW, NOW + timedelta(days=1))
SUBJECT = Subject(
    common_name="a.example",
    names=(Name(NameKind.DNS, "a.example"), Name(NameKind.IP, "10.0.0.1")),
    usages=Usages(purposes=(Purpose.SERVER,)),
    key_algorithm=KeyAlgorithm.EC_P256,
)


def certificate(
    *names: x509.GeneralName,
    ca: bool = False,
    common_names: tuple[str, ...] = ("a.example",),
    key_usages: frozenset[str] = frozenset({"digital_signature"}),
    purposes: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.SERVER_AUTH,),
    further: tuple[x509.ExtensionType, ...] = (),
) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text) for text in common_names])
    usage = x509.KeyUsage(**{flag: flag in key_usages for flag in _FLAGS})
    builder = (
        x509.CertificateBuilder(subject, subject, KEY.public_key(), 5, NOW.replace(tzinfo=None), None)
        .not_valid_after(VALIDITY.not_after)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    for extension in further:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


_A = x509.DNSName("a.example")
_IP = x509.IPAddress(__import__("ipaddress").ip_address("10.0.0.1"))


def test_what_was_decided_passes() -> None:
    verify_artefact(certificate(_A, _IP), SUBJECT, 5, VALIDITY)


@pytest.mark.parametrize(
    "der",
    [
        certificate(_A),
        certificate(_A, _IP, x509.DNSName("b.example")),
        certificate(_A, _A, _IP),
        certificate(x509.DNSName("A.example"), _IP),
        certificate(_A, _IP, x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))),
        certificate(_A, _IP, ca=True),
        certificate(_A, _IP, common_names=()),
        certificate(_A, _IP, common_names=("a.example", "b.example")),
    ],
    ids=["missing", "extra", "twice", "case", "another kind", "authority", "no common name", "two"],
)
def test_another_artefact_is_dropped(der: bytes) -> None:
    with pytest.raises(ArtefactMismatchError):
        verify_artefact(der, SUBJECT, 5, VALIDITY)


_SERVER = ExtendedKeyUsageOID.SERVER_AUTH


@pytest.mark.parametrize(
    "fields",
    [
        {"key_usages": frozenset({"digital_signature", "key_cert_sign"})},
        {"key_usages": frozenset({"digital_signature", "crl_sign"})},
        {"purposes": (_SERVER, ExtendedKeyUsageOID.OCSP_SIGNING)},
        {"purposes": (_SERVER, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)},
        {"purposes": (_SERVER, ExtendedKeyUsageOID.CLIENT_AUTH)},
        {"purposes": ()},
        {"further": (x509.OCSPNoCheck(),)},
        {"further": (x509.PolicyConstraints(0, None),)},
    ],
    ids=["keyCertSign", "cRLSign", "OCSPSigning", "any", "another", "none", "nocheck", "unknown"],
)
def test_what_only_an_authority_gives_is_dropped(fields: dict[str, Any]) -> None:
    with pytest.raises(ArtefactMismatchError):
        verify_artefact(certificate(_A, _IP, **fields), SUBJECT, 5, VALIDITY)


@pytest.mark.parametrize("withheld", ["1.3.6.1.5.5.7.3.9", "2.5.29.37.0"])
def test_it_is_dropped_even_if_it_was_decided(withheld: str) -> None:
    usages = Usages(purposes=(Purpose.SERVER,), further_purposes=(withheld,))
    der = certificate(_A, _IP, purposes=(_SERVER, x509.ObjectIdentifier(withheld)))
    with pytest.raises(ArtefactMismatchError):
        verify_artefact(der, msgspec.structs.replace(SUBJECT, usages=usages), 5, VALIDITY)


def test_another_serial_number_is_dropped() -> None:
    with pytest.raises(ArtefactMismatchError):
        verify_artefact(certificate(_A, _IP), SUBJECT, 6, VALIDITY)


def test_other_ends_are_dropped() -> None:
    longer = msgspec.structs.replace(VALIDITY, not_after=VALIDITY.not_after + timedelta(seconds=1))
    with pytest.raises(ArtefactMismatchError):
        verify_artefact(certificate(_A, _IP), SUBJECT, 5, longer)
