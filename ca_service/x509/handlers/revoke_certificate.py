"""Revokes certificates, for good."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.x509 import load_der_x509_certificate
from msgspec import Struct

from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.idempotency import forget_answers
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.policy.values import ContextValue, Grant
from ca_service.x509.accesses import certificate_access, owner_of
from ca_service.x509.announcer import Announcer
from ca_service.x509.authorities import Authority
from ca_service.x509.blocked_keys import BlockedKey, BlockProof, key_hash
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.certificates import Certificate
from ca_service.x509.channels import Channel
from ca_service.x509.events import EventKind, certificate_facts
from ca_service.x509.handlers.authority_records import write_changes
from ca_service.x509.handlers.read_certificates import list_one, wanted_certificate
from ca_service.x509.handlers.revoked_authorities import accesses_beside, authorities_ended_by
from ca_service.x509.operations import ListedCertificate, RevokeCertificate
from ca_service.x509.publication import Publisher
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.storage.certificates import refetch_certificate, revoke_certificate
from ca_service.x509.storage.refused_keys import block_if_new
from ca_service.x509.storage.revocation_lists import WHOLE
from ca_service.x509.storage.revoked_entries import note_revoked

#: The `proof` of a revocation that the certificate's own key signed (RFC 8555 section 7.6).
PROVEN_BY_KEY = "key"


class RevokeDraft(Struct, frozen=True):
    """What will be revoked and why; `shown` is the certificate as it was answered before.

    `blocked` is its key, if the reason is that this is compromised: nobody gets a certificate for it again.
    """

    certificate: Certificate
    reason: RevocationReason
    shown: ListedCertificate
    blocked: BlockedKey | None = None
    #: What stops issuing with it, if it is the certificate of an authority.
    ended: tuple[Authority, ...] = ()
    audience: tuple[Channel, ...] = ()


class RevokeCertificateHandler(Handler[RevokeCertificate, RevokeDraft, RevokeDraft, ListedCertificate]):
    """Revokes one certificate; the CRL follows at the commit."""

    def __init__(
        self,
        catalogue: Catalogue,
        database: Database,
        publisher: Publisher,
        identifiers: Identifiers,
        announcer: Announcer,
    ) -> None:
        self._catalogue = catalogue
        self._database = database
        self._publisher = publisher
        self._identifiers = identifiers
        self._announcer = announcer

    async def prepare(self, call: Call, operation: RevokeCertificate) -> Prepared[RevokeDraft]:
        """Find the certificate and ask whether the caller may revoke it for this reason."""
        certificate = await wanted_certificate(self._database, call.home, operation.certificate)
        context: dict[str, ContextValue] = {"reason": operation.reason.value}
        if operation.proof is not None:
            context["proof"] = operation.proof
        access = certificate_access(operation.action, call, certificate, context)
        shown = await list_one(self._catalogue, call, certificate)
        details = {"serial_number": certificate.serial_number, "reason": operation.reason.value}
        blocked = None
        if operation.reason is RevocationReason.KEY_COMPROMISE:
            blocked = self._blocked(call, certificate, is_proven=operation.proof == PROVEN_BY_KEY)
        ended = await authorities_ended_by(self._catalogue, self._database, certificate)
        accesses = (access, *await accesses_beside(self._catalogue, certificate))
        audience = await self._announcer.audience(call.home, EventKind.REVOKED)
        draft = RevokeDraft(certificate, operation.reason, shown, blocked, ended, audience)
        return Prepared(draft, accesses, details)

    def _blocked(self, call: Call, certificate: Certificate, *, is_proven: bool) -> BlockedKey:
        return BlockedKey(
            id=self._identifiers.new("blk"),
            tenant=certificate.tenant,
            key_hash=key_hash(load_der_x509_certificate(certificate.der).public_key()),
            proof=BlockProof.REVOCATION if is_proven else BlockProof.STATEMENT,
            comment=f"certificate {certificate.id} was revoked",
            created_by=owner_of(call.caller),
            created_at=call.now,
        )

    async def sign(self, call: Call, draft: RevokeDraft, grant: Grant) -> RevokeDraft:
        """Return the draft: a revocation is not signed, its CRL is."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: RevokeDraft) -> ListedCertificate:
        """Mark it, note that the CRL is behind, and drop the answers that could hand it out again (S10)."""
        certificate = signed.certificate
        tenant = certificate.tenant
        if await revoke_certificate(transaction, certificate, signed.reason):
            if signed.blocked is not None:
                block_if_new(transaction, signed.blocked)
            await write_changes(transaction, self._catalogue, signed.ended)
            noted = await note_revoked(transaction, certificate, signed.reason)
            await forget_answers(transaction, tenant, certificate.id)
            facts = certificate_facts(certificate) | {"reason": signed.reason.value}
            await self._announcer.tell(transaction, signed.audience, EventKind.REVOKED, facts)
            # OCSP answers that were signed before, in this or another process, are looked at again.
            transaction.announce()
            transaction.on_commit(self._catalogue.forget)
            loop = asyncio.get_running_loop()
            transaction.on_commit(
                lambda: _start(loop, self._publisher, certificate, noted.part),
            )
        found = await refetch_certificate(transaction, certificate)
        if found is None:
            raise NotFoundError("certificate")
        return msgspec.structs.replace(signed.shown, certificate=found, status=found.status(call.now))

    def details(self, answer: ListedCertificate) -> Mapping[str, Any]:
        """Return since when it is revoked."""
        revoked_at = answer.certificate.revoked_at
        return {"revoked_at": None if revoked_at is None else revoked_at.isoformat()}


def _start(
    loop: asyncio.AbstractEventLoop, publisher: Publisher, certificate: Certificate, part: str
) -> None:
    # The commit may be told in the writer's thread.
    for told in {part, WHOLE}:
        loop.call_soon_threadsafe(publisher.publish_soon, certificate.tenant, certificate.authority_id, told)
