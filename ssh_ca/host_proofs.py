"""How a host proves a key: it signs a challenge of ours with `ssh-keygen -Y sign` (openssh PROTOCOL.sshsig).

What is signed also names the verb, the project, the host and what it asks for, so that an answer for one
thing is none for another. A host key signs nothing else under our namespace.
"""

import binascii
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256, sha512

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from ca_service.custody.derivation import MacKey
from ca_service.custody.errors import IntegrityError
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.randomness import Randomness
from ssh_ca.errors import HostUnknownError, WireError
from ssh_ca.public_keys import SubjectKey
from ssh_ca.wire import WireReader, string

#: The `namespace` of a host's signatures.
NAMESPACE = "keywright-ssh-host"
#: How long a challenge can be answered, and how far the clock that made it may be ahead.
LIFETIME = timedelta(minutes=5)
_AHEAD = timedelta(seconds=10)
_TIME, _RANDOM, _TAG = 8, 16, 32
_MAGIC = b"SSHSIG"
_HEAD, _FOOT = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_LONGEST = 8192
_HASHES = {b"sha256": sha256, b"sha512": sha512}


class Challenges:
    """Makes challenges that cost nothing to make: the time, random bits and a MAC over both (S8)."""

    def __init__(self, mac: MacKey, randomness: Randomness) -> None:
        self._mac = mac
        self._randomness = randomness

    def mint(self, now: datetime) -> str:
        """Return a challenge that can be answered for five minutes."""
        body = to_microseconds(now).to_bytes(_TIME, "big") + self._randomness.token_bytes(_RANDOM)
        return urlsafe_b64encode(body + self._mac.tag(body)).decode("ascii").rstrip("=")

    def parse(self, challenge: str, now: datetime) -> datetime:
        """Return when a challenge of ours was made. Raises HostUnknownError."""
        try:
            raw = urlsafe_b64decode(challenge.encode("ascii") + b"=" * (-len(challenge) % 4))
            if len(raw) != _TIME + _RANDOM + _TAG:
                raise HostUnknownError
            self._mac.verify(raw[:-_TAG], raw[-_TAG:])
        except (ValueError, IntegrityError):
            raise HostUnknownError from None
        made_at = from_microseconds(int.from_bytes(raw[:_TIME], "big"))
        if not -_AHEAD <= now - made_at <= LIFETIME:
            raise HostUnknownError
        return made_at


def proof_message(verb: str, project: str, subject: str, challenge: str, *asked: str) -> bytes:
    """Return what a host signs: one line each, and what it asks for behind them. Raises HostUnknownError."""
    lines = ("keywright ssh host proof", verb, project, subject, challenge, *asked)
    if any("\n" in line for line in lines):
        raise HostUnknownError
    return "".join(f"{line}\n" for line in lines).encode()


def verify_proof(key: SubjectKey, message: bytes, armoured: str) -> None:
    """Return if `armoured` is this key's signature of the message. Raises HostUnknownError."""
    try:
        reader = WireReader(_unarmoured(armoured))
        if reader.take(len(_MAGIC)) != _MAGIC or reader.uint32() != 1 or reader.string() != key.blob:
            raise WireError("it is of another key")
        namespace, reserved, hash_name = reader.string(), reader.string(), reader.string()
        signature = reader.string()
        reader.end()
        if namespace != NAMESPACE.encode() or reserved or hash_name not in _HASHES:
            raise WireError("it is for something else")
        signed = _MAGIC + string(namespace) + string(b"") + string(hash_name)
        _verify(key, signed + string(_HASHES[hash_name](message).digest()), signature)
    except (WireError, InvalidSignature):
        raise HostUnknownError from None


def _unarmoured(text: str) -> bytes:
    stripped = text.strip()
    if len(text) > _LONGEST or not stripped.startswith(_HEAD) or not stripped.endswith(_FOOT):
        raise WireError("it is not armoured")
    body = stripped.removeprefix(_HEAD).removesuffix(_FOOT)
    try:
        return b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        raise WireError("it is not base64") from None


def _verify(key: SubjectKey, data: bytes, signature: bytes) -> None:
    reader = WireReader(signature)
    algorithm, value = reader.text(), reader.string()
    reader.end()
    public = load_ssh_public_key(key.line.encode())
    if isinstance(public, rsa.RSAPublicKey):
        chosen = {"rsa-sha2-512": hashes.SHA512(), "rsa-sha2-256": hashes.SHA256()}.get(algorithm)
        if chosen is None:
            raise WireError("it is made with another algorithm")
        public.verify(value, data, padding.PKCS1v15(), chosen)
        return
    if algorithm != key.type:
        raise WireError("it is made with another algorithm")
    if isinstance(public, ed25519.Ed25519PublicKey):
        public.verify(value, data)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        numbers = WireReader(value)
        r, s = numbers.mpint(), numbers.mpint()
        numbers.end()
        public.verify(encode_dss_signature(r, s), data, ec.ECDSA(_CURVE_HASHES[algorithm]))
    else:
        raise WireError("it is of a type that hosts do not have")


#: RFC 5656 section 6.2.1.
_CURVE_HASHES: dict[str, hashes.HashAlgorithm] = {
    "ecdsa-sha2-nistp256": hashes.SHA256(),
    "ecdsa-sha2-nistp384": hashes.SHA384(),
    "ecdsa-sha2-nistp521": hashes.SHA512(),
}
