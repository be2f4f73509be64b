"""The recovery code: 24 words that open the root key when its usual place is lost (S13).

A code is 256 random bits and an 8-bit checksum (the first byte of their SHA-256), 11 bits to a word, as in
BIP-39. The 2048 words are ours and follow a rule, so that no list is needed to read them: consonant, vowel,
consonant, vowel, taken from the four alphabets below. The code is shown once and written nowhere; the
database keeps only the root key wrapped under it.
"""

from hashlib import sha256

from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)

from ca_service.custody import storage
from ca_service.custody.derivation import KEY_SIZE, derive
from ca_service.custody.errors import IntegrityError, RecoveryCodeError
from ca_service.custody.root_key import RootKey
from ca_service.database.port import Database, Transaction
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue

WORDS = 24

_FIRST = "bdfghjklmnprstvz"  # 4 bits
_SECOND = "aiou"  # 2 bits; no e, which sounds like i
_THIRD = "bdgklmrs"  # 3 bits
_FOURTH = "aiou"  # 2 bits
_WORD_BITS = 11
_CHECKSUM_BITS = 8


def word(number: int) -> str:
    """Return the word for a number below 2048."""
    return _FIRST[number >> 7] + _SECOND[number >> 5 & 3] + _THIRD[number >> 2 & 7] + _FOURTH[number & 3]


def _number_of(text: str) -> int | None:
    """Return the number below 2048 whose word this is, or None."""
    if len(text) != 4:
        return None
    places = [letters.find(text[at]) for at, letters in enumerate((_FIRST, _SECOND, _THIRD, _FOURTH))]
    if -1 in places:
        return None
    return places[0] << 7 | places[1] << 5 | places[2] << 2 | places[3]


def make_recovery_code(randomness: Randomness) -> SecretValue[str]:
    """Return a new code: 24 words with blanks between them. It opens nothing until it is stored."""
    return SecretValue(_words_of(randomness.token_bytes(KEY_SIZE)))


async def store_recovery(database: Database, root: RootKey, code: SecretValue[str]) -> None:
    """Keep the root key wrapped under this code, in place of the code before it."""
    wrapped = aes_key_wrap_with_padding(_wrapping_key(code), root.reveal().reveal())

    async def keep(transaction: Transaction) -> None:
        now = to_microseconds(transaction.now)
        await storage.replace_slot(transaction, storage.RECOVERY_SLOT, wrapped, now)

    await database.begin(keep)


async def has_recovery(database: Database) -> bool:
    """Tell whether a recovery code exists; until then every start says so."""
    return await storage.find_slot(database, storage.RECOVERY_SLOT) is not None


async def open_with_recovery(database: Database, code: SecretValue[str]) -> RootKey:
    """Return the root key of this database.

    Raises RecoveryCodeError if the code has a typing error, belongs to another database, or none was made.
    """
    wrapping_key = _wrapping_key(code)
    wrapped = await storage.find_slot(database, storage.RECOVERY_SLOT)
    known = await storage.find_root(database)
    if wrapped is None or known is None:
        raise RecoveryCodeError("This database has no recovery code: bring the root key itself.")
    try:
        root = RootKey(SecretValue(aes_key_unwrap_with_padding(wrapping_key, wrapped)))
        root.verify(known[1])
    except (InvalidUnwrap, IntegrityError):
        raise RecoveryCodeError(
            "The recovery code is well formed but does not open this database: an earlier code, or another "
            "database's?"
        ) from None
    return root


def _words_of(secret: bytes) -> str:
    number = int.from_bytes(secret + sha256(secret).digest()[:1], "big")
    shifts = range(_WORD_BITS * (WORDS - 1), -1, -_WORD_BITS)
    return " ".join(word(number >> shift & (1 << _WORD_BITS) - 1) for shift in shifts)


def _wrapping_key(code: SecretValue[str]) -> bytes:
    return derive(_parse_code(code), "recovery slot")


def _parse_code(code: SecretValue[str]) -> bytes:
    words = code.reveal().lower().replace("-", " ").split()
    if len(words) != WORDS:
        raise RecoveryCodeError(f"A recovery code has {WORDS} words, this one has {len(words)}.")
    number = 0
    for position, text in enumerate(words, start=1):
        following = _number_of(text)
        if following is None:
            raise RecoveryCodeError(f"Word {position} of the recovery code is none of its words; check it.")
        number = number << _WORD_BITS | following
    secret = (number >> _CHECKSUM_BITS).to_bytes(KEY_SIZE, "big")
    if sha256(secret).digest()[0] != number & 0xFF:
        raise RecoveryCodeError("A word of the recovery code is wrong or out of place: the check fails.")
    return secret
