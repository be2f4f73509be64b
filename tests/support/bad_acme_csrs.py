"""Finalize requests whose CSR is wrong (RFC 8555 section 7.4; S7)."""

from collections.abc import Callable, Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.acme_client import b64, make_csr
from tests.support.bad_acme_requests import MALFORMED, BadRequest, Bench, signed
from tests.support.hand_csr import (
    NAME_CONSTRAINTS,
    POISON,
    SCT_LIST,
    TLS_FEATURE,
    alternative_names,
    attribute,
    der,
    dns,
    extension,
    hand_csr,
    oid,
)

BAD_CSR = (400, "badCSR")
NOT_READY = (403, "orderNotReady")


def cases() -> Iterator[BadRequest]:
    """Yield the cases."""
    yield from _fields()
    yield from _names()
    yield from _keys()
    yield from _forms()
    for place in ("finalize", "done"):
        yield signed(
            f"csr: for an order that is {place}",
            NOT_READY,
            place,
            _payload(lambda b: make_csr("x.localhost")),
        )


def _payload(make: Callable[[Bench], bytes]) -> Callable[[Bench], Any]:
    return lambda bench: {"csr": b64(make(bench))}


def _csr(name: str, make: Callable[[Bench], bytes], refusal: tuple[int, str] = BAD_CSR) -> BadRequest:
    return signed(f"csr: {name}", refusal, "ready", _payload(make))


def _fields() -> Iterator[BadRequest]:
    for name, refusal, payload in (
        ("missing", MALFORMED, {}),
        ("null", MALFORMED, {"csr": None}),
        ("a number", MALFORMED, {"csr": 7}),
        ("a list", MALFORMED, {"csr": []}),
        ("an empty text", MALFORMED, {"csr": ""}),
        ("with padding", BAD_CSR, {"csr": "AA=="}),
        ("in other base64", BAD_CSR, {"csr": "A+/A"}),
        ("PEM", BAD_CSR, {"csr": "-----BEGIN CERTIFICATE REQUEST-----"}),
    ):
        yield signed(f"csr: {name}", refusal, "ready", payload)


def _names() -> Iterator[BadRequest]:
    def named(*names: bytes, subject: tuple[bytes, ...] = ()) -> Callable[[Bench], bytes]:
        return lambda bench: hand_csr(
            subject=subject, extensions=(alternative_names(dns(bench.ready_name.encode()), *names),)
        )

    yield _csr("a name more", lambda b: make_csr(b.ready_name, "more.localhost"))
    yield _csr("another name", lambda b: make_csr("other.localhost"))
    yield _csr("a wildcard of it", lambda b: make_csr(f"*.{b.ready_name}"))
    yield _csr("its parent", lambda b: make_csr("localhost"))
    yield _csr("no names", lambda b: make_csr())
    yield _csr("a common name more", lambda b: make_csr(b.ready_name, common_name="more.localhost"))
    yield _csr("a common name that is no host", lambda b: make_csr(b.ready_name, common_name="Some Person"))
    yield _csr("a common name that is an address", lambda b: make_csr(b.ready_name, common_name="10.0.0.1"))
    yield _csr("an empty alternative name", lambda b: hand_csr(extensions=(alternative_names(),)))
    for name, alternative in (
        ("an e-mail more", der(0x81, b"a@example.com")),
        ("a URI more", der(0x86, b"https://a.example.com/")),
        ("an address more", der(0x87, bytes([10, 0, 0, 1]))),
        ("an address of three octets", der(0x87, bytes([10, 0, 0]))),
        ("an otherName", der(0xA0, oid("2a0304"), der(0xA0, der(0x0C, b"x")))),
        ("a directoryName", der(0xA4, der(0x30))),
        ("a registered id", der(0x88, bytes.fromhex("2a0304"))),
        ("a NUL in a name", dns(b"a\0.localhost")),
        ("an empty name", dns(b"")),
        ("a name that is not ASCII", dns("\u00e4.localhost".encode())),
        ("a name with a dot at its end", dns(b"more.localhost.")),
        ("a name of 300 characters", dns(b"a." * 145 + b"localhost")),
    ):
        yield _csr(name, named(alternative))
    for name, subject in (
        ("two common names", (attribute(0x0C, b"a.localhost"), attribute(0x0C, b"b.localhost"))),
        ("a common name in BMPString", (attribute(0x1E, "a.localhost".encode("utf-16-be")),)),
        ("a common name with a NUL", (attribute(0x0C, b"a\0b"),)),
    ):
        yield _csr(name, named(subject=subject))
    yield _csr(
        "a hundred and one names", lambda b: make_csr(b.ready_name, *(f"a{n}.localhost" for n in range(100)))
    )


def _keys() -> Iterator[BadRequest]:
    weak, curve, other = rsa.generate_private_key(65537, 1024), ec.SECP256K1(), ec.SECP192R1()
    exponent = rsa.generate_private_key(3, 2048)
    yield _csr("RSA of 1024 bits", lambda b: make_csr(b.ready_name, key=weak))
    yield _csr("RSA with the exponent 3", lambda b: make_csr(b.ready_name, key=exponent))
    yield _csr("the curve secp256k1", lambda b: make_csr(b.ready_name, key=ec.generate_private_key(curve)))
    yield _csr("the curve P-192", lambda b: make_csr(b.ready_name, key=ec.generate_private_key(other)))
    yield _csr("the account's key", lambda b: make_csr(b.ready_name, key=b.client.key.private_key))
    yield _csr("the key of another account", lambda b: make_csr(b.ready_name, key=b.other.key.private_key))


def _forms() -> Iterator[BadRequest]:
    def hand(**changes: Any) -> Callable[[Bench], bytes]:
        further = changes.pop("further", ())
        return lambda bench: hand_csr(
            extensions=(alternative_names(dns(bench.ready_name.encode())), *further), **changes
        )

    yield _csr("noise", lambda b: b"hello")
    yield _csr("nothing but a SEQUENCE", lambda b: b"\x30\x00")
    yield _csr("cut off", lambda b: make_csr(b.ready_name)[:-1])
    yield _csr("octets after it", lambda b: make_csr(b.ready_name) + b"\0")
    yield _csr("PEM inside", lambda b: _pem(make_csr(b.ready_name)))
    yield _csr("a certificate", lambda b: b.leaf)
    yield _csr("a public key", lambda b: _spki())
    yield _csr("of thirty kilobytes of zeros", lambda b: bytes(30_000))
    yield _csr("its signature broken", hand(break_signature=True))
    yield _csr("of version 2", hand(version=1))
    yield _csr("signed with SHA-1", hand(digest="sha1"))
    yield _csr("signed with SHA-224", hand(digest="sha224"))
    yield _csr("signed with MD5", hand(digest="md5", key=rsa.generate_private_key(65537, 2048)))
    yield _csr("with another public key inside", hand(public_key=_spki()))
    for name, kind, value in (
        ("the poison of precertificates", POISON, der(0x05)),
        ("a list of timestamps", SCT_LIST, der(0x04, b"")),
        ("must-staple", TLS_FEATURE, der(0x30, der(0x02, b"\x05"))),
        ("name constraints", NAME_CONSTRAINTS, der(0x30)),
    ):
        yield _csr(f"asking for {name}", hand(further=(extension(kind, value),)))


def _spki() -> bytes:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _pem(csr: bytes) -> bytes:
    return x509.load_der_x509_csr(csr).public_bytes(serialization.Encoding.PEM)
