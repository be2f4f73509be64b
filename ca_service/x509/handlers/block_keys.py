"""Blocks keys, and takes unproven blocks away again."""

from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key
from msgspec import Struct

from ca_service.custody.published_keys import public_half
from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import CallerKind
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.kernel.errors import ConflictError, MalformedError, NotFoundError, UnacceptableError
from ca_service.kernel.identifiers import Identifiers
from ca_service.policy.values import Grant
from ca_service.x509.accesses import owner_of, project_access
from ca_service.x509.blocked_keys import BlockedKey, BlockProof, BlockReach, key_hash
from ca_service.x509.errors import AccountKeyBlockedError
from ca_service.x509.operations import (
    BlockedKeyPage,
    BlockKey,
    ListBlockedKeys,
    ReadBlockedKey,
    ReserveAccountKey,
    UnblockKey,
)
from ca_service.x509.storage import refused_keys

_COMMENT_LIMIT = 500
_NOUN = "blocked key"


class BlockKeyHandler(Handler[BlockKey, BlockedKey, BlockedKey, BlockedKey]):
    """Blocks one key."""

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: BlockKey) -> Prepared[BlockedKey]:
        """Find out which key is meant and what is proven about it; ask whether the caller may."""
        if len(operation.comment) > _COMMENT_LIMIT:
            detail = f"A comment has at most {_COMMENT_LIMIT} characters."
            raise MalformedError(detail, field="comment", rule="comment-length")
        hash_, proof = _meant(operation)
        key = BlockedKey(
            id=self._identifiers.new("blk"),
            tenant=call.home,
            key_hash=hash_,
            proof=proof,
            comment=operation.comment,
            created_by=owner_of(call.caller),
            created_at=call.now,
        )
        return Prepared(key, (project_access(operation.action, call.home),), _details(key))

    async def sign(self, call: Call, draft: BlockedKey, grant: Grant) -> BlockedKey:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: BlockedKey) -> BlockedKey:
        """Keep it."""
        del call
        try:
            await refused_keys.insert_blocked(transaction, signed)
        except UniqueViolationError as error:
            detail = "This project has blocked that key already; nothing is left to do."
            raise ConflictError(detail, rule="key-blocked-before") from error
        return signed

    def details(self, answer: BlockedKey) -> Mapping[str, Any]:
        """Return the id that it was given."""
        return {"blocked_key": answer.id}


def _meant(operation: BlockKey) -> tuple[bytes, BlockProof]:
    given = (operation.key_hash, operation.public_key_der, operation.private_key)
    if sum(one is not None for one in given) != 1:
        detail = "Say which key: exactly one of key_hash, public_key and private_key."
        raise MalformedError(detail, field="key_hash", rule="key-one-of")
    if operation.private_key is not None:
        return key_hash(public_half(operation.private_key, field="private_key")), BlockProof.PRIVATE_KEY
    if operation.public_key_der is not None:
        return key_hash(load_public_key(operation.public_key_der, "public_key")), BlockProof.STATEMENT
    assert operation.key_hash is not None, "one of the three was given"
    if len(operation.key_hash) != 32:
        detail = "A key_hash is SHA-256 over the key's SubjectPublicKeyInfo: 64 hex digits."
        raise MalformedError(detail, field="key_hash", rule="key-hash")
    return operation.key_hash, BlockProof.STATEMENT


def load_public_key(der: bytes, field: str) -> PublicKeyTypes:
    """Return the key of a SubjectPublicKeyInfo. Raises MalformedError."""
    try:
        return load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        detail = "The public key is not a SubjectPublicKeyInfo of a known algorithm."
        raise MalformedError(detail, field=field, rule="public-key") from error


class UnblockKeyHandler(Handler[UnblockKey, BlockedKey, BlockedKey, None]):
    """Takes one block away; what is proven stays proven."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: UnblockKey) -> Prepared[BlockedKey]:
        """Find it and ask whether the caller may."""
        key = await _wanted(self._database, call, operation.id)
        return Prepared(key, (project_access(operation.action, call.home),), _details(key))

    async def sign(self, call: Call, draft: BlockedKey, grant: Grant) -> BlockedKey:
        """Refuse now, when the caller may know it, what nobody can take back."""
        del call, grant
        if draft.reach is BlockReach.INSTANCE:
            detail = "This key is proven to be compromised and stays blocked; make another key."
            raise UnacceptableError(detail, rule="key-proven-compromised")
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: BlockedKey) -> None:
        """Take it away."""
        del call
        if not await refused_keys.unblock(transaction, signed):
            raise NotFoundError(_NOUN)


class ReadBlockedKeyHandler(Reader[ReadBlockedKey, BlockedKey]):
    """Reads one blocked key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: ReadBlockedKey) -> Prepared[BlockedKey]:
        """Read it and ask whether the caller may."""
        key = await _wanted(self._database, call, operation.id)
        return Prepared(key, (project_access(operation.action, call.home),))


class ListBlockedKeysHandler(Reader[ListBlockedKeys, BlockedKeyPage]):
    """Reads a page of the keys that a project blocked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: ListBlockedKeys) -> Prepared[BlockedKeyPage]:
        """Read them and ask whether the caller may see those of the project."""
        found = await refused_keys.list_blocked(
            self._database, call.home, operation.after or "", operation.limit + 1
        )
        items = tuple(found[: operation.limit])
        page = BlockedKeyPage(items, items[-1].id if len(found) > len(items) else None)
        return Prepared(page, (project_access(operation.action, call.home),))


class Reservation(Struct, frozen=True):
    """An account, and the hash of the key that it shall have."""

    account: str
    key_hash: bytes


class ReserveAccountKeyHandler(Handler[ReserveAccountKey, Reservation, Reservation, None]):
    """Keeps the key of one ACME account from being certified."""

    async def prepare(self, call: Call, operation: ReserveAccountKey) -> Prepared[Reservation]:
        """Read the key; only an account of this very project has any to keep."""
        caller = call.caller
        if caller.kind is not CallerKind.ACME_ACCOUNT or caller.project != call.home.project:
            raise NotFoundError("project")
        key = load_public_key(operation.public_key_der, "public_key")
        draft = Reservation(caller.id, key_hash(key))
        details = {"key_hash": draft.key_hash.hex()}
        return Prepared(draft, (project_access(operation.action, call.home),), details)

    async def sign(self, call: Call, draft: Reservation, grant: Grant) -> Reservation:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Reservation) -> None:
        """Keep the key, unless it is blocked or certified."""
        refused_keys.require_not_blocked(transaction, call.home, signed.key_hash, _account_key_blocked)
        refused_keys.require_not_certified(transaction, call.home, signed.key_hash, _account_key_certified)
        refused_keys.hold_for_account(transaction, call.home, signed.account, signed.key_hash)


def _account_key_blocked() -> AccountKeyBlockedError:
    return AccountKeyBlockedError("This key is blocked; make another for the account.", rule="key-blocked")


def _account_key_certified() -> AccountKeyBlockedError:
    detail = "This key is that of a certificate (RFC 8555 section 11.1); make another for the account."
    return AccountKeyBlockedError(detail, rule="key-certified")


async def _wanted(database: Database, call: Call, id_: str) -> BlockedKey:
    key = await refused_keys.find_blocked(database, call.home, id_)
    if key is None:
        raise NotFoundError(_NOUN)
    return key


def _details(key: BlockedKey) -> Mapping[str, Any]:
    return {"key_hash": key.key_hash.hex(), "reach": key.reach.value, "proof": key.proof.value}
