"""The reader of certificates that others send is strict, and verifies whose they are."""

from base64 import b64encode
from typing import Any

import msgspec
import pytest

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.kernel.errors import KeywrightError
from ssh_ca.certificate_reader import parse_certificate
from ssh_ca.encoder import certificate_line, sign_certificate
from ssh_ca.errors import UnreadableCertificateError
from ssh_ca.public_keys import KEY_TYPES, parse_public_key
from ssh_ca.signatures import load_public_key, public_key_blob
from ssh_ca.wire import mpint, string
from tests.support.fakes.kernel import FakeClock
from tests.support.ssh_ground import every_subject_key, fido_key_line, key_line, make_content, make_signer

KEYS = every_subject_key()


def line_of(
    algorithm: KeyAlgorithm = KeyAlgorithm.ED25519, key: Any = None, **changes: Any
) -> tuple[str, bytes]:
    signer, authority = make_signer(algorithm)
    content = make_content(key or parse_public_key(key_line()), FakeClock(), **changes)
    return certificate_line(sign_certificate(content, signer, authority, bytes(32))), authority


@pytest.mark.parametrize("key_type", sorted(KEY_TYPES))
def test_every_subject_key_is_read(key_type: str) -> None:
    line, authority = line_of(key=KEYS[key_type])
    received = parse_certificate(f"{line} a comment\n")
    assert (received.content.subject_key, received.authority_key) == (KEYS[key_type], authority)


@pytest.mark.parametrize(
    "algorithm", [KeyAlgorithm.EC_P256, KeyAlgorithm.EC_P384, KeyAlgorithm.EC_P521, KeyAlgorithm.RSA_2048]
)
def test_every_authority_key_is_read(algorithm: KeyAlgorithm) -> None:
    line, authority = line_of(algorithm)
    assert parse_certificate(line).authority_key == authority


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.ED25519, KeyAlgorithm.EC_P521, KeyAlgorithm.RSA_2048])
def test_a_key_is_loaded_as_it_was_written(algorithm: KeyAlgorithm) -> None:
    _, blob = make_signer(algorithm)
    assert public_key_blob(load_public_key(blob)) == blob


def swapped(line: str, old: bytes, new: bytes) -> str:
    kind, encoded = line.split(" ")
    blob = msgspec.convert(encoded, bytes)
    assert old in blob
    return f"{kind} {b64encode(blob.replace(old, new)).decode()}"


BAD = {
    "nothing": "",
    "a public key": key_line(),
    "another type in front": line_of()[0].replace("ssh-ed25519", "ssh-rsa", 1),
    "an older version": line_of()[0].replace("-cert-v01", "-cert-v00", 1),
    "no domain": line_of()[0].replace("-v01@openssh.com", "-v01", 1),
    "two lines": "\n".join(line_of()[0] for _ in range(2)),
    "not base64": line_of()[0] + "!",
    "unusual base64": line_of()[0] + "====",
    "far too long": line_of()[0] + "A" * 140_000,
    "another key id": swapped(line_of()[0], b"idn_alice", b"idn_malic"),
    "another principal": swapped(line_of()[0], b"\x00\x00\x00\x03ops", b"\x00\x00\x00\x03dba"),
    "no principals": line_of(principals=())[0],
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD.keys())
def test_anything_else_is_refused(line: str) -> None:
    with pytest.raises(UnreadableCertificateError) as caught:
        parse_certificate(line)
    assert (caught.value.field, caught.value.rule) == ("certificate", "certificate")


def test_an_authority_whose_key_lives_in_a_token_is_refused() -> None:
    line, authority = line_of()
    token = parse_public_key(fido_key_line()).blob
    with pytest.raises(UnreadableCertificateError, match="type that is not taken"):
        parse_certificate(swapped(line, string(authority), string(token)))


def test_an_rsa_key_that_takes_long_to_verify_with_is_not_tried() -> None:
    huge = string(b"ssh-rsa") + mpint(65537) + mpint(2**30000 + 1)
    line, authority = line_of()
    with pytest.raises(KeywrightError):
        parse_certificate(swapped(line, string(authority), string(huge)))
