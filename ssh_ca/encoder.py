"""Writes, signs, reads and verifies OpenSSH certificates (openssh PROTOCOL.certkeys).

Our own, because no library does all of it: FIDO subjects, `verify-required`, sorted options, any signer. What
was signed is read back with the decoder below and verified before it goes anywhere.
"""

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from ca_service.custody.signers import Signer
from ca_service.custody.withheld_keys import PublicKey
from ca_service.kernel.clock import from_microseconds
from ca_service.kernel.errors import KeywrightError
from ssh_ca.certificates import CertificateContent, CertificateType
from ssh_ca.errors import CertificateDefectError, WireError
from ssh_ca.public_keys import KEY_TYPES, parse_blob
from ssh_ca.wire import WireReader, mpint, string, uint32, uint64

_VERSION = "-cert-v01"
_OPENSSH = "@openssh.com"
_TYPE_NUMBERS = {CertificateType.USER: 1, CertificateType.HOST: 2}
_TYPES_BY_NUMBER = {number: kind for kind, number in _TYPE_NUMBERS.items()}
_CURVES: Mapping[str, tuple[str, hashes.HashAlgorithm]] = {
    "secp256r1": ("nistp256", hashes.SHA256()),
    "secp384r1": ("nistp384", hashes.SHA384()),
    "secp521r1": ("nistp521", hashes.SHA512()),
}


def certificate_type_name(key_type: str) -> str:
    """Return the type of a certificate over a key: `ssh-ed25519` gives `ssh-ed25519-cert-v01@openssh.com`."""
    return key_type.removesuffix(_OPENSSH) + _VERSION + _OPENSSH


_KEY_TYPE_OF = {certificate_type_name(key_type): key_type for key_type in KEY_TYPES}


def public_key_blob(key: PublicKey) -> bytes:
    """Return an authority's public key in wire format (RFC 4253 section 6.6, RFC 5656, RFC 8709)."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return string(b"ssh-ed25519") + string(key.public_bytes_raw())
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return string(b"ssh-rsa") + mpint(numbers.e) + mpint(numbers.n)
    name, _ = _CURVES[key.curve.name]
    point = key.public_numbers()
    size = (key.curve.key_size + 7) // 8
    encoded = b"\x04" + point.x.to_bytes(size, "big") + point.y.to_bytes(size, "big")
    return string(f"ecdsa-sha2-{name}".encode()) + string(name.encode()) + string(encoded)


def public_key_line(blob: bytes, comment: str) -> str:
    """Return a public key as one line for `TrustedUserCAKeys` or `known_hosts`, without a line end."""
    return f"{WireReader(blob).text()} {b64encode(blob).decode('ascii')} {comment}"


def certificate_line(blob: bytes) -> str:
    """Return a certificate as one line, as in an `id_ed25519-cert.pub`."""
    return f"{WireReader(blob).text()} {b64encode(blob).decode('ascii')}"


def sign_certificate(
    content: CertificateContent, signer: Signer, authority_key: bytes, nonce: bytes
) -> bytes:
    """Return the signed certificate in wire format, read back and verified.

    `nonce` is 32 random bytes. RSA authorities sign with rsa-sha2-512. Raises CertificateDefectError if the
    result does not read back as `content`.
    """
    unsigned = _unsigned(content, authority_key, nonce)
    certificate = unsigned + string(signature_over(signer, unsigned))
    try:
        found = read_certificate(certificate, signer.public_key)
    except (WireError, KeywrightError) as error:
        raise CertificateDefectError(f"a certificate of ours cannot be read back: {error}") from error
    if found != content:
        raise CertificateDefectError("a certificate of ours says something else than it should")
    return certificate


def read_certificate(certificate: bytes, authority_key: PublicKey) -> CertificateContent:
    """Return what a certificate says, once its signature by `authority_key` is verified. Raises WireError."""
    reader = WireReader(certificate)
    name = reader.text()
    key_type = _KEY_TYPE_OF.get(name)
    if key_type is None:
        raise WireError("it is not a certificate of a known type")
    reader.string()  # the nonce
    start = reader.offset
    for _ in range(_FIELD_COUNT[key_type]):
        reader.string()
    fields = certificate[start : reader.offset]
    content = CertificateContent(
        subject_key=parse_blob(string(key_type.encode()) + fields, declared=key_type),
        serial_number=reader.uint64(),
        type=_read_type(reader),
        key_id=reader.text(),
        principals=_read_principals(reader.string()),
        valid_after=_moment(reader.uint64()),
        valid_before=_moment(reader.uint64()),
        critical_options=dict(_read_options(reader.string())),
        extensions=dict(_read_options(reader.string())),
    )
    if reader.string():
        raise WireError("its reserved field is not empty")
    if reader.string() != public_key_blob(authority_key):
        raise WireError("it is signed by another authority")
    unsigned = certificate[: reader.offset]
    signature = reader.string()
    reader.end()
    _verify(authority_key, unsigned, signature)
    return content


#: How many strings a key of each type consists of; an mpint is one too.
_FIELD_COUNT = {
    "ssh-ed25519": 1,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "ssh-rsa": 2,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}


def _unsigned(content: CertificateContent, authority_key: bytes, nonce: bytes) -> bytes:
    key = content.subject_key
    return b"".join(
        (
            string(certificate_type_name(key.type).encode()),
            string(nonce),
            key.fields,
            uint64(content.serial_number),
            uint32(_TYPE_NUMBERS[content.type]),
            string(content.key_id.encode()),
            string(b"".join(string(principal.encode()) for principal in content.principals)),
            uint64(int(content.valid_after.timestamp())),
            uint64(int(content.valid_before.timestamp())),
            string(_options(tuple(content.critical_options.items()))),
            string(_options(tuple(content.extensions.items()))),
            string(b""),
            string(authority_key),
        )
    )


@lru_cache(maxsize=256)
def _options(options: tuple[tuple[str, str], ...]) -> bytes:
    """Return options sorted by the bytes of their names, each value a string inside its string."""
    encoded = sorted((name.encode(), value.encode()) for name, value in options)
    return b"".join(string(name) + string(string(value) if value else b"") for name, value in encoded)


def signature_over(signer: Signer, data: bytes) -> bytes:
    """Return a signature in wire format (RFC 4253 section 6.6, RFC 8332, RFC 5656); RSA is rsa-sha2-512."""
    key = signer.public_key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return string(b"ssh-ed25519") + string(signer.sign(data))
    if isinstance(key, rsa.RSAPublicKey):
        return string(b"rsa-sha2-512") + string(signer.sign(data, "sha512"))
    name, _ = _CURVES[key.curve.name]
    r, s = decode_dss_signature(signer.sign(data))
    return string(f"ecdsa-sha2-{name}".encode()) + string(mpint(r) + mpint(s))


def _verify(key: PublicKey, data: bytes, signature: bytes) -> None:
    reader = WireReader(signature)
    algorithm, value = reader.text(), reader.string()
    reader.end()
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            _expect(algorithm, "ssh-ed25519")
            key.verify(value, data)
        elif isinstance(key, rsa.RSAPublicKey):
            _expect(algorithm, "rsa-sha2-512")
            key.verify(value, data, padding.PKCS1v15(), hashes.SHA512())
        else:
            name, hash_algorithm = _CURVES[key.curve.name]
            _expect(algorithm, f"ecdsa-sha2-{name}")
            numbers = WireReader(value)
            r, s = numbers.mpint(), numbers.mpint()
            numbers.end()
            key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hash_algorithm))
    except InvalidSignature:
        raise WireError("its signature is wrong") from None


def _expect(algorithm: str, expected: str) -> None:
    if algorithm != expected:
        raise WireError(f"it is signed with {algorithm}")


def _read_type(reader: WireReader) -> CertificateType:
    kind = _TYPES_BY_NUMBER.get(reader.uint32())
    if kind is None:
        raise WireError("it is neither of a user nor of a host")
    return kind


def _read_principals(packed: bytes) -> tuple[str, ...]:
    reader = WireReader(packed)
    principals = []
    while not reader.is_at_end:
        principals.append(reader.text())
    return tuple(principals)


@lru_cache(maxsize=256)
def _read_options(packed: bytes) -> tuple[tuple[str, str], ...]:
    """Return names and values. Profiles have few sets of options, and each is read for every certificate."""
    reader = WireReader(packed)
    options: dict[str, str] = {}
    last = ""
    while not reader.is_at_end:
        name, value = reader.text(), WireReader(reader.string())
        if name.encode() <= last.encode():
            raise WireError("its options are not sorted, or one stands twice")
        last = name
        options[name] = "" if value.is_at_end else value.text()
        value.end()
    return tuple(options.items())


def _moment(seconds: int) -> datetime:
    try:
        return from_microseconds(seconds * 1_000_000)
    except OverflowError:
        raise WireError("a time in it is beyond our calendar") from None
