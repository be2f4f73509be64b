"""Certificates are written in order, signed, and read back as what they should say."""

from typing import Any

import msgspec
import pytest

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.kernel.errors import KeywrightError
from ssh_ca.certificate_reader import certificate_type_name, read_certificate
from ssh_ca.certificates import CertificateType
from ssh_ca.encoder import certificate_line, sign_certificate
from ssh_ca.errors import CertificateDefectError, WireError
from ssh_ca.public_keys import parse_public_key
from ssh_ca.wire import WireReader, string, uint32, uint64
from tests.support.fakes.kernel import FakeClock
from tests.support.ssh_ground import every_subject_key, key_line, make_content, make_signer

NONCE = bytes(range(32))
AUTHORITY_KEYS = [
    KeyAlgorithm.ED25519,
    KeyAlgorithm.EC_P256,
    KeyAlgorithm.EC_P384,
    KeyAlgorithm.EC_P521,
    KeyAlgorithm.RSA_2048,
]


@pytest.mark.parametrize("algorithm", AUTHORITY_KEYS)
def test_every_subject_key_is_certified_by_every_authority_key(
    algorithm: KeyAlgorithm, clock: FakeClock
) -> None:
    signer, blob = make_signer(algorithm)
    for subject_key in every_subject_key().values():
        content = make_content(subject_key, clock)
        certificate = sign_certificate(content, signer, blob, NONCE)
        assert read_certificate(certificate, signer.public_key) == content


def test_the_bytes_are_those_of_the_protocol(clock: FakeClock) -> None:
    signer, blob = make_signer()
    key = parse_public_key(key_line())
    content = make_content(
        key, clock, critical_options={}, extensions={"permit-pty": ""}, principals=("ops",)
    )
    expected = (
        string(b"ssh-ed25519-cert-v01@openssh.com")
        + string(NONCE)
        + key.fields
        + uint64(7)
        + uint32(1)
        + string(b"idn_alice")
        + string(string(b"ops"))
        + uint64(int(content.valid_after.timestamp()))
        + uint64(int(content.valid_before.timestamp()))
        + string(b"")
        + string(string(b"permit-pty") + string(b""))
        + string(b"")
        + string(blob)
    )
    assert sign_certificate(content, signer, blob, NONCE).startswith(expected)


def test_options_are_sorted_by_their_bytes(clock: FakeClock) -> None:
    signer, blob = make_signer()
    content = make_content(
        parse_public_key(key_line()),
        clock,
        extensions={"permit-agent-forwarding": "", "permit-X11-forwarding": ""},
    )
    certificate = sign_certificate(content, signer, blob, NONCE)
    assert certificate.index(b"permit-X11-forwarding") < certificate.index(b"permit-agent-forwarding")


def test_values_stand_in_a_string_of_their_own(clock: FakeClock) -> None:
    signer, blob = make_signer()
    content = make_content(parse_public_key(key_line()), clock, critical_options={"force-command": "ls"})
    assert string(b"force-command") + string(string(b"ls")) in sign_certificate(content, signer, blob, NONCE)


def test_rsa_authorities_sign_with_sha512(clock: FakeClock) -> None:
    signer, blob = make_signer(KeyAlgorithm.RSA_2048)
    certificate = sign_certificate(make_content(parse_public_key(key_line()), clock), signer, blob, NONCE)
    assert string(b"rsa-sha2-512") in certificate


def test_the_type_of_a_fido_certificate_keeps_its_suffix_last() -> None:
    assert (
        certificate_type_name("sk-ecdsa-sha2-nistp256@openssh.com")
        == "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com"
    )


def test_a_signer_that_signs_wrong_releases_nothing(clock: FakeClock) -> None:
    signer, blob = make_signer()

    class Broken:
        public_key = signer.public_key

        def sign(self, data: bytes, hash_name: str | None = None) -> bytes:
            return bytes(64)

    broken: Any = Broken()
    with pytest.raises(CertificateDefectError):
        sign_certificate(make_content(parse_public_key(key_line()), clock), broken, blob, NONCE)


def test_another_authoritys_key_in_the_certificate_releases_nothing(clock: FakeClock) -> None:
    signer, _ = make_signer()
    _, other = make_signer()
    with pytest.raises(CertificateDefectError):
        sign_certificate(make_content(parse_public_key(key_line()), clock), signer, other, NONCE)


def test_a_certificate_of_another_authority_is_not_ours(clock: FakeClock) -> None:
    signer, blob = make_signer()
    certificate = sign_certificate(make_content(parse_public_key(key_line()), clock), signer, blob, NONCE)
    with pytest.raises(WireError):
        read_certificate(certificate, make_signer()[0].public_key)


def test_every_changed_byte_is_noticed(clock: FakeClock) -> None:
    signer, blob = make_signer(KeyAlgorithm.EC_P256)
    certificate = sign_certificate(make_content(parse_public_key(key_line()), clock), signer, blob, NONCE)
    for position in range(0, len(certificate), 3):
        changed = bytearray(certificate)
        changed[position] ^= 0x20
        with pytest.raises((WireError, KeywrightError)):
            read_certificate(bytes(changed), signer.public_key)


def test_options_out_of_order_are_not_read(clock: FakeClock) -> None:
    signer, blob = make_signer()
    certificate = sign_certificate(make_content(parse_public_key(key_line()), clock), signer, blob, NONCE)
    swapped = certificate.replace(b"force-command", b"zorce-command")
    with pytest.raises(WireError, match="not sorted"):
        read_certificate(swapped, signer.public_key)


def test_host_certificates_carry_their_type(clock: FakeClock) -> None:
    signer, blob = make_signer()
    content = make_content(
        parse_public_key(key_line()), clock, type=CertificateType.HOST, critical_options={}, extensions={}
    )
    certificate = sign_certificate(content, signer, blob, NONCE)
    assert read_certificate(certificate, signer.public_key).type is CertificateType.HOST


def test_the_line_is_type_and_base64(clock: FakeClock) -> None:
    signer, blob = make_signer()
    certificate = sign_certificate(make_content(parse_public_key(key_line()), clock), signer, blob, NONCE)
    kind, encoded = certificate_line(certificate).split(" ")
    assert kind == WireReader(certificate).text()
    assert msgspec.convert(encoded, bytes) == certificate
