"""Authorities below a parent elsewhere: the request that goes out, the signed chain that comes in."""

from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography import x509
from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import ConflictError
from ca_service.policy.values import Grant
from ca_service.x509.accesses import authority_access
from ca_service.x509.authorities import Authority, AuthorityStatus, CrossCertificate
from ca_service.x509.authority_constraints import read_authority_constraints
from ca_service.x509.authority_requests import request_builder
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.external_parents import ImportedChain, verify_continues, verify_import
from ca_service.x509.handlers.authority_records import AuthorityPress, Bystanders, announce, write_changes
from ca_service.x509.handlers.first_lists import first_list
from ca_service.x509.handlers.read_authorities import described_in, wanted_authority
from ca_service.x509.issuers import pem_of, sign_request
from ca_service.x509.operations import (
    AuthorityRequest,
    DescribedAuthority,
    ImportAuthorityCertificate,
    RequestAuthorityCertificate,
)
from ca_service.x509.storage.cross_certificates import insert_cross_certificate
from ca_service.x509.storage.revocation_lists import RevocationListFacts, insert_revocation_list


class RequestAuthorityCertificateHandler(
    Handler[RequestAuthorityCertificate, Authority, bytes, AuthorityRequest]
):
    """Makes the request of an authority; the one of a pending authority is the one it was made with."""

    def __init__(self, catalogue: Catalogue, custody: Custody) -> None:
        self._catalogue = catalogue
        self._custody = custody

    async def prepare(self, call: Call, operation: RequestAuthorityCertificate) -> Prepared[Authority]:
        """Find the authority and ask whether the caller may."""
        authority = await wanted_authority(self._catalogue, call.home, operation.name)
        return Prepared(authority, (authority_access(operation.action, authority),), {"name": authority.name})

    async def sign(self, call: Call, draft: Authority, grant: Grant) -> bytes:
        """Sign the request with the authority's key, for the name and the limits that it has."""
        del grant
        if draft.status is AuthorityStatus.RETIRED:
            raise retired(draft)
        if draft.csr_der is not None and draft.is_pending:
            return draft.csr_der
        signer = await self._custody.signer(call.home, draft.key_id)
        current = x509.load_der_x509_certificate(draft.certificate_der)
        identifier = current.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        constraints = read_authority_constraints(current)
        return await sign_request(request_builder(current.subject, identifier, constraints), signer)

    async def record(self, transaction: Transaction, call: Call, signed: bytes) -> AuthorityRequest:
        """Write nothing but the trail: a request grants nothing."""
        del transaction, call
        return AuthorityRequest(pem_of(signed, "CERTIFICATE REQUEST"))


class ImportDraft(Struct, frozen=True):
    """What is brought for which authority."""

    operation: ImportAuthorityCertificate
    authority: Authority


class SignedImport(Struct, frozen=True):
    """What was verified: the authority as it will be, or another certificate of it; nothing is kept yet."""

    changed: tuple[Authority, ...]
    cross: CrossCertificate | None
    revocation_list: RevocationListFacts | None
    answer: DescribedAuthority


class ImportAuthorityCertificateHandler(
    Handler[ImportAuthorityCertificate, ImportDraft, SignedImport, DescribedAuthority]
):
    """Takes a certificate that an authority elsewhere made for one of ours."""

    def __init__(
        self, catalogue: Catalogue, custody: Custody, press: AuthorityPress, bystanders: Bystanders
    ) -> None:
        self._catalogue = catalogue
        self._custody = custody
        self._press = press
        self._bystanders = bystanders

    async def prepare(self, call: Call, operation: ImportAuthorityCertificate) -> Prepared[ImportDraft]:
        """Find the authority and ask whether the caller may; what was brought is read after that."""
        authority = await wanted_authority(self._catalogue, call.home, operation.name)
        details = {"name": authority.name, "alternate": operation.is_alternate}
        access = authority_access(operation.action, authority)
        return Prepared(ImportDraft(operation, authority), (access,), details)

    async def sign(self, call: Call, draft: ImportDraft, grant: Grant) -> SignedImport:
        """Verify what was brought; an authority that gets its first certificate gets its first CRL too."""
        del grant
        operation, authority = draft.operation, draft.authority
        verify_importable(authority, is_alternate=operation.is_alternate)
        signer = await self._custody.signer(call.home, authority.key_id)
        chain = verify_import(operation.certificate_der, operation.chain, signer.public_key, call.now)
        if not authority.is_pending:
            verify_continues(chain.certificate, x509.load_der_x509_certificate(authority.certificate_der))
        if operation.is_alternate:
            return await self._alternate(call, authority, chain)
        changed: Authority = msgspec.structs.replace(
            authority,
            status=_status_after(authority),
            certificate_der=chain.der,
            not_before=chain.certificate.not_valid_before_utc,
            not_after=chain.certificate.not_valid_after_utc,
            external_chain=chain.above,
            csr_der=None,
            version=authority.version + 1,
        )
        first = await first_list(chain.certificate, signer, call.now) if authority.is_pending else None
        below = await self._bystanders.below(authority)
        answer = await described_in(self._catalogue, changed)
        return SignedImport((changed, *below), None, first, answer)

    async def _alternate(self, call: Call, authority: Authority, chain: ImportedChain) -> SignedImport:
        crosses = await self._catalogue.cross_certificates(authority)
        if chain.der in {authority.certificate_der, *(cross.der for cross in crosses)}:
            detail = "The authority has this certificate already."
            raise ConflictError(detail, field="certificate", rule="import-known")
        cross = CrossCertificate(
            id=self._press.identifiers.new("xcr"),
            tenant=call.home,
            authority_id=authority.id,
            issuer=None,
            certificate=None,
            der=chain.der,
            external_chain=chain.above,
            created_at=call.now,
        )
        return SignedImport(
            await self._bystanders.touched(authority),
            cross,
            None,
            await described_in(self._catalogue, authority, further=cross),
        )

    async def record(self, transaction: Transaction, call: Call, signed: SignedImport) -> DescribedAuthority:
        """Write the authority over the version it was read at, with its CRL, or the further certificate."""
        del call
        await write_changes(transaction, self._catalogue, signed.changed)
        if signed.revocation_list is not None:
            await insert_revocation_list(transaction, signed.changed[0], signed.revocation_list)
        if signed.cross is not None:
            await insert_cross_certificate(transaction, self._catalogue.cross_mac, signed.cross)
            announce(transaction, self._catalogue)
        return signed.answer

    def details(self, answer: DescribedAuthority) -> Mapping[str, Any]:
        """Return which authority it is."""
        return {"authority": answer.authority.id}


def _status_after(authority: Authority) -> AuthorityStatus:
    """Return what a certificate makes of an authority; a successor waits until it is switched to."""
    if not authority.is_pending:
        return authority.status
    return AuthorityStatus.ACTIVE if authority.predecessor is None else AuthorityStatus.PREPARED


def verify_importable(authority: Authority, *, is_alternate: bool) -> None:
    """Refuse a certificate for an authority that takes none of this kind."""
    if authority.status is AuthorityStatus.RETIRED:
        raise retired(authority)
    if authority.is_pending and is_alternate:
        detail = "The authority has no certificate yet; import its first one without `alternate`."
        raise ConflictError(detail, field="alternate", rule="authority-pending")
    if not is_alternate and authority.external_chain is None:
        detail = (
            "This authority was signed here, so a certificate from elsewhere is a further one: send "
            "`alternate`: true, or renew the authority (POST …/renew)."
        )
        raise ConflictError(detail, field="alternate", rule="import-parent")


def retired(authority: Authority) -> ConflictError:
    """Return the error for an authority that is retired."""
    detail = f"The authority {authority.name} is retired, for good."
    return ConflictError(detail, rule="authority-retired")
