"""Takes certificates into the inventory that were issued elsewhere, or here and lost since (S6)."""

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.policy.values import Access, Entity, Grant, Resource
from ca_service.x509.accesses import owner_of, project_access
from ca_service.x509.authorities import Authority
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.certificates import Certificate, CertificateStatus, serial_text
from ca_service.x509.errors import ChangedMeanwhileError
from ca_service.x509.imports import (
    AlreadyInInventoryError,
    ChainRefusedError,
    ImportedCertificate,
    imported_certificate,
    imported_common_name,
    imported_names,
    is_issued_by,
    may_issue,
    parse_certificate_pem,
    verify_chain,
)
from ca_service.x509.issuers import pem_of
from ca_service.x509.operations.imports import ImportCertificate, ImportOutcome, ListedImport, ReadImport
from ca_service.x509.public_keys import parse_key_algorithm
from ca_service.x509.storage.authorities import list_authorities
from ca_service.x509.storage.certificates import insert_lost
from ca_service.x509.storage.imports import find_import, insert_import
from ca_service.x509.storage.revoked_entries import find_revoked_numbers, is_revoked_number

#: What stands in place of a profile for a certificate of ours that the inventory had lost.
NO_PROFILE = "@imported"


class ImportDraft(Struct, frozen=True):
    """The certificate as it will be kept: as one of ours, of `issuer`, or as somebody else's."""

    kept: Certificate | ImportedCertificate
    issuer: Authority | None = None

    @property
    def status(self) -> CertificateStatus:
        """Return how it will stand in the inventory."""
        kept = self.kept
        if isinstance(kept, ImportedCertificate):
            return kept.status
        return CertificateStatus.VALID if kept.revoked_at is None else CertificateStatus.REVOKED


class ImportCertificateHandler(Handler[ImportCertificate, ImportDraft, ImportDraft, ImportOutcome]):
    """Imports one certificate."""

    def __init__(self, catalogue: Catalogue, database: Database, identifiers: Identifiers) -> None:
        self._catalogue = catalogue
        self._database = database
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: ImportCertificate) -> Prepared[ImportDraft]:
        """Read certificate and chain, and ask whether the caller may import into the project."""
        certificate = parse_certificate_pem(operation.certificate_pem, field="certificate")
        chain = tuple(
            parse_certificate_pem(text, field=f"chain[{place}]")
            for place, text in enumerate(operation.chain_pem)
        )
        der = certificate.public_bytes(serialization.Encoding.DER)
        own = await self._own_issuer(call, certificate)
        kept: Certificate | ImportedCertificate
        if own is not None:
            kept = await self._lost(call, certificate, der, own)
        else:
            kept = imported_certificate(
                certificate,
                der,
                tuple(pem_of(link.public_bytes(serialization.Encoding.DER)) for link in chain),
                is_verified=bool(chain) and verify_chain(certificate, chain),
                id_=self._identifiers.new("imp"),
                tenant=call.home,
                owner=owner_of(call.caller),
                now=call.now,
            )
        details = {
            "serial_number": serial_text(certificate.serial_number),
            "issuer": certificate.issuer.rfc4514_string()[:500],
            "is_own": own is not None,
        }
        access = project_access(operation.action, call.home)
        return Prepared(ImportDraft(kept, own), (access,), details)

    async def _own_issuer(self, call: Call, certificate: x509.Certificate) -> Authority | None:
        """Return the authority of this project that signed the certificate."""
        for authority in await list_authorities(self._database, self._catalogue.authority_mac, call.home):
            if not authority.certificate_der:
                continue
            issuer = x509.load_der_x509_certificate(authority.certificate_der)
            if issuer.subject == certificate.issuer and is_issued_by(certificate, issuer):
                return authority
        return None

    async def _lost(
        self, call: Call, certificate: x509.Certificate, der: bytes, issuer: Authority
    ) -> Certificate:
        """Return a certificate of ours that the inventory does not have. Raises ChainRefusedError.

        One that was revoked by its number meanwhile stays revoked.
        """
        if may_issue(certificate, authorities_below=0):
            detail = "This is the certificate of an authority; it is imported as one, with its key."
            raise ChainRefusedError(detail, field="certificate", rule="certificate-authority")
        serial_number = serial_text(certificate.serial_number)
        revoked = await find_revoked_numbers(self._database, issuer, [serial_number])
        revoked_at, reason = revoked.get(serial_number, (None, None))
        return Certificate(
            id=self._identifiers.new("crt"),
            tenant=call.home,
            authority_id=issuer.id,
            authority=issuer.name,
            profile=NO_PROFILE,
            serial_number=serial_number,
            common_name=imported_common_name(certificate),
            names=imported_names(certificate),
            key_algorithm=parse_key_algorithm(certificate.public_key(), field="certificate"),
            has_server_made_key=False,
            der=der,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            owner=owner_of(call.caller),
            requested_ttl_seconds=int(
                (certificate.not_valid_after_utc - certificate.not_valid_before_utc).total_seconds()
            ),
            created_at=call.now,
            revoked_at=revoked_at,
            revocation_reason=reason,
        )

    async def sign(self, call: Call, draft: ImportDraft, grant: Grant) -> ImportDraft:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: ImportDraft) -> ImportOutcome:
        """Keep it, unless it is there already."""
        del call
        kept = signed.kept
        try:
            if isinstance(kept, ImportedCertificate):
                await insert_import(transaction, kept)
            else:
                await self._insert_lost(transaction, kept, signed.issuer)
        except UniqueViolationError as error:
            raise AlreadyInInventoryError(
                "The certificate stands in the inventory already; find it by its serial number.",
                field="certificate",
                rule="certificate-known",
            ) from error
        return ImportOutcome(id=kept.id, status=signed.status, is_own=isinstance(kept, Certificate))

    async def _insert_lost(
        self, transaction: Transaction, kept: Certificate, issuer: Authority | None
    ) -> None:
        assert issuer is not None, "a certificate of ours has an issuer of ours"
        is_revoked = await is_revoked_number(transaction, issuer, kept.serial_number)
        if is_revoked != (kept.revoked_at is not None):
            detail = "The certificate was revoked by its number at this moment; send the request again."
            raise ChangedMeanwhileError(detail)
        await insert_lost(transaction, kept)

    def details(self, answer: ImportOutcome) -> dict[str, str]:
        """Return which certificate it became."""
        return {"certificate": answer.id, "status": answer.status.value}


def list_import(imported: ImportedCertificate) -> ListedImport:
    """Return an imported certificate as answers show it."""
    return ListedImport(
        certificate=imported,
        status=imported.status,
        certificate_pem=pem_of(imported.der),
        chain_pem=imported.chain_pem,
    )


class ReadImportHandler(Reader[ReadImport, ListedImport]):
    """Reads one imported certificate."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: ReadImport) -> Prepared[ListedImport]:
        """Read it and ask whether the caller may."""
        imported = await find_import(self._database, call.home, operation.certificate)
        if imported is None:
            raise NotFoundError("certificate")
        resource = Resource(
            Entity("Certificate", imported.id),
            "certificate",
            imported.tenant,
            {"authority": "", "profile": ""},
        )
        access = Access(operation.action, resource, "x509:read", {})
        return Prepared(list_import(imported), (access,))
