"""The guard after signing: what is not what was decided is dropped."""

from datetime import timedelta

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.policy.names import Name, NameKind
from ca_service.x509.errors import ArtefactMismatchError
from ca_service.x509.profiles import Purpose
from ca_service.x509.template import Subject, verify_artefact
from ca_service.x509.validity import Validity
from tests.support.fakes.kernel import FakeClock

KEY = ec.generate_private_key(ec.SECP256R1())
NOW = FakeClock().now()
VALIDITY = Validity(NOW, NOW + timedelta(days=1))
SUBJECT = Subject(
    common_name="a.example",
    names=(Name(NameKind.DNS, "a.example"), Name(NameKind.IP, "10.0.0.1")),
    purposes=(Purpose.SERVER,),
    key_algorithm=KeyAlgorithm.EC_P256,
)


def certificate(
    *names: x509.GeneralName, ca: bool = False, common_names: tuple[str, ...] = ("a.example",)
) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text) for text in common_names])
    builder = (
        x509.CertificateBuilder(subject, subject, KEY.public_key(), 5, NOW.replace(tzinfo=None), None)
        .not_valid_after(VALIDITY.not_after)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
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


def test_another_serial_number_is_dropped() -> None:
    with pytest.raises(ArtefactMismatchError):
        verify_artefact(certificate(_A, _IP), SUBJECT, 6, VALIDITY)


def test_other_ends_are_dropped() -> None:
    longer = msgspec.structs.replace(VALIDITY, not_after=VALIDITY.not_after + timedelta(seconds=1))
    with pytest.raises(ArtefactMismatchError):
        verify_artefact(certificate(_A, _IP), SUBJECT, 5, longer)
