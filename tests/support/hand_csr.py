"""CSRs made byte by byte, so that everything a library refuses to write can be written."""

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

COMMON_NAME = "550403"
_SIGNATURES = {
    ("ec", "sha256"): "2a8648ce3d040302",
    ("ec", "sha1"): "2a8648ce3d0401",
    ("ec", "sha224"): "2a8648ce3d040301",
    ("rsa", "sha256"): "2a864886f70d01010b",
    ("rsa", "sha1"): "2a864886f70d010105",
    ("rsa", "md5"): "2a864886f70d010104",
}
_HASHES: dict[str, Callable[[], Any]] = {
    "sha256": hashes.SHA256,
    "sha224": hashes.SHA224,
    "sha1": hashes.SHA1,
    "md5": hashes.MD5,
}

#: Extension types by name.
SUBJECT_ALTERNATIVE_NAME = "551d11"
BASIC_CONSTRAINTS = "551d13"
EXTENDED_KEY_USAGE = "551d25"
KEY_USAGE = "551d0f"
NAME_CONSTRAINTS = "551d1e"
TLS_FEATURE = "2b06010505070118"
POISON = "2b06010401d679020403"
SCT_LIST = "2b06010401d679020402"


def der(tag: int, *contents: bytes) -> bytes:
    """Return one element."""
    body = b"".join(contents)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def oid(text: str) -> bytes:
    """Return an object identifier from the hex of its content."""
    return der(0x06, bytes.fromhex(text))


def attribute(tag: int, value: bytes, kind: str = COMMON_NAME) -> bytes:
    """Return an RDN with one attribute."""
    return der(0x31, der(0x30, oid(kind), der(tag, value)))


def extension(kind: str, value: bytes) -> bytes:
    """Return an extension."""
    return der(0x30, oid(kind), der(0x04, value))


def alternative_names(*names: bytes) -> bytes:
    """Return a subjectAltName extension of encoded general names."""
    return extension(SUBJECT_ALTERNATIVE_NAME, der(0x30, *names))


def dns(value: bytes) -> bytes:
    """Return a dNSName."""
    return der(0x82, value)


def hand_csr(
    *,
    subject: tuple[bytes, ...] = (),
    extensions: tuple[bytes, ...] = (),
    version: int = 0,
    digest: str = "sha256",
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
    public_key: bytes | None = None,
    break_signature: bool = False,
) -> bytes:
    """Return a CSR in DER, signed by `key`; `public_key` puts another SubjectPublicKeyInfo into it."""
    signing = key or ec.generate_private_key(ec.SECP256R1())
    spki = public_key or signing.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    asked = der(0x30, oid("2a864886f70d01090e"), der(0x31, der(0x30, *extensions))) if extensions else b""
    info = der(0x30, der(0x02, bytes([version])), der(0x30, *subject), spki, der(0xA0, asked))
    signed = b"something else" if break_signature else info
    if isinstance(signing, rsa.RSAPrivateKey):
        family, null = "rsa", der(0x05)
        signature = signing.sign(signed, padding.PKCS1v15(), _HASHES[digest]())
    else:
        family, null = "ec", b""
        signature = signing.sign(signed, ec.ECDSA(_HASHES[digest]()))
    algorithm = der(0x30, oid(_SIGNATURES[family, digest]), null)
    return der(0x30, info, algorithm, der(0x03, b"\x00", signature))
