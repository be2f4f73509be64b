"""What an external parent sends back is read strictly: each thing that may be wrong has its rule."""

import datetime as dt
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca_service.kernel.errors import KeywrightError
from ca_service.x509.external_parents import (
    CERTIFICATE_LIMIT,
    parse_certificates_pem,
    verify_continues,
    verify_import,
)
from tests.support.external_ca import ExternalCa, der, named, pem

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
KEY = ec.generate_private_key(ec.SECP384R1()).public_key()
SUBJECT = named("Ours")
ROOT = ExternalCa("Root elsewhere", NOW)
MIDDLE = ExternalCa("Middle elsewhere", NOW, ROOT)


def refusal(certificate: x509.Certificate, *chain: bytes) -> tuple[str | None, str | None]:
    with pytest.raises(KeywrightError) as caught:
        verify_import(der(certificate), chain, KEY, NOW)
    return caught.value.field, caught.value.rule


@pytest.mark.parametrize("chain", [MIDDLE.chain, MIDDLE.chain[:1], ()], ids=["whole", "partial", "alone"])
def test_a_chain_up_to_a_root_or_below_it_is_taken(chain: tuple[bytes, ...]) -> None:
    certificate = MIDDLE.certify(KEY, SUBJECT)
    assert verify_import(der(certificate), chain, KEY, NOW).above == chain


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"ca": False}, "import-basic-constraints"),
        ({"basic": False}, "import-basic-constraints"),
        ({"basic_critical": False}, "import-basic-constraints"),
        ({"usage": {"key_cert_sign": False}}, "import-key-usage"),
        ({"usage": {"crl_sign": False}}, "import-key-usage"),
        ({"has_identifier": False}, "import-key-identifier"),
        ({"days": (-10, -1)}, "import-dates"),
        ({"days": (1, 10)}, "import-dates"),
        ({"subject": x509.Name([])}, "import-subject"),
        ({"public_key": ec.generate_private_key(ec.SECP384R1()).public_key()}, "import-key"),
        ({"further": ((x509.InhibitAnyPolicy(0), True),)}, "import-critical-extension"),
        (
            {"further": ((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True),)},
            "import-critical-extension",
        ),
    ],
)
def test_given_one_thing_wrong_then_the_certificate_is_refused_by_its_rule(
    wrong: dict[str, Any], rule: str
) -> None:
    fields: dict[str, Any] = {"public_key": KEY, "subject": SUBJECT} | wrong
    certificate = MIDDLE.certify(fields.pop("public_key"), fields.pop("subject"), **fields)
    assert refusal(certificate, *MIDDLE.chain) == ("certificate", rule)


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"ca": False}, "import-basic-constraints"),
        ({"usage": {"key_cert_sign": False}}, "import-key-usage"),
        ({"days": (-10, -1)}, "import-dates"),
        ({"path_length": 0}, "import-path-length"),
    ],
)
def test_given_one_thing_wrong_above_then_that_link_is_named(wrong: dict[str, Any], rule: str) -> None:
    middle = ExternalCa("Middle", NOW, ROOT, **wrong)
    assert refusal(middle.certify(KEY, SUBJECT), *middle.chain) == ("chain[0]", rule)


def test_a_path_length_above_counts_the_authorities_below() -> None:
    root = ExternalCa("Short root", NOW, path_length=1)
    middle = ExternalCa("Middle", NOW, root)
    assert refusal(middle.certify(KEY, SUBJECT), *middle.chain) == ("chain[1]", "import-path-length")


def constrained(*, permitted: str | None = None, excluded: str | None = None) -> ExternalCa:
    parts = [[x509.DirectoryName(named(text))] if text else None for text in (permitted, excluded)]
    return ExternalCa("Narrow", NOW, ROOT, further=((x509.NameConstraints(*parts), True),))


@pytest.mark.parametrize("wrong", [{"permitted": "Theirs"}, {"excluded": "OURS"}])
def test_a_subject_that_a_link_above_does_not_allow_is_refused(wrong: dict[str, Any]) -> None:
    narrow = constrained(**wrong)
    assert refusal(narrow.certify(KEY, SUBJECT), *narrow.chain) == ("certificate", "import-name-constraints")


def test_a_subject_inside_what_a_link_above_permits_is_taken() -> None:
    narrow = constrained(permitted="ours")
    certificate = narrow.certify(KEY, SUBJECT)
    assert verify_import(der(certificate), narrow.chain, KEY, NOW).above == narrow.chain


def test_a_signature_by_another_key_is_refused() -> None:
    other = ExternalCa("Middle elsewhere", NOW, ROOT)
    assert refusal(MIDDLE.certify(KEY, SUBJECT), *other.chain) == ("chain[0]", "import-signature")


def test_a_chain_in_another_order_is_refused() -> None:
    middle, root = MIDDLE.chain
    assert refusal(MIDDLE.certify(KEY, SUBJECT), root, middle) == ("chain[0]", "import-chain-order")


def test_a_last_link_that_only_claims_to_be_a_root_is_refused() -> None:
    false = ExternalCa("Root elsewhere", NOW, ExternalCa("Another", NOW), issuer=named("Root elsewhere"))
    assert refusal(false.certify(KEY, SUBJECT), false.chain[0]) == ("chain[0]", "import-signature")


def test_a_link_that_stands_twice_is_refused() -> None:
    twice = (*ROOT.chain, *ROOT.chain)
    assert refusal(ROOT.certify(KEY, SUBJECT), *twice) == ("chain[1]", "import-chain-order")


def test_a_certificate_that_names_itself_as_its_issuer_is_refused() -> None:
    certificate = ROOT.certify(KEY, named("Root elsewhere"))
    assert refusal(certificate) == ("certificate", "import-signature")


def test_a_weak_key_above_is_refused() -> None:
    weak = ExternalCa("Weak", NOW)
    weak.key = rsa.generate_private_key(65537, 1024)  # type: ignore[assignment]
    weak.certificate = weak.certify(weak.key.public_key(), weak.name)
    assert refusal(weak.certify(KEY, SUBJECT), *weak.chain) == ("chain[0]", "rsa-size")


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "certificate-encoding"),
        (b"\x30\x00", "certificate-encoding"),
        (b"\x30" * (CERTIFICATE_LIMIT + 1), "certificate-size"),
    ],
)
def test_bytes_that_are_no_certificate_are_refused(raw: bytes, rule: str) -> None:
    with pytest.raises(KeywrightError) as caught:
        verify_import(raw, (), KEY, NOW)
    assert (caught.value.field, caught.value.rule) == ("certificate", rule)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "certificate-pem"),
        ("hello", "certificate-pem"),
        (pem(ROOT.certificate) + "and more", "certificate-pem"),
        ("-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n", "certificate-pem"),
        (pem(ROOT.certificate) * 18, "chain-length"),
        ("x" * 3_000_000, "certificate-size"),
    ],
)
def test_text_that_is_no_bundle_is_refused(text: str, rule: str) -> None:
    with pytest.raises(KeywrightError) as caught:
        parse_certificates_pem(text, field="certificate")
    assert (caught.value.field, caught.value.rule) == ("certificate", rule)


def test_a_bundle_is_read_in_its_order() -> None:
    found = parse_certificates_pem(MIDDLE.pem + "\n" + ROOT.pem, field="certificate")
    assert found == MIDDLE.chain


@pytest.mark.parametrize(
    ("fields", "rule"),
    [({"subject": named("Another")}, "import-subject"), ({"identifier": b"other"}, "import-key-identifier")],
)
def test_a_further_certificate_has_the_name_and_the_key_identifier_of_the_first(
    fields: dict[str, Any], rule: str
) -> None:
    current = MIDDLE.certify(KEY, SUBJECT)
    verify_continues(ROOT.certify(KEY, SUBJECT), current)
    other: dict[str, Any] = {"subject": SUBJECT} | fields
    with pytest.raises(KeywrightError) as caught:
        verify_continues(ROOT.certify(KEY, other.pop("subject"), **other), current)
    assert (caught.value.field, caught.value.rule) == ("certificate", rule)
