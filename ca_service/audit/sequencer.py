"""The sequencer: numbers the entries that wait, closes a Merkle batch over them and signs its checkpoint."""

from ca_service.audit import storage
from ca_service.audit.checkpoints import GENESIS, Checkpoint
from ca_service.audit.digests import leaf_of
from ca_service.audit.merkle import leaf_hash, merkle_root
from ca_service.audit.storage import BatchRow, HeadRow
from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.custody import INSTANCE, Custody
from ca_service.custody.derivation import canonical
from ca_service.custody.signers import Signer
from ca_service.database.port import Database, Transaction
from ca_service.kernel.clock import to_microseconds


class Sequencer:
    """Closes one batch at a time. Several may run; a conditional update lets one of them win each batch."""

    def __init__(self, database: Database, custody: Custody, at_most: int) -> None:
        self._database = database
        self._custody = custody
        self._at_most = at_most
        self._heads = custody.mac_key("audit head")

    async def close_batch(self) -> int:
        """Return how many entries now have a number; 0 if none waited or another sequencer has the turn."""
        if not await storage.has_pending(self._database):
            return 0
        head = await self.head()
        signer = await self._custody.signer(INSTANCE, head.key_id)

        async def close(transaction: Transaction) -> int:
            if not await storage.take_turn(transaction, head):
                return 0
            rows = await storage.number_pending(transaction, head.last_seq, self._at_most)
            leaves = [leaf_hash(leaf_of(row)) for row in rows]
            checkpoint = Checkpoint(
                number=head.number + 1,
                at=to_microseconds(transaction.now),
                first_seq=head.last_seq + 1,
                last_seq=head.last_seq + len(rows),
                root=merkle_root(leaves),
                previous=head.checkpoint,
            )
            await self._write(transaction, checkpoint, leaves, signer)
            return len(rows)

        return await self._database.begin(close)

    async def head(self) -> HeadRow:
        """Return where the trail ends; the first call makes the head and the audit key."""
        head = await storage.find_head(self._database)
        if head is not None:
            return head
        key = await self._custody.generate(KeyAlgorithm.ED25519)
        sealed = await self._custody.seal_key(INSTANCE, key)
        first = HeadRow(sealed.id, 0, 0, GENESIS, self._heads.tag(head_content(sealed.id, 0, 0, GENESIS)))

        async def make(transaction: Transaction) -> None:
            if await storage.insert_head(transaction, first):
                await self._custody.keep(transaction, sealed)

        await self._database.begin(make)
        head = await storage.find_head(self._database)
        assert head is not None, "the row was just written, here or elsewhere"
        return head

    async def _write(
        self, transaction: Transaction, checkpoint: Checkpoint, leaves: list[bytes], signer: Signer
    ) -> None:
        batch = BatchRow(
            number=checkpoint.number,
            at=checkpoint.at,
            first_seq=checkpoint.first_seq,
            last_seq=checkpoint.last_seq,
            root=checkpoint.root,
            previous=checkpoint.previous,
            signature=signer.sign(checkpoint.content),
            leaves=b"".join(leaves),
        )
        await storage.insert_batch(transaction, batch)
        tag = self._heads.tag(
            head_content(signer.key_id, checkpoint.number, checkpoint.last_seq, checkpoint.hash)
        )
        await storage.move_head(transaction, checkpoint.last_seq, checkpoint.hash, tag)


def head_content(key_id: str, number: int, last_seq: int, checkpoint: bytes) -> bytes:
    """Return what the head's tag is over."""
    return canonical("audit_heads", key_id, number, last_seq, checkpoint)
