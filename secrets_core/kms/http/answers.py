"""The JSON of what keys made. Bytes are written in base64 (RFC 4648 section 4)."""

from msgspec import UNSET, Struct, UnsetType

from secrets_core.kms import operations as made


class CiphertextBody(Struct, frozen=True):
    """A ciphertext, and the version of the key that made it."""

    ciphertext: str
    version: int


class PlaintextAnswerBody(Struct, frozen=True):
    """What was encrypted."""

    plaintext: bytes
    version: int


class DataKeyBody(Struct, frozen=True, kw_only=True):
    """A data key; the plaintext is left out where only the wrapped key was asked for."""

    plaintext: bytes | UnsetType = UNSET
    ciphertext: str
    version: int


class SignatureBody(Struct, frozen=True):
    """A signature: ECDSA in DER, the others as their standards write them."""

    signature: bytes
    version: int
    signature_algorithm: str


class HmacAnswerBody(Struct, frozen=True):
    """An HMAC-SHA256."""

    hmac: bytes
    version: int


class VerdictBody(Struct, frozen=True):
    """Whether a signature or an HMAC is the key's, by this version of it."""

    valid: bool
    version: int


class RandomAnswerBody(Struct, frozen=True):
    """Random bytes."""

    random: bytes


def ciphertext_body(item: made.MadeCiphertext) -> CiphertextBody:
    """Return a ciphertext as it is shown."""
    return CiphertextBody(item.ciphertext, item.version)


def plaintext_body(item: made.OpenedPlaintext) -> PlaintextAnswerBody:
    """Return a plaintext for who asked for it."""
    return PlaintextAnswerBody(item.plaintext.reveal(), item.version)


def data_key_body(item: made.MadeDataKey) -> DataKeyBody:
    """Return a data key for who asked for it."""
    plaintext = UNSET if item.plaintext is None else item.plaintext.reveal()
    return DataKeyBody(plaintext=plaintext, ciphertext=item.ciphertext, version=item.version)


def signature_body(item: made.MadeSignature) -> SignatureBody:
    """Return a signature as it is shown."""
    return SignatureBody(item.signature, item.version, item.signature_algorithm.value)


def hmac_body(item: made.MadeTag) -> HmacAnswerBody:
    """Return a tag as it is shown."""
    return HmacAnswerBody(item.hmac, item.version)


def verdict_body(item: made.Verdict) -> VerdictBody:
    """Return a verdict as it is shown."""
    return VerdictBody(item.valid, item.version)


def random_body(item: made.MadeRandom) -> RandomAnswerBody:
    """Return random bytes for who asked for them."""
    return RandomAnswerBody(item.data.reveal())
