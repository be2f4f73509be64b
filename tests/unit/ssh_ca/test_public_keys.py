"""A public key is one line, says one thing, and is of a kind that may be certified."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from ssh_ca.errors import PublicKeyRefusedError, UnreadablePublicKeyError
from ssh_ca.public_keys import KEY_TYPES, parse_public_key
from ssh_ca.wire import mpint, string
from tests.support.ssh_ground import every_subject_key, fido_key_line, key_line

P256 = "ecdsa-sha2-nistp256"
P256_TYPE = string(P256.encode())
ED25519 = string(b"ssh-ed25519") + string(bytes(range(32)))


def line_of(kind: str, blob: bytes) -> str:
    return f"{kind} {b64encode(blob).decode('ascii')}"


def rsa_line(bits: int, exponent: int = 65537) -> str:
    modulus = (1 << (bits - 1)) | 1
    return line_of("ssh-rsa", string(b"ssh-rsa") + mpint(exponent) + mpint(modulus))


def test_every_certified_type_is_read() -> None:
    assert set(every_subject_key()) == KEY_TYPES


@pytest.mark.parametrize("around", ["{}", "{}\n", "{}\r\n", "{} alice@laptop", "{}\talice", "  {} a b c \n"])
def test_comments_and_one_line_end_are_passed_over(around: str) -> None:
    line = line_of("ssh-ed25519", ED25519)
    assert parse_public_key(around.format(line)).blob == ED25519


def test_the_fingerprint_is_the_one_openssh_prints() -> None:
    key = parse_public_key(line_of("ssh-ed25519", ED25519))
    assert key.fingerprint == "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"


def test_the_application_of_a_fido_key_is_part_of_it() -> None:
    line = fido_key_line(application="ssh:office")
    assert parse_public_key(line).fields.endswith(string(b"ssh:office"))


UNREADABLE: dict[str, str] = {
    "nothing": "",
    "one word": "ssh-ed25519",
    "no base64": "ssh-ed25519 !!!!",
    "base64 without padding": line_of("ssh-ed25519", ED25519 + b"x").rstrip("="),
    "stray bits in the base64": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB==",
    "two lines": line_of("ssh-ed25519", ED25519) + "\n" + line_of("ssh-ed25519", ED25519),
    "options in front": "no-pty " + line_of("ssh-ed25519", ED25519),
    "escape codes in the comment": line_of("ssh-ed25519", ED25519) + " \x1b[2J",
    "a NUL": line_of("ssh-ed25519", ED25519) + " \0",
    "another type inside": line_of("ssh-rsa", ED25519),
    "something behind its end": line_of("ssh-ed25519", ED25519 + b"\0"),
    "an end too early": line_of("ssh-ed25519", ED25519[:-1]),
    "a length beyond its end": line_of("ssh-ed25519", string(b"ssh-ed25519") + b"\xff\xff\xff\xff"),
    "a short Ed25519 key": line_of("ssh-ed25519", string(b"ssh-ed25519") + string(bytes(31))),
    "a private key": "-----BEGIN OPENSSH PRIVATE KEY-----",
    "a padded RSA modulus": line_of(
        "ssh-rsa", string(b"ssh-rsa") + mpint(65537) + string(b"\0\0" + b"\xff" * 256)
    ),
    "a negative RSA modulus": line_of("ssh-rsa", string(b"ssh-rsa") + mpint(65537) + string(b"\xff" * 256)),
    "an RSA modulus of zero": line_of("ssh-rsa", string(b"ssh-rsa") + mpint(65537) + string(b"")),
    "another curve inside": line_of(P256, P256_TYPE + string(b"nistp384") + string(b"\4" + bytes(64))),
    "a compressed point": line_of(P256, P256_TYPE + string(b"nistp256") + string(b"\2" + bytes(32))),
    "a FIDO key without application": fido_key_line(application=""),
    "a FIDO application of control characters": fido_key_line(application="ssh:\n"),
    "a line of megabytes": line_of("ssh-ed25519", ED25519) + " " + "x" * 1_000_000,
}  # fmt: skip


@pytest.mark.parametrize("line", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_not_one_public_key_is_malformed(line: str) -> None:
    with pytest.raises(UnreadablePublicKeyError) as caught:
        parse_public_key(line)
    assert caught.value.field == "public_key"


def test_a_private_key_is_not_repeated_in_the_error() -> None:
    with pytest.raises(UnreadablePublicKeyError) as caught:
        parse_public_key("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----")
    assert "c2VjcmV0" not in caught.value.detail


REFUSED: dict[str, tuple[Callable[[], str], str]] = {
    "DSA": (lambda: "ssh-dss AAAAB3NzaC1kc3M=", "key-type"),
    "ed448": (lambda: "ssh-ed448 AAAA", "key-type"),
    "a certificate": (lambda: "ssh-ed25519-cert-v01@openssh.com AAAA", "key-type"),
    "RSA of 1024 bits": (lambda: rsa_line(1024), "key-size"),
    "RSA of 2047 bits": (lambda: rsa_line(2047), "key-size"),
    "RSA of 8193 bits": (lambda: rsa_line(8193), "key-size"),
    "RSA with exponent 1": (lambda: rsa_line(2048, 1), "key-numbers"),
    "RSA with an even exponent": (lambda: rsa_line(2048, 65538), "key-numbers"),
    "RSA with an exponent of 33 bits": (lambda: rsa_line(2048, (1 << 32) | 1), "key-numbers"),
    "a point off its curve": (
        lambda: line_of(
            "ecdsa-sha2-nistp256",
            string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(b"\4" + bytes(63) + b"\1"),
        ),
        "key-point",
    ),
}


@pytest.mark.parametrize(("make_line", "rule"), REFUSED.values(), ids=REFUSED.keys())
def test_keys_that_are_not_certified_are_refused_with_the_rule(
    make_line: Callable[[], str], rule: str
) -> None:
    with pytest.raises(PublicKeyRefusedError) as caught:
        parse_public_key(make_line())
    assert (caught.value.field, caught.value.rule) == ("public_key", rule)


@pytest.mark.parametrize(
    "make",
    [lambda: rsa.generate_private_key(65537, 3072), lambda: ec.generate_private_key(ec.SECP521R1())],
    ids=["RSA of 3072 bits", "P-521"],
)
def test_keys_of_real_libraries_are_read(make: Callable[[], Any]) -> None:
    line = key_line(make())
    assert parse_public_key(line).line == line


def test_the_largest_rsa_key_is_read() -> None:
    assert parse_public_key(rsa_line(8192)).type == "ssh-rsa"


def test_a_real_dsa_key_is_refused() -> None:
    numbers = dsa.generate_parameters(1024).generate_private_key().public_key().public_numbers()
    group = numbers.parameter_numbers
    blob = string(b"ssh-dss") + b"".join(mpint(n) for n in (group.p, group.q, group.g, numbers.y))
    with pytest.raises(PublicKeyRefusedError):
        parse_public_key(line_of("ssh-dss", blob))
