"""Reads and verifies OpenSSH certificates, ours and what others send (openssh PROTOCOL.certkeys); strict."""

import binascii
from base64 import b64decode, b64encode
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

from ca_service.custody.withheld_keys import PublicKey
from ca_service.kernel.clock import from_microseconds
from ssh_ca.certificates import CertificateContent, CertificateType
from ssh_ca.errors import UnreadableCertificateError, WireError
from ssh_ca.public_keys import KEY_TYPES, parse_blob
from ssh_ca.signatures import load_public_key, public_key_blob, verify_signature
from ssh_ca.wire import WireReader, string

_VERSION = "-cert-v01"
_OPENSSH = "@openssh.com"
#: More than a certificate with 256 of the longest principals.
_LONGEST_LINE = 131_072
TYPE_NUMBERS = {CertificateType.USER: 1, CertificateType.HOST: 2}
_TYPES_BY_NUMBER = {number: kind for kind, number in TYPE_NUMBERS.items()}


def certificate_type_name(key_type: str) -> str:
    """Return the type of a certificate over a key: `ssh-ed25519` gives `ssh-ed25519-cert-v01@openssh.com`."""
    return key_type.removesuffix(_OPENSSH) + _VERSION + _OPENSSH


_KEY_TYPE_OF = {certificate_type_name(key_type): key_type for key_type in KEY_TYPES}
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


class ReceivedCertificate(Struct, frozen=True):
    """A certificate that somebody sent. Its signature by `authority_key`, a wire blob, was verified."""

    content: CertificateContent
    authority_key: bytes


def parse_certificate(line: str, *, field: str = "certificate") -> ReceivedCertificate:
    """Return the certificate of one line `type base64 [comment]`, as in an `id_ed25519-cert.pub`.

    Whoever signed it: compare `authority_key`. Raises UnreadableCertificateError; a key in it that is not
    certified is a PublicKeyRefusedError.
    """
    words = line.strip(" \t\r\n").replace("\t", " ").split(" ", 2) if len(line) <= _LONGEST_LINE else []
    if len(words) < 2 or words[0] not in _KEY_TYPE_OF or "\n" in line.strip():
        raise _unreadable("it is not one line of a type …-cert-v01@openssh.com and base64", field)
    try:
        blob = b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable("its second word is not base64", field) from None
    if b64encode(blob).decode("ascii") != words[1]:
        raise _unreadable("its base64 is not written in the usual way", field)
    try:
        if WireReader(blob).text() != words[0]:
            raise WireError("the type inside is not the one in front")
        return _read_received(blob)
    except WireError as error:
        raise _unreadable(str(error), field) from None


def read_certificate(certificate: bytes, authority_key: PublicKey) -> CertificateContent:
    """Return what a certificate says, once its signature by `authority_key` is verified. Raises WireError."""
    content, signed_by, unsigned, signature = _read(certificate)
    if signed_by != public_key_blob(authority_key):
        raise WireError("it is signed by another authority")
    verify_signature(authority_key, unsigned, signature)
    return content


def _read_received(certificate: bytes) -> ReceivedCertificate:
    content, signed_by, unsigned, signature = _read(certificate)
    if not content.principals:
        raise WireError("it has no principals, so that older versions of sshd take it for all of them")
    verify_signature(load_public_key(signed_by), unsigned, signature, takes_sha256=True)
    return ReceivedCertificate(content, signed_by)


def _read(certificate: bytes) -> tuple[CertificateContent, bytes, bytes, bytes]:
    """Return content, the key of the authority, what was signed, and the signature."""
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
    signed_by = reader.string()
    unsigned = certificate[: reader.offset]
    signature = reader.string()
    reader.end()
    return content, signed_by, unsigned, signature


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


def _unreadable(why: str, field: str) -> UnreadableCertificateError:
    return UnreadableCertificateError(
        f"This is not a certificate in OpenSSH's format: {why}. Send the one line of a file like "
        "id_ed25519-cert.pub.",
        field=field,
        rule="certificate",
    )
