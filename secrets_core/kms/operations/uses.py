"""What can be asked of keys: each operation takes one item or a batch of them, and answers in their order.

Bytes are asked for in base64 (RFC 4648 section 4), as the wire has them: a bad one fails its item alone.
`is_batch` says that every item fails by itself; without it the failure of the one item is the operation's.
"""

from typing import ClassVar, Generic, TypeVar

from msgspec import Struct

from ca_service.custody.raw_signatures import SignatureAlgorithm
from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.errors import KeywrightError
from ca_service.kernel.secret_value import SecretValue

T = TypeVar("T")
Text = SecretValue[str]


class Results(Struct, Generic[T], frozen=True):
    """The answers of items in their order; an error stands in the place of one that failed."""

    items: tuple[T | KeywrightError, ...]


class PlaintextItem(Struct, frozen=True, kw_only=True):
    """Bytes to encrypt beside associated data."""

    plaintext: Text
    aad: str = ""


class CiphertextItem(Struct, frozen=True, kw_only=True):
    """A ciphertext of ours (`kw1:…`) to open beside the associated data it was made with."""

    ciphertext: str
    aad: str = ""


class DataKeyItem(Struct, frozen=True, kw_only=True):
    """A fresh key to encrypt with elsewhere; with `wrapped_only` its plaintext stays here."""

    bits: int = 256
    aad: str = ""
    wrapped_only: bool = False


class SignItem(Struct, frozen=True, kw_only=True):
    """A message or its digest to sign; without a scheme the key's first."""

    message: Text | None = None
    digest: str | None = None
    signature_algorithm: str | None = None


class SignatureItem(Struct, frozen=True, kw_only=True):
    """A signature over a message or its digest; without a version the key's newest."""

    signature: str
    message: Text | None = None
    digest: str | None = None
    signature_algorithm: str | None = None
    version: int | None = None


class MessageItem(Struct, frozen=True, kw_only=True):
    """A message to tag."""

    message: Text


class TagItem(Struct, frozen=True, kw_only=True):
    """A tag and its message; without a version the key's newest."""

    message: Text
    hmac: str
    version: int | None = None


class RandomItem(Struct, frozen=True, kw_only=True):
    """How many random bytes."""

    bytes: int


class MadeCiphertext(Struct, frozen=True):
    """A ciphertext of ours, and the version that made it."""

    ciphertext: str
    version: int


class OpenedPlaintext(Struct, frozen=True):
    """What was encrypted, and the version that had encrypted it."""

    plaintext: SecretValue[bytes]
    version: int


class MadeDataKey(Struct, frozen=True):
    """A fresh key encrypted, and in the clear unless only the wrapped one was asked for."""

    plaintext: SecretValue[bytes] | None
    ciphertext: str
    version: int


class MadeSignature(Struct, frozen=True):
    """A signature, and how it was made."""

    signature: bytes
    version: int
    signature_algorithm: SignatureAlgorithm


class MadeTag(Struct, frozen=True):
    """An HMAC, and the version that made it."""

    hmac: bytes
    version: int


class Verdict(Struct, frozen=True):
    """Whether a signature or tag is the key's."""

    valid: bool
    version: int


class MadeRandom(Struct, frozen=True):
    """Random bytes."""

    data: SecretValue[bytes]


class EncryptWithKmsKey(ProjectOperation[Results[MadeCiphertext]], frozen=True, kw_only=True):
    """Encrypt under the newest version of a key."""

    action: ClassVar[str] = "kms:encrypt"
    reads: ClassVar[bool] = True

    key: str
    items: tuple[PlaintextItem, ...]
    is_batch: bool = False


class DecryptWithKmsKey(ProjectOperation[Results[OpenedPlaintext]], frozen=True, kw_only=True):
    """Decrypt what a version of a key encrypted."""

    action: ClassVar[str] = "kms:decrypt"
    reads: ClassVar[bool] = True
    reveals: ClassVar[bool] = True

    key: str
    items: tuple[CiphertextItem, ...]
    is_batch: bool = False


class RewrapWithKmsKey(ProjectOperation[Results[MadeCiphertext]], frozen=True, kw_only=True):
    """Encrypt anew under the newest version, without showing the plaintext."""

    action: ClassVar[str] = "kms:rewrap"
    reads: ClassVar[bool] = True
    reveals: ClassVar[bool] = True

    key: str
    items: tuple[CiphertextItem, ...]
    is_batch: bool = False


class CreateDataKeys(ProjectOperation[Results[MadeDataKey]], frozen=True, kw_only=True):
    """Make keys to encrypt with elsewhere; nothing of them is kept here."""

    action: ClassVar[str] = "kms:data-key"
    reads: ClassVar[bool] = True
    reveals: ClassVar[bool] = True

    key: str
    items: tuple[DataKeyItem, ...]
    is_batch: bool = False


class SignWithKmsKey(ProjectOperation[Results[MadeSignature]], frozen=True, kw_only=True):
    """Sign by the newest version of a key."""

    action: ClassVar[str] = "kms:sign"
    reads: ClassVar[bool] = True
    reveals: ClassVar[bool] = True

    key: str
    items: tuple[SignItem, ...]
    is_batch: bool = False


class VerifyWithKmsKey(ProjectOperation[Results[Verdict]], frozen=True, kw_only=True):
    """Tell whether signatures are a key's."""

    action: ClassVar[str] = "kms:verify"
    reads: ClassVar[bool] = True

    key: str
    items: tuple[SignatureItem, ...]
    is_batch: bool = False


class TagWithKmsKey(ProjectOperation[Results[MadeTag]], frozen=True, kw_only=True):
    """Make HMACs by the newest version of a key."""

    action: ClassVar[str] = "kms:hmac"
    reads: ClassVar[bool] = True
    reveals: ClassVar[bool] = True

    key: str
    items: tuple[MessageItem, ...]
    is_batch: bool = False


class VerifyTagWithKmsKey(ProjectOperation[Results[Verdict]], frozen=True, kw_only=True):
    """Tell in constant time whether HMACs are a key's."""

    action: ClassVar[str] = "kms:verify"
    reads: ClassVar[bool] = True

    key: str
    items: tuple[TagItem, ...]
    is_batch: bool = False


class DrawRandom(ProjectOperation[Results[MadeRandom]], frozen=True, kw_only=True):
    """Draw random bytes."""

    action: ClassVar[str] = "kms:random"
    reads: ClassVar[bool] = True

    items: tuple[RandomItem, ...]
    is_batch: bool = False
