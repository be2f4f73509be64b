"""Going on with a mass revocation: one batch, in a transaction of its own."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.idempotency import forget_answers
from ca_service.gate.port import REPLAY_WINDOW
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.policy.values import Grant
from ca_service.x509.accesses import project_access
from ca_service.x509.announcer import Announcer
from ca_service.x509.blocked_keys import BlockedKey, BlockProof
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.certificates import Certificate
from ca_service.x509.channels import Channel
from ca_service.x509.events import EventKind
from ca_service.x509.mass_revocations import BATCH, CountChangedError, MassRevocation
from ca_service.x509.operations.mass_revocations import ContinueRevocation, RevocationProgress
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.storage.certificates import revoke_certificate
from ca_service.x509.storage.mass_revocations import find_revocation, move_revocation, next_meant
from ca_service.x509.storage.refused_keys import block_if_new
from ca_service.x509.storage.revocation_lists import WHOLE
from ca_service.x509.storage.revoked_entries import RevokedRow, keep_entries, revoked_row


class Batch(Struct, frozen=True):
    """The next certificates of a mass revocation, and who is told when it is through."""

    revocation: MassRevocation
    certificates: tuple[Certificate, ...]
    blocked: tuple[BlockedKey, ...]
    audience: tuple[Channel, ...]

    @property
    def is_last(self) -> bool:
        """Tell whether nothing is left behind it."""
        return len(self.certificates) < BATCH


class ContinueRevocationHandler(Handler[ContinueRevocation, Batch, Batch, RevocationProgress]):
    """Revokes one batch."""

    def __init__(
        self,
        catalogue: Catalogue,
        database: Database,
        mac: RowMac,
        announcer: Announcer,
        identifiers: Identifiers,
    ) -> None:
        self._catalogue = catalogue
        self._database = database
        self._mac = mac
        self._announcer = announcer
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: ContinueRevocation) -> Prepared[Batch]:
        """Find the next certificates that are meant and not revoked yet."""
        revocation = await find_revocation(self._database, self._mac, call.home, operation.revocation)
        if revocation is None:
            raise NotFoundError("revocation")
        found: list[Certificate] = []
        if revocation.finished_at is None:
            found = await next_meant(self._database, revocation, call.now, most=BATCH)
        batch = Batch(
            revocation,
            tuple(found),
            self._blocked(call, revocation, found),
            await self._announcer.audience(call.home, EventKind.MANY_REVOKED),
        )
        access = project_access(operation.action, call.home)
        details = {
            "revocation": revocation.id,
            "reason": revocation.reason.value,
            "certificates": [certificate.id for certificate in found],
        }
        return Prepared(batch, (access,), details)

    def _blocked(
        self, call: Call, revocation: MassRevocation, found: list[Certificate]
    ) -> tuple[BlockedKey, ...]:
        """Return the keys that are compromised: blocked where it was stated."""
        if revocation.reason is not RevocationReason.KEY_COMPROMISE:
            return ()
        hashes = {certificate.key_hash: certificate.id for certificate in found if certificate.key_hash}
        return tuple(
            BlockedKey(
                id=self._identifiers.new("blk"),
                tenant=revocation.tenant,
                key_hash=digest,
                proof=BlockProof.STATEMENT,
                comment=f"certificate {certificate_id} was revoked",
                created_by=revocation.asked_by,
                created_at=call.now,
            )
            for digest, certificate_id in hashes.items()
        )

    async def sign(self, call: Call, draft: Batch, grant: Grant) -> Batch:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Batch) -> RevocationProgress:
        """Revoke them, or nothing if another process did."""
        revocation = signed.revocation
        if revocation.finished_at is not None:
            return RevocationProgress(is_finished=True, lists=())
        done, rows = 0, defaultdict[str, list[RevokedRow]](list)
        for certificate in signed.certificates:
            if await revoke_certificate(transaction, certificate, revocation.reason):
                row = revoked_row(certificate, transaction.now, revocation.reason)
                rows[certificate.authority_id].append(row)
                if certificate.created_at >= call.now - REPLAY_WINDOW * 2:
                    await forget_answers(transaction, certificate.tenant, certificate.id)
                done += 1
        for authority_id, revoked in rows.items():
            await keep_entries(transaction, revocation.tenant, authority_id, revoked)
        for blocked in signed.blocked:
            block_if_new(transaction, blocked)
        last = signed.certificates[-1].id if signed.certificates else revocation.after_id
        if not await move_revocation(transaction, revocation, last, done, is_finished=signed.is_last):
            raise CountChangedError("Another process goes on with this revocation.")
        if signed.is_last:
            facts = _facts(revocation, done)
            await self._announcer.tell(transaction, signed.audience, EventKind.MANY_REVOKED, facts)
        transaction.announce()
        transaction.on_commit(self._catalogue.forget)
        return RevocationProgress(is_finished=signed.is_last, lists=_lists(rows))


def _lists(rows: Mapping[str, list[RevokedRow]]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (authority_id, part)
        for authority_id, revoked in rows.items()
        for part in sorted({WHOLE, *(row.part for row in revoked)})
    )


def _facts(revocation: MassRevocation, done: int) -> dict[str, Any]:
    return {
        "revocation": revocation.id,
        "selector": revocation.selection.selector.value,
        "value": revocation.selection.value,
        "reason": revocation.reason.value,
        "revoked": revocation.done + done,
        "asked_by": revocation.asked_by,
    }
