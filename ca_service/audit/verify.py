"""Walking the whole trail, and naming the first thing in it that is not as it was written."""

from typing import Never

from msgspec import Struct

from ca_service.audit import storage
from ca_service.audit.checkpoints import (
    GENESIS,
    Checkpoint,
    SignedCheckpoint,
    audit_public_key,
    checkpoint_of,
    raw_public_key,
)
from ca_service.audit.digests import content_of, leaf_of, with_text
from ca_service.audit.merkle import HASH_SIZE, leaf_hash, merkle_root
from ca_service.audit.sequencer import head_content
from ca_service.audit.storage import BatchRow, HeadRow
from ca_service.custody.custody import INSTANCE, Custody
from ca_service.custody.derivation import MacKey
from ca_service.custody.errors import IntegrityError
from ca_service.custody.signers import Signer
from ca_service.database.port import Database, Row
from ca_service.kernel.errors import NotFoundError

_PENDING_AT_ONCE = 1000
_BEFORE_ALL = -(2**62)


class Fault(Struct, frozen=True):
    """The first thing that is wrong: a sentence, and the entry or batch it is about."""

    sentence: str
    seq: int | None = None
    entry_id: str | None = None
    batch: int | None = None


class VerificationReport(Struct, frozen=True):
    """What was found. Counts stop where the fault is."""

    entries: int
    batches: int
    pending: int
    fault: Fault | None

    @property
    def is_intact(self) -> bool:
        """Tell whether nothing was changed, inserted or removed."""
        return self.fault is None


class _FoundFaultError(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.sentence)
        self.fault = fault


async def verify_trail(
    database: Database, custody: Custody, exported: SignedCheckpoint | None = None
) -> VerificationReport:
    """Verify every entry, batch and checkpoint, and that the trail still contains `exported`, if given.

    Without an exported checkpoint, a tail cut off together with an older copy of the head row does not show.
    An entry removed before it was numbered does not show either; that takes about a second.
    """
    walk = _Walk(database, custody, exported)
    fault: Fault | None = None
    try:
        await walk.run()
    except _FoundFaultError as found:
        fault = found.fault
    return VerificationReport(walk.entries, walk.batches, walk.pending, fault)


class _Walk:
    """One verification; counts as it goes, raises at the first fault."""

    def __init__(self, database: Database, custody: Custody, exported: SignedCheckpoint | None) -> None:
        self._database = database
        self._custody = custody
        self._exported = exported
        self._rows = custody.mac_key("audit rows")
        self._signer: Signer | None = None
        self.entries = 0
        self.batches = 0
        self.pending = 0

    async def run(self) -> None:
        last: Checkpoint | None = None
        while True:
            last = await self._walk_batches(last)
            # In this order, so that a sequencer at work beside us is not taken for a forger.
            outside = await storage.find_outside(self._database, 0 if last is None else last.last_seq)
            head = await storage.find_head(self._database)
            if await storage.next_batch(self._database, _number(last)) is None:
                break
        if outside is not None and (head is None or head.number <= _number(last)):
            _fail(
                f"Entry {outside[0]} was inserted: no batch of the trail gave that number.",
                seq=outside[0],
                entry_id=_shown(outside[1]),
            )
        self._verify_head(head, last)
        self._verify_exported()
        await self._walk_pending()

    async def _open_signer(self, batch: BatchRow) -> Signer:
        head = await storage.find_head(self._database)
        if head is None:
            _fail("There are batches but no head of the trail: its row was removed.", batch=batch.number)
        try:
            return await self._custody.signer(INSTANCE, head.key_id)
        except (NotFoundError, IntegrityError) as error:
            _fail(
                f"The audit key {head.key_id} cannot be opened, so no batch can be verified: {error.detail}"
            )

    async def _walk_batches(self, last: Checkpoint | None) -> Checkpoint | None:
        while (batch := await storage.next_batch(self._database, _number(last))) is not None:
            if self._signer is None:
                self._signer = await self._open_signer(batch)
            checkpoint = checkpoint_of(batch)
            _verify_batch(batch, checkpoint, last, self._signer)
            await self._walk_entries(batch)
            if self._exported is not None and self._exported.checkpoint.number == checkpoint.number:
                _verify_same(checkpoint, self._exported.checkpoint)
            self.batches += 1
            last = checkpoint
        return last

    async def _walk_entries(self, batch: BatchRow) -> None:
        rows = await storage.list_numbered(self._database, batch.first_seq, batch.last_seq)
        found = {row[-1]: row for row in rows}
        for index, seq in enumerate(range(batch.first_seq, batch.last_seq + 1)):
            row = found.get(seq)
            if row is None:
                _fail(f"Entry {seq} was removed, or lost its number.", seq=seq, batch=batch.number)
            text = with_text(row)
            leaf = batch.leaves[index * HASH_SIZE : (index + 1) * HASH_SIZE]
            if leaf_hash(leaf_of(text)) != leaf or not _is_genuine(text, self._rows):
                _fail(
                    f"Entry {seq} was changed after it was written, or replaced by another.",
                    seq=seq,
                    entry_id=_shown(row[0]),
                    batch=batch.number,
                )
            self.entries += 1

    async def _walk_pending(self) -> None:
        after = ""
        while rows := await storage.list_pending(self._database, after, _PENDING_AT_ONCE):
            for row in rows:
                if not _is_genuine(with_text(row), self._rows):
                    name = _shown(row[0])
                    _fail(f"Entry {name}, not yet numbered, was changed or inserted.", entry_id=name)
                self.pending += 1
            after = _shown(rows[-1][0])

    def _verify_head(self, head: HeadRow | None, last: Checkpoint | None) -> None:
        if head is None:
            return
        end = (0, 0, GENESIS) if last is None else (last.number, last.last_seq, last.hash)
        if head.number > end[0]:
            _fail(f"Everything after batch {end[0]} (entry {end[1]}) was removed.", batch=end[0] + 1)
        try:
            self._custody.mac_key("audit head").verify(head_content(head.key_id, *end), head.tag)
        except IntegrityError:
            _fail("The head of the trail (audit_heads) was changed, or set back.")
        if (head.number, head.last_seq, head.checkpoint) != end:
            _fail("The head of the trail (audit_heads) was changed, or set back.")

    def _verify_exported(self) -> None:
        if self._exported is None:
            return
        wanted = self._exported.checkpoint
        if self._signer is None or raw_public_key(self._signer) != self._exported.public_key:
            _fail("The exported checkpoint was signed by another key: it is of another database.")
        if self.batches < wanted.number:
            _fail(
                "The trail ends before the exported checkpoint "
                f"(batch {wanted.number}, entry {wanted.last_seq}): "
                "its end was cut off, or the database is an older copy.",
                batch=wanted.number,
            )


def _number(last: Checkpoint | None) -> int:
    return _BEFORE_ALL if last is None else last.number


def _verify_batch(batch: BatchRow, checkpoint: Checkpoint, last: Checkpoint | None, signer: Signer) -> None:
    number, seq, previous = (
        (1, 1, GENESIS) if last is None else (last.number + 1, last.last_seq + 1, last.hash)
    )
    try:
        checkpoint.verify_signature(batch.signature, audit_public_key(signer))
    except (IntegrityError, TypeError):
        _fail(
            f"Batch {batch.number} was changed: its signature is not that of the audit key.",
            batch=batch.number,
        )
    if batch.number != number:
        _fail(f"Batch {number}, which begins with entry {seq}, was removed.", batch=number, seq=seq)
    if batch.first_seq != seq or batch.previous != previous:
        _fail(f"Batch {batch.number} does not follow the one before it.", batch=batch.number)
    leaves = [batch.leaves[start : start + HASH_SIZE] for start in range(0, len(batch.leaves), HASH_SIZE)]
    if len(leaves) != batch.last_seq - batch.first_seq + 1 or merkle_root(leaves) != batch.root:
        _fail(f"Batch {batch.number} was changed: its leaves do not make its root.", batch=batch.number)


def _verify_same(found: Checkpoint, exported: Checkpoint) -> None:
    if found.hash != exported.hash:
        _fail(f"Batch {found.number} is not the one that was exported.", batch=found.number)


def _is_genuine(row: Row, key: MacKey) -> bool:
    try:
        key.verify(content_of(row), row[-2])
    except (IntegrityError, TypeError):
        return False
    return True


def _fail(
    sentence: str, *, seq: int | None = None, entry_id: str | None = None, batch: int | None = None
) -> Never:
    raise _FoundFaultError(Fault(sentence, seq, entry_id, batch))


def _shown(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")
