"""Signs authorities elsewhere: from their CSR, inside limits that the caller chooses."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.policy.values import Grant
from ca_service.x509.accesses import authority_access
from ca_service.x509.authorities import AUTHORITY_PROFILE
from ca_service.x509.authority_constraints import AuthorityConstraints
from ca_service.x509.authority_profiles import governed_ttl, governing_profile
from ca_service.x509.authority_requests import AuthorityCsr, parse_authority_csr
from ca_service.x509.authority_template import AuthorityDraft, authority_subject
from ca_service.x509.blocked_keys import key_hash
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.errors import CsrRefusedError
from ca_service.x509.handlers.authority_records import (
    AuthorityPress,
    SignedByUs,
    decided_constraints,
    decided_validity,
    keep_signed,
    wanted_parent,
)
from ca_service.x509.handlers.create_authority import verify_subject
from ca_service.x509.handlers.read_authorities import wanted_authority
from ca_service.x509.issuers import Issuer, pem_of
from ca_service.x509.operations import IssuedCertificate, SignAuthority
from ca_service.x509.storage.refused_keys import require_certifiable
from ca_service.x509.validity import Validity


class SignDraft(Struct, frozen=True):
    """What will be signed."""

    operation: SignAuthority
    issuer: Issuer
    csr: AuthorityCsr
    validity: Validity
    constraints: AuthorityConstraints


class SignedElsewhere(Struct, frozen=True):
    """What was signed and is not yet released."""

    issuer: Issuer
    signed: SignedByUs
    key_hash: bytes
    answer: IssuedCertificate


class SignAuthorityHandler(Handler[SignAuthority, SignDraft, SignedElsewhere, IssuedCertificate]):
    """Signs one authority elsewhere."""

    def __init__(self, catalogue: Catalogue, press: AuthorityPress) -> None:
        self._catalogue = catalogue
        self._press = press

    async def prepare(self, call: Call, operation: SignAuthority) -> Prepared[SignDraft]:
        """Read the CSR and the limits inside the issuer's; ask whether the caller may."""
        await wanted_authority(self._catalogue, call.home, operation.name)
        issuer = await wanted_parent(self._catalogue, call.home, operation.name, field="name")
        csr = parse_authority_csr(operation.csr_der)
        verify_subject(operation.common_name, operation.organization, operation.country)
        csr = _named(csr, operation, issuer)
        constraints = decided_constraints(operation.limits, issuer)
        profile = await governing_profile(self._catalogue, call.home, operation.profile, issuer.authority)
        ttl, not_after = operation.ttl, operation.not_after
        if profile is not None:
            ttl = governed_ttl(profile, csr.key_algorithm, ttl, not_after, now=call.now)
        validity = decided_validity(call.now, ttl, not_after, issuer)
        draft = SignDraft(operation, issuer, csr, validity, constraints)
        details = {
            "name": operation.name,
            "subject": csr.subject.rfc4514_string(),
            "key_algorithm": csr.key_algorithm.value,
        }
        if profile is not None:
            details |= {"profile": profile.name, "profile_version": str(profile.version)}
        return Prepared(draft, (authority_access(operation.action, issuer.authority),), details)

    async def sign(self, call: Call, draft: SignDraft, grant: Grant) -> SignedElsewhere:
        """Sign, and read what was signed again."""
        validity = draft.validity
        if grant.max_ttl is not None and draft.operation.ttl is None and draft.operation.not_after is None:
            validity = decided_validity(
                call.now, min(grant.max_ttl, validity.not_after - call.now), None, draft.issuer
            )
        signed = await self._press.sign(
            call,
            AuthorityDraft(
                public_key=draft.csr.public_key,
                subject=draft.csr.subject,
                serial_number=self._press.serial_number(),
                validity=validity,
                constraints=draft.constraints,
                issuer=draft.issuer,
            ),
        )
        answer = _answer(signed, draft.issuer, validity.not_after - call.now)
        return SignedElsewhere(draft.issuer, signed, key_hash(draft.csr.public_key), answer)

    async def record(
        self, transaction: Transaction, call: Call, signed: SignedElsewhere
    ) -> IssuedCertificate:
        """Put it into the inventory, if the issuer is unchanged and the key is not blocked."""
        require_certifiable(transaction, call.home, signed.key_hash, _blocked)
        await keep_signed(transaction, self._catalogue, signed.signed, signed.issuer)
        return signed.answer

    def details(self, answer: IssuedCertificate) -> Mapping[str, Any]:
        """Return which certificate it became."""
        return {
            "certificate": answer.id,
            "serial_number": answer.serial_number,
            "not_after": answer.not_after.isoformat(),
        }


def _named(csr: AuthorityCsr, operation: SignAuthority, issuer: Issuer) -> AuthorityCsr:
    """Return the CSR with the subject that will be signed. Raises CsrRefusedError for one that cannot be."""
    subject = csr.subject
    if operation.common_name is not None:
        subject = authority_subject(
            csr.public_key,
            "",
            common_name=operation.common_name,
            organization=operation.organization,
            country=operation.country,
        )
    elif not subject.rdns:
        detail = "The CSR has no subject, and an authority has a name; give a common_name."
        raise CsrRefusedError(detail, field="common_name", rule="csr-subject")
    elif operation.organization is not None or operation.country is not None:
        detail = "The subject is the CSR's; beside organization or country give a common_name for another."
        raise CsrRefusedError(detail, field="common_name", rule="csr-subject")
    if subject.public_bytes() == issuer.name.public_bytes():
        detail = "The subject is that of the issuer; an authority elsewhere has a name of its own."
        raise CsrRefusedError(detail, field="csr", rule="csr-issuer-name")
    if csr.public_key == issuer.signer.public_key:
        detail = "The CSR is of the issuer's own key; renew an authority with POST …/renew."
        raise CsrRefusedError(detail, field="csr", rule="csr-issuer-key")
    return AuthorityCsr(csr.public_key, csr.key_algorithm, subject)


def _answer(signed: SignedByUs, issuer: Issuer, lifetime: timedelta) -> IssuedCertificate:
    row = signed.row
    assert row is not None, "what an authority signs stands in its inventory"
    return IssuedCertificate(
        id=row.id,
        serial_number=row.serial_number,
        certificate_pem=pem_of(row.der),
        chain_pem=issuer.chain_pem,
        alternates=issuer.alternates,
        profile=AUTHORITY_PROFILE,
        authority=row.authority,
        authority_id=row.authority_id,
        not_before=row.not_before,
        not_after=row.not_after,
        lifetime=lifetime,
        common_name=row.common_name,
        names=(),
        key_algorithm=row.key_algorithm,
    )


def _blocked() -> CsrRefusedError:
    detail = "The CSR's key is blocked, or is the key of an account; make another key."
    return CsrRefusedError(detail, field="csr", rule="key-blocked")
