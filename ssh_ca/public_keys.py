"""Subject keys: a strict reader of one public key line in OpenSSH's format.

The two FIDO types are read here too: libraries drop their application string and would certify another key.
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from ssh_ca.errors import PublicKeyRefusedError, UnreadablePublicKeyError, WireError
from ssh_ca.wire import WireReader

#: More than the longest key we take (RSA 8192: 1.4 kB in base64) with a generous comment.
_LONGEST_LINE = 4096
#: The sizes of RSA keys that are certified at all; a profile may ask for more.
RSA_BITS = range(2048, 8193)
_LONGEST_APPLICATION = 255
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TYPE = re.compile(r"(?:ssh|ecdsa|sk)-[a-z0-9@.-]{1,60}")


class SubjectKey(Struct, frozen=True):
    """A public key that may be certified. `fields` are its blob without the type in front of it."""

    type: str
    blob: bytes
    fields: bytes

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint as OpenSSH prints it: `SHA256:…`."""
        return fingerprint_of(self.blob)

    @property
    def is_fido(self) -> bool:
        """Tell a key that lives in a FIDO token."""
        return self.type.startswith("sk-")

    @property
    def rsa_bits(self) -> int | None:
        """Return the size of an RSA key; None for another."""
        if self.type != "ssh-rsa":
            return None
        reader = WireReader(self.fields)
        reader.mpint()
        return reader.mpint().bit_length()

    @property
    def line(self) -> str:
        """Return the key as one line without a comment."""
        return f"{self.type} {b64encode(self.blob).decode('ascii')}"


def fingerprint_of(blob: bytes) -> str:
    """Return the SHA-256 fingerprint of a key blob as OpenSSH prints it."""
    return "SHA256:" + b64encode(sha256(blob).digest()).decode("ascii").rstrip("=")


def parse_public_key(line: str, *, field: str = "public_key") -> SubjectKey:
    """Return the key of one line `type base64 [comment]`, as in an `id_ed25519.pub`.

    Raises UnreadablePublicKeyError for anything else, PublicKeyRefusedError for a key of a type, size or
    curve that is not certified.
    """
    kind, encoded = _split(line, field)
    if kind not in _READERS:
        raise _refused_type(kind, field)
    try:
        blob = b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable("its second word is not base64", field) from None
    if b64encode(blob).decode("ascii") != encoded:
        raise _unreadable("its base64 is not written in the usual way", field)
    return parse_blob(blob, declared=kind, field=field)


def parse_blob(blob: bytes, *, declared: str, field: str = "public_key") -> SubjectKey:
    """Return the key of a wire blob whose type must be the declared one."""
    reader = WireReader(blob)
    try:
        if reader.string() != declared.encode():
            raise WireError("the type inside is not the one in front")
        fields = blob[reader.offset :]
        _READERS[declared](reader, field)
        reader.end()
    except WireError as error:
        raise _unreadable(str(error), field) from None
    return SubjectKey(declared, blob, fields)


def _split(line: str, field: str) -> tuple[str, str]:
    if len(line) > _LONGEST_LINE:
        raise _unreadable(f"it is longer than {_LONGEST_LINE} characters", field)
    if "PRIVATE KEY" in line:
        raise _unreadable("this is a private key, which should never be sent to anybody", field)
    text = line.strip(" \t\r\n")
    if "\n" in text or "\r" in text:
        raise _unreadable("it has more than one line", field)
    if _CONTROL.search(text.replace("\t", " ")):
        raise _unreadable("it has control characters", field)
    words = text.replace("\t", " ").split(" ", 2)
    if len(words) < 2 or not _TYPE.fullmatch(words[0]):
        raise _unreadable("it does not begin with a key type and base64", field)
    return words[0], words[1]


def _read_ed25519(reader: WireReader, field: str) -> None:
    del field
    if len(reader.string()) != 32:
        raise WireError("an Ed25519 key has 32 bytes")


def _read_fido_ed25519(reader: WireReader, field: str) -> None:
    _read_ed25519(reader, field)
    _read_application(reader)


def _read_rsa(reader: WireReader, field: str) -> None:
    exponent, modulus = reader.mpint(), reader.mpint()
    bits = modulus.bit_length()
    if bits not in RSA_BITS:
        raise PublicKeyRefusedError(
            f"This RSA key has {bits} bits; 2048 to 8192 are certified. Make "
            "another with `ssh-keygen -t ed25519`.",
            field=field,
            rule="key-size",
        )
    if exponent < 3 or not exponent & 1 or exponent.bit_length() > 32 or not modulus & 1:
        raise PublicKeyRefusedError(
            "This RSA key is broken or unusual: its numbers must be odd and its exponent from 3 to 32 bits.",
            field=field,
            rule="key-numbers",
        )


def _ecdsa_reader(name: str, curve: ec.EllipticCurve) -> Callable[[WireReader, str], None]:
    size = 1 + 2 * ((curve.key_size + 7) // 8)

    def read(reader: WireReader, field: str) -> None:
        if reader.string() != name.encode():
            raise WireError("the curve inside is not the one of its type")
        point = reader.string()
        if len(point) != size or point[0] != 4:
            raise WireError("its point is not written in full")
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
        except ValueError:
            raise PublicKeyRefusedError(
                "The point of this key is not on its curve.", field=field, rule="key-point"
            ) from None

    return read


_read_p256 = _ecdsa_reader("nistp256", ec.SECP256R1())


def _read_fido_p256(reader: WireReader, field: str) -> None:
    _read_p256(reader, field)
    _read_application(reader)


def _read_application(reader: WireReader) -> None:
    application = reader.text()
    if not application or len(application) > _LONGEST_APPLICATION or _CONTROL.search(application):
        raise WireError("its FIDO application is empty, too long or has control characters")


_READERS: Mapping[str, Callable[[WireReader, str], None]] = {
    "ssh-ed25519": _read_ed25519,
    "ecdsa-sha2-nistp256": _read_p256,
    "ecdsa-sha2-nistp384": _ecdsa_reader("nistp384", ec.SECP384R1()),
    "ecdsa-sha2-nistp521": _ecdsa_reader("nistp521", ec.SECP521R1()),
    "ssh-rsa": _read_rsa,
    "sk-ssh-ed25519@openssh.com": _read_fido_ed25519,
    "sk-ecdsa-sha2-nistp256@openssh.com": _read_fido_p256,
}
KEY_TYPES = frozenset(_READERS)


def _unreadable(why: str, field: str) -> UnreadablePublicKeyError:
    return UnreadablePublicKeyError(
        f"This is not a public key in OpenSSH's format: {why}. Send the one line of a file "
        "like id_ed25519.pub.",
        field=field,
        rule="public-key",
    )


def _refused_type(kind: str, field: str) -> PublicKeyRefusedError:
    what = "This is a certificate; send the public key under it." if "-cert-v0" in kind else (
        f"Keys of type {kind} are not certified."
    )  # fmt: skip
    return PublicKeyRefusedError(
        f"{what} Types: {', '.join(sorted(KEY_TYPES))}.", field=field, rule="key-type"
    )
