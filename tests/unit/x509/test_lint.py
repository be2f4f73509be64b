"""Our own checks of a certificate before it is signed."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID, ObjectIdentifier

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.policy.names import Name, NameKind
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.issuers import encoded_extension
from ca_service.x509.lint import lint_leaf
from ca_service.x509.profiles import Purpose
from ca_service.x509.usages import Usages
from ca_service.x509.validity import Validity
from tests.support.fakes.kernel import FakeClock

NOW = FakeClock().now()
DAY = timedelta(days=1)
ISSUER_KEY = b"k" * 20
SERIAL = 1 << 150
NAME = Name(NameKind.DNS, "a.example")
POINTS = x509.CRLDistributionPoints(
    [x509.DistributionPoint([x509.UniformResourceIdentifier("http://pki.test/crl")], None, None, None)]
)
RESPONDER = x509.AuthorityInformationAccess(
    [
        x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://pki.test/ocsp")
        )
    ]
)
STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])
Values = dict[ObjectIdentifier, x509.Extension[x509.ExtensionType]]


def extension(value: x509.ExtensionType, *, critical: bool = False) -> x509.Extension[x509.ExtensionType]:
    return encoded_extension(value, critical=critical)


def sound(**usages: Any) -> Values:
    """Return the extensions of a certificate in which nothing is wrong."""
    values = [
        extension(x509.BasicConstraints(ca=False, path_length=None), critical=True),
        *Usages(purposes=(Purpose.SERVER,), **usages).extensions(KeyAlgorithm.EC_P256),
        extension(x509.SubjectAlternativeName([x509.DNSName("a.example")]), critical=True),
        extension(x509.SubjectKeyIdentifier(b"s" * 20)),
        extension(x509.AuthorityKeyIdentifier(ISSUER_KEY, None, None)),
        extension(POINTS),
    ]
    return {each.oid: each for each in values}


def key_usage(*flags: str) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment")
    others = ("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{flag: flag in flags for flag in (*names, *others)})


def rule_of(values: Values | None = None, *beside: x509.Extension[Any], **facts: Any) -> str | None:
    """Return the rule that refuses such a certificate; None if nothing does."""
    given: dict[str, Any] = {
        "common_name": None,
        "has_subject": False,
        "names": (NAME,),
        "serial_number": SERIAL,
        "validity": Validity(NOW, NOW + 47 * DAY),
        "issuer_validity": Validity(NOW - DAY, NOW + 1000 * DAY),
        "issuer_key": ISSUER_KEY,
    }
    try:
        lint_leaf([*(sound() if values is None else values).values(), *beside], **(given | facts))
    except ProfileRefusedError as error:
        return error.rule
    return None


def test_a_sound_certificate_passes() -> None:
    assert rule_of() is None


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        ({"serial_number": 7}, "lint-serial-number"),
        ({"serial_number": 1 << 160}, "lint-serial-number"),
        ({"serial_number": -SERIAL}, "lint-serial-number"),
        ({"validity": Validity(NOW, NOW)}, "lint-validity"),
        ({"validity": Validity(NOW - 2 * DAY, NOW + DAY)}, "lint-validity"),
        ({"validity": Validity(NOW, NOW + 2000 * DAY)}, "lint-validity"),
        ({"issuer_key": b"another key of 20 b."}, "lint-authority-key-identifier"),
        ({"issuer_key": None}, "lint-authority-key-identifier"),
        ({"names": (NAME, NAME)}, "lint-alternative-name"),
        ({"names": ()}, "lint-alternative-name"),
        ({"has_subject": True}, "lint-alternative-name"),
        ({"names": (Name(NameKind.DNS, "ä.example"),)}, "lint-alternative-name"),
        ({"names": (Name(NameKind.DNS, "a_b.example"),)}, "lint-host-name"),
        ({"names": (Name(NameKind.DNS, "a.*.example"),)}, "lint-host-name"),
        ({"names": (Name(NameKind.DNS, "*a.example"),)}, "lint-host-name"),
        ({"names": (Name(NameKind.DNS, "a.example."),)}, "lint-host-name"),
        ({"names": (Name(NameKind.DNS, "a" * 64 + ".example"),)}, "lint-host-name"),
        ({"common_name": "x" * 65}, "lint-common-name"),
        ({"common_name": "192.0.2.1"}, "lint-common-name"),
    ],
)
def test_facts_that_are_wrong_are_found(facts: dict[str, Any], rule: str) -> None:
    assert rule_of(**facts) == rule


@pytest.mark.parametrize("missing", [*list(sound())[:3], *list(sound())[4:6]], ids=lambda oid: oid._name)
def test_an_extension_that_is_missing_is_found(missing: ObjectIdentifier) -> None:
    values = sound()
    del values[missing]
    assert rule_of(values) == "lint-extension-missing"


@pytest.mark.parametrize("oid", list(sound()), ids=lambda oid: oid._name)
def test_an_extension_that_is_wrongly_critical_or_not_is_found(oid: ObjectIdentifier) -> None:
    values = sound()
    values[oid] = x509.Extension(oid, not values[oid].critical, values[oid].value)
    wrong = "alternative-name" if oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME else "criticality"
    assert rule_of(values) == f"lint-{wrong}"


@pytest.mark.parametrize(
    ("value", "critical", "rule"),
    [
        (x509.BasicConstraints(ca=True, path_length=None), True, "lint-authority"),
        (x509.BasicConstraints(ca=True, path_length=0), True, "lint-authority"),
        (key_usage("digital_signature", "key_cert_sign"), True, "lint-authority"),
        (key_usage("digital_signature", "crl_sign"), True, "lint-authority"),
        (key_usage("data_encipherment"), True, "lint-key-usage"),
        (x509.ExtendedKeyUsage([ObjectIdentifier("2.5.29.37.0")]), False, "lint-extended-key-usage"),
        (x509.ExtendedKeyUsage([ObjectIdentifier("1.3.6.1.5.5.7.3.9")]), False, "lint-extended-key-usage"),
        (x509.UnrecognizedExtension(ExtensionOID.KEY_USAGE, b"\x03\x02\x07\x00"), True, "lint-key-usage"),
        (x509.UnrecognizedExtension(ExtensionOID.EXTENDED_KEY_USAGE, b"rubbish"), False, "lint-encoding"),
        (
            x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("2.5.29.32.0"), None)]),
            False,
            "lint-policies",
        ),
        (x509.PolicyConstraints(0, None), True, "lint-extension-unknown"),
        (x509.OCSPNoCheck(), False, "lint-extension-unknown"),
        (STAPLE, False, "lint-must-staple"),
    ],
)
def test_an_extension_that_no_leaf_carries_is_found(
    value: x509.ExtensionType, critical: bool, rule: str
) -> None:
    values = sound()
    values[value.oid] = extension(value, critical=critical)
    assert rule_of(values) == rule


def test_an_extension_twice_is_found() -> None:
    assert rule_of(None, extension(POINTS)) == "lint-extension-twice"


def test_must_staple_passes_with_a_responder() -> None:
    assert rule_of(None, extension(RESPONDER), extension(STAPLE)) is None


@pytest.mark.parametrize(("days", "rule"), [(7, None), (11, "lint-revocation")])
def test_without_pointers_it_may_only_live_for_days(days: int, rule: str | None) -> None:
    values = sound()
    del values[ExtensionOID.CRL_DISTRIBUTION_POINTS]
    assert rule_of(values, validity=Validity(NOW, NOW + days * DAY)) == rule


def test_nobody_named_is_found() -> None:
    values = sound()
    del values[ExtensionOID.SUBJECT_ALTERNATIVE_NAME]
    assert rule_of(values, names=()) == "lint-subject"
