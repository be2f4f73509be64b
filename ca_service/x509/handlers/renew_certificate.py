"""Renews certificates: the same names, decided again as if they were asked for today."""

from datetime import timedelta

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
from ca_service.x509.errors import CsrRefusedError
from ca_service.x509.handlers.read_certificates import wanted_certificate
from ca_service.x509.operations import (
    CertificateRequest,
    IssueCertificate,
    IssuedCertificate,
    KeyRequest,
    PublicKeyRequest,
    RenewCertificate,
)
from ca_service.x509.requests import parse_csr


class RenewDraft(Struct, frozen=True):
    """The certificate that is renewed, and the CSR that brings another key."""

    old: Certificate
    operation: RenewCertificate


class RenewCertificateHandler(
    Handler[RenewCertificate, RenewDraft, Child[IssuedCertificate], IssuedCertificate]
):
    """Renews one certificate by issuing another as its child."""

    def __init__(self, database: Database, gate: Gate) -> None:
        self._database = database
        self._gate = gate

    async def prepare(self, call: Call, operation: RenewCertificate) -> Prepared[RenewDraft]:
        """Find the certificate; nothing else is told before the caller may see it."""
        old = await wanted_certificate(self._database, call.home, operation.certificate)
        access = certificate_access(operation.action, call, old)
        details = {"serial_number": old.serial_number, "profile": old.profile}
        return Prepared(RenewDraft(old, operation), (access,), details)

    async def sign(self, call: Call, draft: RenewDraft, grant: Grant) -> Child[IssuedCertificate]:
        """Have the new certificate decided and signed, unless the old one was revoked."""
        del grant
        old = draft.old
        if old.status(call.now) is CertificateStatus.REVOKED:
            detail = "The certificate is revoked, and what is revoked is not renewed; issue a new one."
            raise ConflictError(detail, rule="certificate-revoked")
        issue = IssueCertificate(
            project=draft.operation.project,
            profile=old.profile,
            authority=old.authority,
            request=_request(old, draft.operation.csr_der),
            preferred_ttl=timedelta(seconds=old.requested_ttl_seconds),
            renewed_from=old.id,
        )
        return await self._gate.prepare(call, issue)

    async def record(
        self, transaction: Transaction, call: Call, signed: Child[IssuedCertificate]
    ) -> IssuedCertificate:
        """Record the new certificate."""
        del call
        return await self._gate.record(transaction, signed)

    def details(self, answer: IssuedCertificate) -> dict[str, str]:
        """Return which certificate it became."""
        return {"certificate": answer.id}


def _request(old: Certificate, csr_der: bytes | None) -> CertificateRequest:
    """Return the request of the new certificate. Raises CsrRefusedError if a CSR asks for other names."""
    if csr_der is None and old.has_server_made_key:
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
