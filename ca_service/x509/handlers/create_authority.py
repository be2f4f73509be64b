"""Makes authorities: a key of their own, a certificate, and an empty CRL from the first moment.

One that waits for an external parent has a key and a request, and neither certificate nor CRL.
"""

from collections.abc import Mapping
from typing import Any

from cryptography import x509
from msgspec import Struct

from ca_service.custody.custody import Custody, SealedKey
from ca_service.custody.signers import Signer
from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import ConflictError, MalformedError
from ca_service.policy.values import Access, Grant
from ca_service.x509.accesses import authority_access, project_access
from ca_service.x509.authorities import Authority, AuthorityStatus
from ca_service.x509.authority_constraints import AuthorityConstraints
from ca_service.x509.authority_requests import parse_country, parse_organization, request_builder
from ca_service.x509.authority_template import AuthorityDraft, authority_subject
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.handlers.authority_records import (
    AuthorityPress,
    SignedByUs,
    announce,
    decided_constraints,
    decided_validity,
    keep_signed,
    wanted_parent,
)
from ca_service.x509.handlers.first_lists import first_list
from ca_service.x509.handlers.read_authorities import described_in
from ca_service.x509.issuers import Issuer, sign_request
from ca_service.x509.operations import CreateAuthority, DescribedAuthority
from ca_service.x509.resource_names import parse_resource_name
from ca_service.x509.storage.authorities import insert_authority
from ca_service.x509.storage.revocation_lists import RevocationListFacts, insert_revocation_list
from ca_service.x509.subjects import parse_common_name
from ca_service.x509.validity import Validity


class CreateDraft(Struct, frozen=True):
    """What will be made; `parent` is None for a root, and where the parent is external."""

    operation: CreateAuthority
    parent: Issuer | None
    validity: Validity
    constraints: AuthorityConstraints


class SignedAuthority(Struct, frozen=True):
    """What was made and is not yet kept. Without a certificate there is no CRL."""

    authority: Authority
    parent: Issuer | None
    key: SealedKey
    certificate: SignedByUs | None
    revocation_list: RevocationListFacts | None
    answer: DescribedAuthority


class CreateAuthorityHandler(Handler[CreateAuthority, CreateDraft, SignedAuthority, DescribedAuthority]):
    """Makes one authority."""

    def __init__(self, catalogue: Catalogue, custody: Custody, press: AuthorityPress) -> None:
        self._catalogue = catalogue
        self._custody = custody
        self._press = press

    async def prepare(self, call: Call, operation: CreateAuthority) -> Prepared[CreateDraft]:
        """Find the parent, the ends and the limits of the new certificate; ask whether the caller may."""
        parse_resource_name(operation.name)
        verify_subject(operation.common_name, operation.organization, operation.country)
        parent = None
        if operation.parent is not None:
            if operation.has_external_parent:
                detail = "An authority has a parent in this project or an external one, not both."
                raise MalformedError(detail, field="external", rule="parent-exclusive")
            parent = await wanted_parent(self._catalogue, call.home, operation.parent)
        constraints = decided_constraints(operation.limits, parent)
        validity = decided_validity(call.now, operation.ttl, operation.not_after, parent)
        if operation.has_external_parent and (operation.ttl or operation.not_after):
            detail = "The external parent says how long its certificate lives; leave ttl and not_after out."
            raise MalformedError(detail, field="ttl", rule="parent-external")
        details = {
            "name": operation.name,
            "parent": operation.parent or "",
            "key_store": operation.key_store,
        }
        accesses: tuple[Access, ...] = (project_access(operation.action, call.home),)
        if parent is not None:
            accesses = (*accesses, authority_access(operation.action, parent.authority))
        return Prepared(CreateDraft(operation, parent, validity, constraints), accesses, details)

    async def sign(self, call: Call, draft: CreateDraft, grant: Grant) -> SignedAuthority:
        """Make and seal the key, sign the certificate and the first CRL, or the request for one."""
        del grant
        operation, parent = draft.operation, draft.parent
        generated = await self._custody.generate(operation.key_algorithm, store=operation.key_store)
        sealed_key = await self._custody.seal_key(call.home, generated)
        signer = generated.signer(sealed_key.id)
        subject = authority_subject(
            signer.public_key,
            f"Keywright {operation.name}",
            common_name=operation.common_name,
            organization=operation.organization,
            country=operation.country,
        )
        certificate, first, csr = None, None, None
        if operation.has_external_parent:
            identifier = x509.SubjectKeyIdentifier.from_public_key(signer.public_key)
            csr = await sign_request(request_builder(subject, identifier, draft.constraints), signer)
        else:
            decided = AuthorityDraft(
                public_key=signer.public_key,
                subject=subject,
                serial_number=self._press.serial_number(),
                validity=draft.validity,
                constraints=draft.constraints,
                issuer=parent,
            )
            certificate = await self._press.sign(call, decided, signer)
            first = await first_list(certificate.parsed, signer, call.now)
        authority = self._authority(call, draft, signer, certificate, csr)
        answer = await described_in(self._catalogue, authority)
        return SignedAuthority(authority, parent, sealed_key, certificate, first, answer)

    def _authority(
        self,
        call: Call,
        draft: CreateDraft,
        signer: Signer,
        certificate: SignedByUs | None,
        csr: bytes | None,
    ) -> Authority:
        return Authority(
            id=self._press.identifiers.new("ca"),
            tenant=call.home,
            name=draft.operation.name,
            parent=None if draft.parent is None else draft.parent.authority.id,
            key_id=signer.key_id,
            key_algorithm=signer.algorithm,
            status=AuthorityStatus.PENDING if certificate is None else AuthorityStatus.ACTIVE,
            certificate_der=b"" if certificate is None else certificate.der,
            not_before=draft.validity.not_before,
            not_after=draft.validity.not_after,
            created_at=call.now,
            version=1,
            external_chain=None if csr is None else (),
            csr_der=csr,
        )

    async def record(
        self, transaction: Transaction, call: Call, signed: SignedAuthority
    ) -> DescribedAuthority:
        """Keep key, authority and CRL together, and its certificate in the parent's inventory."""
        del call
        authority = signed.authority
        if signed.certificate is not None:
            await keep_signed(transaction, self._catalogue, signed.certificate, signed.parent)
        await self._custody.keep(transaction, signed.key)
        try:
            await insert_authority(transaction, self._catalogue.authority_mac, authority)
        except UniqueViolationError as error:
            raise name_taken("authority") from error
        if signed.revocation_list is not None:
            await insert_revocation_list(transaction, authority, signed.revocation_list)
        announce(transaction, self._catalogue)
        return signed.answer

    def details(self, answer: DescribedAuthority) -> Mapping[str, Any]:
        """Return which authority it became."""
        return {"authority": answer.authority.id}


def verify_subject(common_name: str | None, organization: str | None, country: str | None) -> None:
    """Refuse parts of a subject that may not stand there. Raises NameRefusedError."""
    if common_name is not None:
        parse_common_name(common_name, field="common_name")
    parse_organization(organization)
    parse_country(country)


def name_taken(noun: str, field: str = "name") -> ConflictError:
    """Return the error for a name that another of the kind has."""
    return ConflictError(
        f"This project has another {noun} of that name; choose another name.", field=field, rule="name-taken"
    )
