"""Renews certificates: the same names, decided again as if they were asked for today."""

from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.port import Child, Gate
from ca_service.kernel.errors import ConflictError
from ca_service.policy.values import Grant
from ca_service.x509.accesses import certificate_access
from ca_service.x509.certificates import Certificate, CertificateStatus
from ca_service.x509.errors import AlreadyRenewedError, CsrRefusedError
from ca_service.x509.handlers.read_certificates import wanted_certificate
from ca_service.x509.kept_keys import KeptKey
from ca_service.x509.key_keeping import KeyKeeping
from ca_service.x509.operations import (
    CertificateRequest,
    IssueCertificate,
    IssuedCertificate,
    KeyRequest,
    PublicKeyRequest,
    RenewCertificate,
)
from ca_service.x509.requests import parse_csr
from ca_service.x509.storage.kept_keys import settle_renewal


class RenewDraft(Struct, frozen=True):
    """The certificate that is renewed, and the CSR that brings another key."""

    old: Certificate
    operation: RenewCertificate


class Renewal(Struct, frozen=True):
    """The certificate that takes the place of an old one, signed.

    `former` is the key that is kept for the old one, `same` the same key, kept for the new one.
    """

    issue: Child[IssuedCertificate]
    is_automatic: bool
    former: KeptKey | None
    same: KeptKey | None


class RenewCertificateHandler(Handler[RenewCertificate, RenewDraft, Renewal, IssuedCertificate]):
    """Renews one certificate by issuing another as its child."""

    def __init__(self, database: Database, gate: Gate, keeping: KeyKeeping) -> None:
        self._database = database
        self._gate = gate
        self._keeping = keeping

    async def prepare(self, call: Call, operation: RenewCertificate) -> Prepared[RenewDraft]:
        """Find the certificate; nothing else is told before the caller may see it."""
        if operation.same_key and operation.csr_der is not None:
            detail = "A CSR brings a key of its own: give the csr, or ask for the same key."
            raise CsrRefusedError(detail, field="same_key", rule="csr-exclusive")
        old = await wanted_certificate(self._database, call.home, operation.certificate)
        access = certificate_access(operation.action, call, old)
        details: dict[str, Any] = {"serial_number": old.serial_number, "profile": old.profile}
        if operation.is_automatic:
            details["automatic"] = True
        return Prepared(RenewDraft(old, operation), (access,), details)

    async def sign(self, call: Call, draft: RenewDraft, grant: Grant) -> Renewal:
        """Have the new certificate decided and signed, unless the old one was revoked."""
        del grant
        old, operation = draft.old, draft.operation
        if old.status(call.now) is CertificateStatus.REVOKED:
            detail = "The certificate is revoked, and what is revoked is not renewed; issue a new one."
            raise ConflictError(detail, rule="certificate-revoked")
        request = _request(old, operation)
        issue = IssueCertificate(
            project=draft.operation.project,
            profile=old.profile,
            authority=old.authority,
            request=request,
            preferred_ttl=timedelta(seconds=old.requested_ttl_seconds),
            renewed_from=old.id,
            pkcs12_password=operation.pkcs12_password,
        )
        former = await self._keeping.find(old)
        child = await self._gate.prepare(call, issue)
        signed, same = child.signed, None
        is_same_key = isinstance(request, PublicKeyRequest) and operation.csr_der is None
        if former is not None and is_same_key and signed.profile.settings.keeps_keys:
            renew_before = signed.profile.settings.renew_before
            same = await self._keeping.keep_on(old, former, signed.certificate, renew_before)
        return Renewal(child, operation.is_automatic, former, same)

    async def record(self, transaction: Transaction, call: Call, signed: Renewal) -> IssuedCertificate:
        """Record the new certificate; of several automatic renewals of one certificate the first counts."""
        del call
        answer = await self._gate.record(transaction, signed.issue)
        if signed.same is not None:
            self._keeping.keep(transaction, signed.same)
        if signed.former is not None:
            is_first = await settle_renewal(transaction, signed.former, answer.id)
            if signed.is_automatic and not is_first:
                raise AlreadyRenewedError(
                    "The certificate was renewed meanwhile.", rule="certificate-renewed"
                )
        return answer

    def details(self, answer: IssuedCertificate) -> dict[str, str]:
        """Return which certificate it became."""
        return {"certificate": answer.id}


def _request(old: Certificate, operation: RenewCertificate) -> CertificateRequest:
    """Return the request of the new certificate. Raises CsrRefusedError if a CSR asks for other names."""
    csr_der = operation.csr_der
    if csr_der is None and old.has_server_made_key and not operation.same_key:
        return KeyRequest(common_name=old.common_name, names=old.names, key_algorithm=old.key_algorithm)
    if csr_der is None:
        public_key = x509.load_der_x509_certificate(old.der).public_key()
    else:
        parsed = parse_csr(csr_der)
        named = {*parsed.names}
        if parsed.common_name is not None and parsed.common_name.name is not None:
            named.add(parsed.common_name.name)
        if named and named != {*old.names}:
            detail = (
                "The CSR asks for other names than the certificate has; leave them out or issue a new one."
            )
            raise CsrRefusedError(detail, field="csr", rule="renewal-names")
        public_key = parsed.public_key
    der = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return PublicKeyRequest(public_key_der=der, common_name=old.common_name, names=old.names)
