"""The JSON of what keys are used for. Bytes are base64 (RFC 4648 section 4).

Each body has the members of its item for one, or `items` for a batch of at most 500.
"""

from msgspec import UNSET, Struct, UnsetType

from ca_service.kernel.secret_value import SecretValue
from secrets_core.kms import operations as asked


class PlaintextBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes to encrypt, at most 64 KiB."""

    plaintext: str
    aad: str = ""


class EncryptBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Encrypt."""

    plaintext: str | UnsetType = UNSET
    aad: str | UnsetType = UNSET
    items: tuple[PlaintextBody, ...] | UnsetType = UNSET


class CiphertextItemBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ciphertext of ours, and the `aad` it was made with."""

    ciphertext: str
    aad: str = ""


class DecryptBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Decrypt, or rewrap."""

    ciphertext: str | UnsetType = UNSET
    aad: str | UnsetType = UNSET
    items: tuple[CiphertextItemBody, ...] | UnsetType = UNSET


class DataKeyItemBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A data key of 128, 256 or 512 bits; `wrapped_only` leaves its plaintext out."""

    bits: int = 256
    aad: str = ""
    wrapped_only: bool = False


class CreateDataKeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make data keys."""

    bits: int | UnsetType = UNSET
    aad: str | UnsetType = UNSET
    wrapped_only: bool | UnsetType = UNSET
    items: tuple[DataKeyItemBody, ...] | UnsetType = UNSET


class SignItemBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message of at most 64 KiB, or its digest."""

    message: str | None = None
    digest: str | None = None
    signature_algorithm: str | None = None


class SignBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sign."""

    message: str | UnsetType = UNSET
    digest: str | UnsetType = UNSET
    signature_algorithm: str | UnsetType = UNSET
    items: tuple[SignItemBody, ...] | UnsetType = UNSET


class SignatureItemBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signature over a message or its digest, by the newest version or the one that is named."""

    signature: str
    message: str | None = None
    digest: str | None = None
    signature_algorithm: str | None = None
    version: int | None = None


class VerifyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Verify signatures."""

    signature: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    digest: str | UnsetType = UNSET
    signature_algorithm: str | UnsetType = UNSET
    version: int | UnsetType = UNSET
    items: tuple[SignatureItemBody, ...] | UnsetType = UNSET


class MessageBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message of at most 64 KiB."""

    message: str


class HmacBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make HMACs."""

    message: str | UnsetType = UNSET
    items: tuple[MessageBody, ...] | UnsetType = UNSET


class HmacItemBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An HMAC and its message, by the newest version or the one that is named."""

    message: str
    hmac: str
    version: int | None = None


class VerifyHmacBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Verify HMACs."""

    message: str | UnsetType = UNSET
    hmac: str | UnsetType = UNSET
    version: int | UnsetType = UNSET
    items: tuple[HmacItemBody, ...] | UnsetType = UNSET


class SizeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many random bytes, at most 1,024."""

    bytes: int


class RandomBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Draw random bytes."""

    bytes: int | UnsetType = UNSET
    items: tuple[SizeBody, ...] | UnsetType = UNSET


def plaintext_asked(item: PlaintextBody) -> asked.PlaintextItem:
    """Return the item that a body asks for."""
    return asked.PlaintextItem(plaintext=SecretValue(item.plaintext), aad=item.aad)


def ciphertext_asked(item: CiphertextItemBody) -> asked.CiphertextItem:
    """Return the item that a body asks for."""
    return asked.CiphertextItem(ciphertext=item.ciphertext, aad=item.aad)


def data_key_asked(item: DataKeyItemBody) -> asked.DataKeyItem:
    """Return the item that a body asks for."""
    return asked.DataKeyItem(bits=item.bits, aad=item.aad, wrapped_only=item.wrapped_only)


def signing_asked(item: SignItemBody) -> asked.SignItem:
    """Return the item that a body asks for."""
    return asked.SignItem(
        message=_secret(item.message),
        digest=item.digest,
        signature_algorithm=item.signature_algorithm,
    )


def signature_asked(item: SignatureItemBody) -> asked.SignatureItem:
    """Return the item that a body asks for."""
    return asked.SignatureItem(
        signature=item.signature,
        message=_secret(item.message),
        digest=item.digest,
        signature_algorithm=item.signature_algorithm,
        version=item.version,
    )


def message_asked(item: MessageBody) -> asked.MessageItem:
    """Return the item that a body asks for."""
    return asked.MessageItem(message=SecretValue(item.message))


def tag_asked(item: HmacItemBody) -> asked.TagItem:
    """Return the item that a body asks for."""
    return asked.TagItem(message=SecretValue(item.message), hmac=item.hmac, version=item.version)


def random_asked(item: SizeBody) -> asked.RandomItem:
    """Return the item that a body asks for."""
    return asked.RandomItem(bytes=item.bytes)


def _secret(text: str | None) -> SecretValue[str] | None:
    return None if text is None else SecretValue(text)
