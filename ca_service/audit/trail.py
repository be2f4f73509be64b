"""The audit trail: written in the transaction of what it records, numbered and chained soon after."""

import asyncio

from ca_service.audit import storage
from ca_service.audit.checkpoints import checkpoint_of, encode_checkpoint
from ca_service.audit.denials import DENIALS, Allowance, DenialLedger
from ca_service.audit.digests import columns_of
from ca_service.audit.entries import AuditEntry
from ca_service.audit.search import AuditFilter, NumberedEntry, search_entries
from ca_service.audit.sequencer import Sequencer
from ca_service.custody.custody import INSTANCE, Custody
from ca_service.database.port import Database, Transaction, Value
from ca_service.database.statement import Statement
from ca_service.kernel.clock import Clock
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers

_BATCHES_AT_ONCE = 50


class AuditTrail:
    """Where every operation, denial and login leaves its entry."""

    def __init__(
        self,
        database: Database,
        custody: Custody,
        clock: Clock,
        identifiers: Identifiers,
        *,
        batch_entries: int = 1000,
    ) -> None:
        self._database = database
        self._custody = custody
        self._identifiers = identifiers
        self._rows = custody.mac_key("audit rows")
        self._denials = DenialLedger(clock)
        self._batch_entries = batch_entries
        self._sequencer = Sequencer(database, custody, batch_entries)

    async def record(self, transaction: Transaction, entry: AuditEntry) -> None:
        """Write an entry in the transaction of what it records."""
        storage.insert_entry(transaction, columns_of(entry, self._rows))

    async def append(self, entry: AuditEntry) -> None:
        """Write an entry by itself and return once it is durable: before a read or a denial is answered."""
        await storage.append_entry(self._database, columns_of(entry, self._rows))

    async def append_where(self, statement: Statement, entry: AuditEntry, **facts: Value) -> bool:
        """As `append`, if what the statement asks of its `facts` holds then; tell whether it did.

        `statement` is one of an INSERT of `storage.insert_where`.
        """
        return await storage.append_entry_where(
            self._database, statement, columns_of(entry, self._rows), facts
        )

    async def deny(self, entry: AuditEntry, allowance: Allowance = DENIALS, kind: str = "") -> None:
        """Write the entry of a denial, or count it if its caller has used up the allowance (S8).

        What was counted becomes entries at the next `flush_denials`. `kind` parts the counts further.
        """
        if self._denials.admits(entry, allowance, kind):
            await self.append(entry)

    async def flush_denials(self) -> int:
        """Write what was counted since the last time, one entry a kind; due every minute and at the stop."""
        entries = self._denials.collect(self._database.now(), lambda: self._identifiers.new("aud"))
        await asyncio.gather(*(self.append(entry) for entry in entries))
        return len(entries)

    async def sequence(self) -> int:
        """Number and chain what waits; return how many entries that were."""
        numbered = 0
        for _ in range(_BATCHES_AT_ONCE):
            closed = await self._sequencer.close_batch()
            numbered += closed
            if closed < self._batch_entries:
                break
        return numbered

    async def search(self, wanted: AuditFilter) -> list[NumberedEntry]:
        """Return the newest entries that fit, newest first, at most `wanted.limit`."""
        return await search_entries(self._database, wanted)

    async def export_checkpoint(self) -> bytes:
        """Return the newest checkpoint as a file to keep elsewhere. Raises NotFoundError before the first."""
        head = await storage.find_head(self._database)
        batch = None if head is None else await storage.find_batch(self._database, head.number)
        if head is None or batch is None:
            raise NotFoundError("checkpoint")
        signer = await self._custody.signer(INSTANCE, head.key_id)
        return encode_checkpoint(checkpoint_of(batch), batch.signature, signer)
