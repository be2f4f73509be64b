"""Renews authorities: another certificate for the same key and name, so that all they issued stays good.

Cross-signing makes such a certificate too, by another issuer and beside the first (RFC 4210 section 4.4).
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography import x509
from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import ConflictError
from ca_service.policy.values import Access, Grant
from ca_service.x509.accesses import authority_access
from ca_service.x509.authorities import Authority, AuthorityStatus, CrossCertificate
from ca_service.x509.authority_constraints import AuthorityConstraints, read_authority_constraints
from ca_service.x509.authority_template import AuthorityDraft
from ca_service.x509.blocked_keys import key_hash
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.handlers.authority_records import (
    AuthorityPress,
    Bystanders,
    SignedByUs,
    decided_validity,
    keep_signed,
    wanted_parent,
    write_changes,
)
from ca_service.x509.handlers.external_parents import retired
from ca_service.x509.handlers.read_authorities import described_in, wanted_authority
from ca_service.x509.issuers import Issuer
from ca_service.x509.operations import CrossSignAuthority, DescribedAuthority, RenewAuthority
from ca_service.x509.storage.cross_certificates import insert_cross_certificate
from ca_service.x509.storage.refused_keys import require_not_blocked
from ca_service.x509.validity import Validity


class RenewDraft(Struct, frozen=True):
    """Which authority gets a certificate from whom; `issuer` is None for a root."""

    authority: Authority
    issuer: Issuer | None
    validity: Validity
    constraints: AuthorityConstraints


class SignedAgain(Struct, frozen=True):
    """What was signed and is not yet kept."""

    issuer: Issuer | None
    signed: SignedByUs
    changed: tuple[Authority, ...]
    cross: CrossCertificate | None
    answer: DescribedAuthority


class _SigningAgain:
    """What renewing and cross-signing share."""

    def __init__(
        self, catalogue: Catalogue, custody: Custody, press: AuthorityPress, bystanders: Bystanders
    ) -> None:
        self._catalogue = catalogue
        self._custody = custody
        self._press = press
        self._bystanders = bystanders

    async def _sign(self, call: Call, draft: RenewDraft) -> SignedByUs:
        authority = draft.authority
        current = x509.load_der_x509_certificate(authority.certificate_der)
        own = await self._custody.signer(call.home, authority.key_id)
        identifier = current.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return await self._press.sign(
            call,
            AuthorityDraft(
                public_key=own.public_key,
                subject=current.subject,
                serial_number=self._press.serial_number(),
                validity=draft.validity,
                constraints=draft.constraints,
                issuer=draft.issuer,
                key_identifier=identifier,
            ),
            own,
        )

    async def record(self, transaction: Transaction, call: Call, signed: SignedAgain) -> DescribedAuthority:
        """Keep the certificate, if its key is not blocked, and have everybody below send the new chain."""
        hashed = key_hash(signed.signed.parsed.public_key())
        require_not_blocked(transaction, call.home, hashed, _key_blocked)
        await keep_signed(transaction, self._catalogue, signed.signed, signed.issuer)
        if signed.cross is not None:
            await insert_cross_certificate(transaction, self._catalogue.cross_mac, signed.cross)
        await write_changes(transaction, self._catalogue, signed.changed)
        return signed.answer

    def details(self, answer: DescribedAuthority) -> Mapping[str, Any]:
        """Return which authority it is."""
        return {"authority": answer.authority.id}


class RenewAuthorityHandler(
    _SigningAgain, Handler[RenewAuthority, RenewDraft, SignedAgain, DescribedAuthority]
):
    """Renews one authority with the key it has."""

    async def prepare(self, call: Call, operation: RenewAuthority) -> Prepared[RenewDraft]:
        """Find the authority, who signs it, and what it will be limited to; ask whether the caller may."""
        authority = await wanted_authority(self._catalogue, call.home, operation.name)
        verify_certified(authority)
        issuer = await self._issuer(call, authority, operation.parent)
        constraints = kept_constraints(authority)
        if issuer is not None:
            issuer.links.verify_child(constraints)
        validity = decided_validity(call.now, operation.ttl, operation.not_after, issuer)
        draft = RenewDraft(authority, issuer, validity, constraints)
        accesses = accesses_on(operation.action, authority, issuer)
        return Prepared(draft, accesses, {"name": authority.name, "parent": operation.parent or ""})

    async def _issuer(self, call: Call, authority: Authority, parent: str | None) -> Issuer | None:
        if parent is not None:
            if authority.is_root:
                detail = "A root signs itself; to have another sign it too, cross-sign it."
                raise ProfileRefusedError(detail, field="parent", rule="authority-root")
            issuer = await wanted_parent(self._catalogue, call.home, parent)
            await verify_not_below(self._catalogue, authority, issuer.authority, field="parent")
            return issuer
        if authority.is_root:
            return None
        if authority.parent is None:
            detail = (
                "The parent is external: take a request with POST …/csr, have it signed there, and import it "
                "with POST …/import; or name a parent in this project."
            )
            raise ProfileRefusedError(detail, field="parent", rule="parent-external")
        found = await self._catalogue.authority_by_id(call.home, authority.parent)
        if found is None or found.status is not AuthorityStatus.ACTIVE:
            detail = "The parent issues no longer; name another as `parent`."
            raise ProfileRefusedError(detail, field="parent", rule="authority-parent")
        return await self._catalogue.issuer(found)

    async def sign(self, call: Call, draft: RenewDraft, grant: Grant) -> SignedAgain:
        """Sign the new certificate; it takes the place of the one before."""
        del grant
        signed = await self._sign(call, draft)
        issuer = draft.issuer
        changed: Authority = msgspec.structs.replace(
            draft.authority,
            parent=None if issuer is None else issuer.authority.id,
            external_chain=None,
            certificate_der=signed.der,
            not_before=draft.validity.not_before,
            not_after=draft.validity.not_after,
            version=draft.authority.version + 1,
        )
        below = await self._bystanders.below(draft.authority)
        answer = await described_in(self._catalogue, changed)
        return SignedAgain(issuer, signed, (changed, *below), None, answer)


class CrossSignAuthorityHandler(
    _SigningAgain, Handler[CrossSignAuthority, RenewDraft, SignedAgain, DescribedAuthority]
):
    """Has another authority sign one authority too."""

    async def prepare(self, call: Call, operation: CrossSignAuthority) -> Prepared[RenewDraft]:
        """Find both, and what the certificate will be limited to; ask whether the caller may."""
        authority = await wanted_authority(self._catalogue, call.home, operation.name)
        verify_certified(authority)
        issuer = await wanted_parent(
            self._catalogue, call.home, operation.issuer, field="issuer", also=AuthorityStatus.PREPARED
        )
        await verify_not_below(self._catalogue, authority, issuer.authority, field="issuer")
        constraints = inside(kept_constraints(authority), issuer)
        issuer.links.verify_child(constraints)
        validity = decided_validity(call.now, operation.ttl, operation.not_after, issuer)
        draft = RenewDraft(authority, issuer, validity, constraints)
        accesses = accesses_on(operation.action, authority, issuer)
        return Prepared(draft, accesses, {"name": authority.name, "issuer": operation.issuer})

    async def sign(self, call: Call, draft: RenewDraft, grant: Grant) -> SignedAgain:
        """Sign the further certificate."""
        del grant
        signed = await self._sign(call, draft)
        assert draft.issuer is not None, "a cross-certificate has an issuer"
        assert signed.row is not None, "and stands in its inventory"
        cross = CrossCertificate(
            id=self._press.identifiers.new("xcr"),
            tenant=call.home,
            authority_id=draft.authority.id,
            issuer=draft.issuer.authority.id,
            certificate=signed.row.id,
            der=signed.der,
            external_chain=(),
            created_at=call.now,
        )
        changed = await self._bystanders.touched(draft.authority)
        answer = await described_in(self._catalogue, draft.authority, further=cross)
        return SignedAgain(draft.issuer, signed, changed, cross, answer)


def verify_certified(authority: Authority) -> None:
    """Refuse an authority that has no certificate yet, or has ended its service."""
    if authority.status is AuthorityStatus.RETIRED:
        raise retired(authority)
    if authority.is_pending:
        detail = "The authority waits for its first certificate; import that first (POST …/import)."
        raise ConflictError(detail, rule="authority-pending")


async def verify_not_below(
    catalogue: Catalogue, authority: Authority, issuer: Authority, *, field: str
) -> None:
    """Refuse an issuer that is the authority itself or stands below it. Raises ProfileRefusedError."""
    if any(link.id == authority.id for link in (issuer, *await catalogue.above(issuer))):
        detail = "An authority is not signed by itself or by one below it; name another."
        raise ProfileRefusedError(detail, field=field, rule="authority-parent")


def kept_constraints(authority: Authority) -> AuthorityConstraints:
    """Return what the certificate of an authority says, to be said again. Raises ProfileRefusedError."""
    constraints = read_authority_constraints(x509.load_der_x509_certificate(authority.certificate_der))
    if constraints.names.has_others:
        detail = "The authority's certificate constrains names of kinds that are not signed here."
        raise ProfileRefusedError(detail, field="name", rule="authority-name-constraints")
    return constraints


def inside(constraints: AuthorityConstraints, issuer: Issuer) -> AuthorityConstraints:
    """Return constraints with what they leave open limited to what the issuer may sign."""
    most = issuer.links.path_length
    if constraints.path_length is None and most is not None:
        constraints = msgspec.structs.replace(constraints, path_length=max(0, most - 1))
    if not constraints.purposes:
        constraints = msgspec.structs.replace(constraints, purposes=issuer.links.inherited_purposes)
    return constraints


def _key_blocked() -> ConflictError:
    detail = "The key of the authority is blocked; hand over to a new one (POST …/renew with `new_key`)."
    return ConflictError(detail, field="name", rule="key-blocked")


def accesses_on(action: str, authority: Authority, issuer: Issuer | None) -> tuple[Access, ...]:
    """Return the questions about an authority and about the one that signs it."""
    own = authority_access(action, authority)
    return (own,) if issuer is None else (own, authority_access(action, issuer.authority))
