"""Ciphertexts of ours as text: `kw1:<version>:<base64>`, bound to one key, version and associated data."""

from binascii import b2a_base64
from functools import lru_cache

from ca_service.custody.derivation import canonical
from ca_service.custody.errors import CiphertextRefusedError
from ca_service.custody.symmetric_keys import OVERHEAD, EncryptionKey
from ca_service.kernel.errors import MalformedError
from secrets_core.kms.errors import InputRefusedError
from secrets_core.kms.inputs import MOST_PLAINTEXT, parse_bytes
from secrets_core.kms.keys import KmsKey

_PREFIX = "kw1"
_MOST_DIGITS = 9


def associated_data(key: KmsKey, version: int, aad: bytes) -> bytes:
    """Return what a ciphertext is bound to beside its key."""
    tenant = key.tenant
    return _place(tenant.organization, tenant.project, key.id, version) + canonical(aad)


@lru_cache(maxsize=4096)
def _place(organization: str, project: str, key_id: str, version: int) -> bytes:
    """Return the beginning of a tuple's encoding, which is that of its parts behind one another."""
    return canonical("kms", organization, project, key_id, version)


def write_ciphertext(version: int, ciphertext: bytes) -> str:
    """Return the text of a ciphertext."""
    return f"{_PREFIX}:{version}:{b2a_base64(ciphertext, newline=False).decode('ascii')}"


def parse_ciphertext(text: str) -> tuple[int, bytes]:
    """Return version and bytes of a ciphertext. Raises MalformedError and TooLargeError."""
    prefix, _, rest = text.partition(":")
    digits, colon, encoded = rest.partition(":")
    is_number = digits.isascii() and digits.isdigit() and digits[0] != "0" and len(digits) <= _MOST_DIGITS
    if prefix != _PREFIX or not colon or not is_number:
        raise MalformedError(
            "A ciphertext is the text that encrypt, rewrap or data-key answered: `kw1:<version>:<base64>`.",
            field="ciphertext",
            rule="ciphertext-format",
        )
    return int(digits), parse_bytes(encoded, field="ciphertext", most=MOST_PLAINTEXT + OVERHEAD)


def encrypt(opened: EncryptionKey, key: KmsKey, plaintext: bytes, aad: bytes) -> str:
    """Return the plaintext encrypted by the newest version of a key, which is `opened`."""
    return write_ciphertext(key.version, opened.encrypt(plaintext, associated_data(key, key.version, aad)))


def decrypt(opened: EncryptionKey, key: KmsKey, version: int, ciphertext: bytes, aad: bytes) -> bytes:
    """Return what this version of a key, which is `opened`, encrypted. Raises InputRefusedError."""
    try:
        return opened.decrypt(ciphertext, associated_data(key, version, aad))
    except CiphertextRefusedError:
        raise InputRefusedError(
            f"This does not open under the key {key.name} and this `aad`: it was made by another key or with "
            "another `aad`, or it was changed on its way.",
            field="ciphertext",
            rule="ciphertext",
        ) from None
