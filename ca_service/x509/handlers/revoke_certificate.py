"""Revokes certificates, for good."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.idempotency import forget_answers
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import ContextValue, Grant
from ca_service.x509.accesses import certificate_access
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.certificates import Certificate
from ca_service.x509.handlers.read_certificates import list_one, wanted_certificate
from ca_service.x509.operations import ListedCertificate, RevokeCertificate
from ca_service.x509.publication import Publisher
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.storage.certificates import refetch_certificate, revoke_certificate
from ca_service.x509.storage.revocation_lists import want_publication


class RevokeDraft(Struct, frozen=True):
    """What will be revoked and why; `shown` is the certificate as it was answered before."""

    certificate: Certificate
    reason: RevocationReason
    shown: ListedCertificate


class RevokeCertificateHandler(Handler[RevokeCertificate, RevokeDraft, RevokeDraft, ListedCertificate]):
    """Revokes one certificate; the CRL follows at the commit."""

    def __init__(self, catalogue: Catalogue, database: Database, publisher: Publisher) -> None:
        self._catalogue = catalogue
        self._database = database
        self._publisher = publisher

    async def prepare(self, call: Call, operation: RevokeCertificate) -> Prepared[RevokeDraft]:
        """Find the certificate and ask whether the caller may revoke it for this reason."""
        certificate = await wanted_certificate(self._database, call.home, operation.certificate)
        context: dict[str, ContextValue] = {"reason": operation.reason.value}
        if operation.proof is not None:
            context["proof"] = operation.proof
        access = certificate_access(operation.action, call, certificate, context)
        shown = await list_one(self._catalogue, call, certificate)
        details = {"serial_number": certificate.serial_number, "reason": operation.reason.value}
        return Prepared(RevokeDraft(certificate, operation.reason, shown), (access,), details)

    async def sign(self, call: Call, draft: RevokeDraft, grant: Grant) -> RevokeDraft:
        """Return the draft: a revocation is not signed, its CRL is."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: RevokeDraft) -> ListedCertificate:
        """Mark it, note that the CRL is behind, and drop the answers that could hand it out again (S10)."""
        certificate = signed.certificate
        tenant, authority_id = certificate.tenant, certificate.authority_id
        if await revoke_certificate(transaction, certificate, signed.reason):
            await want_publication(transaction, tenant, authority_id)
            await forget_answers(transaction, tenant, certificate.id)
            # OCSP answers that were signed before, in this or another process, are looked at again.
            transaction.announce()
            transaction.on_commit(self._catalogue.forget)
            loop = asyncio.get_running_loop()
            transaction.on_commit(
                lambda: _start(loop, self._publisher, certificate),
            )
        found = await refetch_certificate(transaction, certificate)
        if found is None:
            raise NotFoundError("certificate")
        return msgspec.structs.replace(signed.shown, certificate=found, status=found.status(call.now))

    def details(self, answer: ListedCertificate) -> Mapping[str, Any]:
        """Return since when it is revoked."""
        revoked_at = answer.certificate.revoked_at
        return {"revoked_at": None if revoked_at is None else revoked_at.isoformat()}


def _start(loop: asyncio.AbstractEventLoop, publisher: Publisher, certificate: Certificate) -> None:
    # The commit may be told in the writer's thread.
    loop.call_soon_threadsafe(publisher.publish_soon, certificate.tenant, certificate.authority_id)
