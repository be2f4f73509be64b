"""Idempotency keys: one request, one effect, one answer, however often it is sent (S10).

A key belongs to (caller, project, operation) and to one request. Its row is inserted before anything is
signed, in a transaction of its own and on a lease; the sealed answer joins it in the record's transaction.
"""

import contextlib
from datetime import datetime, timedelta
from typing import Any

from ca_service.custody.custody import Custody
from ca_service.custody.sealing import RecordName, Sealer
from ca_service.database.port import Database, Transaction
from ca_service.gate.errors import AnswerGoneError, KeyReusedError, StillRunningError
from ca_service.gate.handler import Call
from ca_service.gate.kept_answers import KeptAnswer, decode_kept_answer, encode_kept_answer, made_id
from ca_service.gate.operation import Operation
from ca_service.gate.operation_digest import OperationDigest, operation_name
from ca_service.gate.port import REPLAY_WINDOW
from ca_service.gate.principals import cedar_name
from ca_service.gate.storage import (
    KeptKey,
    Scope,
    claim_key,
    drop_answers_of,
    drop_expired,
    find_key,
    keep_answer,
    release_key,
    take_over_key,
)
from ca_service.kernel.errors import KeywrightError, MalformedError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Access, Entity

#: How long a request may run under its key before another may take the key over: its process is dead then.
LEASE = timedelta(minutes=2)
#: How long a used key is remembered after its answer is gone, so that a late retry is told and not repeated.
MEMORY = timedelta(hours=24)
_FIELD = "Idempotency-Key"


def parse_idempotency_key(text: str) -> str:
    """Return a key of 1 to 255 printable ASCII characters. Raises MalformedError."""
    if not 1 <= len(text) <= 255 or not text.isascii() or not text.isprintable():
        raise MalformedError(
            "An Idempotency-Key has 1 to 255 printable ASCII characters; a UUID is a good one.", field=_FIELD
        )
    return text


class KeySlot:
    """One key in the hands of one request."""

    def __init__(
        self, database: Database, scope: Scope, digest: bytes, call: Call, row_id: str, found: KeptKey | None
    ) -> None:
        self._database = database
        self._scope = scope
        self._digest = digest
        self._call = call
        self._row_id = row_id
        self._found = found
        self._sealer: Sealer | None = None

    async def claim(self, sealer: Sealer) -> None:
        """Make the key this request's own. Raises StillRunningError if another was first."""
        self._sealer = sealer
        if not await self._database.begin(self._claim):
            raise _still_running()

    async def _claim(self, transaction: Transaction) -> bool:
        lease_until = transaction.now + LEASE
        if self._found is not None:
            return await take_over_key(
                transaction,
                self._row_id,
                former_holder=self._found.holder,
                holder=self._call.id,
                lease_until=lease_until,
            )
        return await claim_key(
            transaction,
            self._scope,
            self._row_id,
            self._digest,
            self._call.id,
            lease_until=lease_until,
            forget_at=transaction.now + MEMORY,
        )

    async def keep(self, transaction: Transaction, accesses: tuple[Access, ...], answer: Any) -> None:
        """Keep the answer, in the transaction of the record. Raises StillRunningError if the key was lost."""
        assert self._sealer is not None, "a key is claimed before its answer is kept"
        document = encode_kept_answer(self._scope, self._digest, KeptAnswer(accesses, answer, self._call.id))
        kept = await keep_answer(
            transaction,
            self._row_id,
            self._call.id,
            self._sealer.seal(_record(self._row_id), document),
            made_id(answer),
            answer_until=transaction.now + REPLAY_WINDOW,
            forget_at=transaction.now + MEMORY,
        )
        if not kept:
            raise _still_running()

    async def release(self) -> None:
        """Give the key back after a failure; if that fails too, the lease runs out by itself."""

        async def work(transaction: Transaction) -> None:
            await release_key(transaction, self._row_id, self._call.id)

        with contextlib.suppress(KeywrightError):
            await self._database.begin(work)


class IdempotencyKeys:
    """Finds out whether a key is new, running, replayable or spent."""

    def __init__(
        self, database: Database, custody: Custody, identifiers: Identifiers, digest: OperationDigest
    ) -> None:
        self._database = database
        self._custody = custody
        self._identifiers = identifiers
        self._digest = digest

    async def look_up(self, call: Call, operation: Operation[Any], key: str) -> KeySlot | KeptAnswer:
        """Return the slot of a key to run under, or the answer that is kept under it.

        Raises KeyReusedError for another request's key, StillRunningError while the first request runs, and
        AnswerGoneError once its answer may no longer be replayed.
        """
        caller = cedar_name(Entity(call.caller.kind.value, call.caller.id))
        scope = Scope(call.tenant, caller, operation_name(operation), parse_idempotency_key(key))
        digest = self._digest.of(operation)
        found = await find_key(self._database, scope)
        if found is None:
            return KeySlot(self._database, scope, digest, call, self._identifiers.new("idk"), None)
        if found.digest != digest:
            raise KeyReusedError(
                "This Idempotency-Key was used for another request. Use a new key for a new request.",
                field=_FIELD,
                rule="idempotency-key-reused",
            )
        if not found.is_done:
            if found.lease_until > call.now:
                raise _still_running()
            return KeySlot(self._database, scope, digest, call, found.id, found)
        return await self._open(call, operation, scope, digest, found)

    async def _open(
        self, call: Call, operation: Operation[Any], scope: Scope, digest: bytes, found: KeptKey
    ) -> KeptAnswer:
        if found.answer is None or found.answer_until <= call.now:
            made = f" It made {found.made}." if found.made else ""
            raise AnswerGoneError(
                f"This Idempotency-Key was used and its answer is no longer kept.{made} Use a new key for a "
                "new request.",
                field=_FIELD,
                rule="idempotency-key-spent",
            )
        sealer = await self.sealer(call.tenant)
        document = sealer.open(_record(found.id), found.answer)
        return decode_kept_answer(scope, digest, type(operation), document)

    async def sealer(self, tenant: Tenant | None) -> Sealer:
        """Return the sealer of the answers of a tenant, or of the instance."""
        if tenant is None:
            return self._custody.instance_sealer()
        return await self._custody.sealer(tenant)


async def forget_answers(transaction: Transaction, tenant: Tenant, made: str) -> None:
    """Drop the kept answers about `made`, in the transaction that revokes it: they are no longer replayed."""
    await drop_answers_of(transaction, tenant, made)


async def sweep_idempotency_keys(database: Database) -> datetime:
    """Drop expired answers and forgotten keys; housekeeping for a timer, every minute. Returns its time."""

    async def work(transaction: Transaction) -> datetime:
        await drop_expired(transaction)
        return transaction.now

    return await database.begin(work)


def _record(row_id: str) -> RecordName:
    return RecordName("gate_idempotency_keys", row_id, 1)


def _still_running() -> StillRunningError:
    return StillRunningError(
        "The first request with this Idempotency-Key has not ended yet. Wait a moment, then send it again.",
        field=_FIELD,
        rule="idempotency-key-running",
    )
