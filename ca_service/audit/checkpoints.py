"""Checkpoints: one per batch, chained by hash and signed, so that what came before cannot change unseen."""

from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta, Struct

from ca_service.audit.storage import BatchRow
from ca_service.custody.derivation import canonical
from ca_service.custody.errors import IntegrityError
from ca_service.custody.signers import Signer
from ca_service.kernel.errors import MalformedError

#: What the first checkpoint follows.
GENESIS = bytes(32)
_FORMAT: Literal["keywright-audit-checkpoint-1"] = "keywright-audit-checkpoint-1"


class Checkpoint(Struct, frozen=True):
    """The end of a batch: everything up to `last_seq` is as this root and the roots before it say."""

    number: int
    at: int
    first_seq: int
    last_seq: int
    root: bytes
    previous: bytes

    @property
    def content(self) -> bytes:
        """Return what is signed."""
        return canonical(
            _FORMAT, self.number, self.at, self.first_seq, self.last_seq, self.root, self.previous
        )

    @property
    def hash(self) -> bytes:
        """Return what the next checkpoint names as `previous`."""
        return sha256(self.content).digest()

    def verify_signature(self, signature: bytes, public_key: Ed25519PublicKey) -> None:
        """Raises IntegrityError."""
        try:
            public_key.verify(signature, self.content)
        except InvalidSignature:
            raise IntegrityError("The checkpoint's signature is not of the audit key.") from None


class SignedCheckpoint(Struct, frozen=True):
    """A checkpoint as it leaves the database, to be kept where the database's administrator cannot write."""

    checkpoint: Checkpoint
    signature: bytes
    public_key: bytes


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["keywright-audit-checkpoint-1"]
    number: Annotated[int, Meta(ge=1)]
    at: int
    first_seq: int
    last_seq: int
    root: str
    previous: str
    signature: str
    public_key: str


def checkpoint_of(batch: BatchRow) -> Checkpoint:
    """Return the checkpoint in a batch's row."""
    return Checkpoint(batch.number, batch.at, batch.first_seq, batch.last_seq, batch.root, batch.previous)


def encode_checkpoint(checkpoint: Checkpoint, signature: bytes, signer: Signer) -> bytes:
    """Return the file of a checkpoint: one line of JSON."""
    file = _File(
        format=_FORMAT,
        number=checkpoint.number,
        at=checkpoint.at,
        first_seq=checkpoint.first_seq,
        last_seq=checkpoint.last_seq,
        root=checkpoint.root.hex(),
        previous=checkpoint.previous.hex(),
        signature=b64encode(signature).decode("ascii"),
        public_key=b64encode(raw_public_key(signer)).decode("ascii"),
    )
    return msgspec.json.encode(file) + b"\n"


def parse_checkpoint(raw: bytes) -> SignedCheckpoint:
    """Return an exported checkpoint whose signature is right. Raises MalformedError, IntegrityError."""
    try:
        file = msgspec.json.decode(raw, type=_File)
        checkpoint = Checkpoint(
            file.number,
            file.at,
            file.first_seq,
            file.last_seq,
            bytes.fromhex(file.root),
            bytes.fromhex(file.previous),
        )
        signature, public_key = b64decode(file.signature), b64decode(file.public_key)
        key = Ed25519PublicKey.from_public_bytes(public_key)
    except (msgspec.MsgspecError, ValueError) as error:
        raise MalformedError(f"This is not an exported audit checkpoint: {error}") from error
    checkpoint.verify_signature(signature, key)
    return SignedCheckpoint(checkpoint, signature, public_key)


def raw_public_key(signer: Signer) -> bytes:
    """Return the 32 bytes of the audit key's public part."""
    return audit_public_key(signer).public_bytes_raw()


def audit_public_key(signer: Signer) -> Ed25519PublicKey:
    """Return the audit key's public part. Raises IntegrityError if the key is of another kind."""
    if not isinstance(signer.public_key, Ed25519PublicKey):
        raise IntegrityError("The audit key is not an Ed25519 key: the row that names it was changed.")
    return signer.public_key
