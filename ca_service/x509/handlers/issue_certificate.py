"""Issues certificates: every one of them, whichever door asked."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.values import Access, ContextValue, Grant
from ca_service.x509.accesses import authority_resource, facts_of, owner_of
from ca_service.x509.accompaniment import Accompaniment, Accompanying
from ca_service.x509.blocked_keys import key_hash
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.certificates import Certificate, serial_text
from ca_service.x509.decided import Decidable, parse_request
from ca_service.x509.errors import ChangedMeanwhileError, CsrRefusedError
from ca_service.x509.issuers import Issuer, pem_of, sign_certificate
from ca_service.x509.operations import CsrRequest, IssueCertificate, IssuedCertificate
from ca_service.x509.pkcs12_passwords import no_key_to_wrap
from ca_service.x509.profiles import Lint, Profile, SubjectFields
from ca_service.x509.selection import select_authority, select_profile
from ca_service.x509.serial_numbers import new_serial_number
from ca_service.x509.storage.certificates import insert_issued
from ca_service.x509.storage.refused_keys import require_certifiable
from ca_service.x509.template import Subject, leaf_template, verify_artefact
from ca_service.x509.thorough_lint import ThoroughLint
from ca_service.x509.usages import usages_of
from ca_service.x509.validity import Validity, ttl_until, validity_between, validity_from, verify_ttl

#: How policies see a common name that is none of the names.
OTHER_COMMON_NAME = "common-name"
_NO_FIELDS = SubjectFields()


class IssueDraft(Struct, frozen=True, kw_only=True):
    """What will be issued. `ttl` is `asked_ttl`, or the default that the grant may still shorten."""

    operation: IssueCertificate
    profile: Profile
    issuer: Issuer
    asked: Decidable
    ttl: timedelta
    asked_ttl: timedelta | None

    def validity(self, now: datetime, ttl: timedelta) -> Validity:
        """Return the ends of the certificate. Raises ProfileRefusedError if it can have none."""
        operation, issuer = self.operation, self.issuer.validity
        ends = validity_from(now, ttl, issuer)
        if operation.not_before is None and operation.not_after is None:
            return ends
        return validity_between(ends, operation.not_before, operation.not_after, now=now, issuer=issuer)


class SignedCertificate(Struct, frozen=True, kw_only=True):
    """What was signed and is not yet released. `brought_key` is the hash of a key that was not made here."""

    certificate: Certificate
    issuer: Issuer
    profile: Profile
    pem: str
    lifetime: timedelta
    private_key: SecretValue[str] | None
    brought_key: bytes | None
    key_field: str | None
    accompanying: Accompanying


class IssueCertificateHandler(Handler[IssueCertificate, IssueDraft, SignedCertificate, IssuedCertificate]):
    """Issues one certificate from a profile."""

    def __init__(
        self,
        catalogue: Catalogue,
        custody: Custody,
        identifiers: Identifiers,
        randomness: Randomness,
        accompaniment: Accompaniment,
    ) -> None:
        self._catalogue = catalogue
        self._custody = custody
        self._identifiers = identifiers
        self._randomness = randomness
        self._accompaniment = accompaniment
        self._thorough = ThoroughLint(custody)

    async def prepare(self, call: Call, operation: IssueCertificate) -> Prepared[IssueDraft]:
        """Read the request inside its profile; ask for the envelope and for each name it will carry."""
        profile = await select_profile(self._catalogue, call.home, operation.profile)
        authority = await select_authority(self._catalogue, profile, operation.authority)
        issuer = await self._catalogue.issuer(authority)
        settings = profile.settings
        asked_ttl = operation.ttl
        if asked_ttl is None:
            ends = (operation.not_before, operation.not_after)
            asked_ttl = ttl_until(*ends, now=call.now, default=settings.default_ttl)
        if asked_ttl is not None:
            verify_ttl(asked_ttl, settings, profile.name)
            ttl = asked_ttl
        else:
            ttl = min(operation.preferred_ttl or settings.default_ttl, settings.max_ttl)
        asked = parse_request(
            operation.request,
            profile,
            csr_field=operation.csr_field,
            facts=lambda: facts_of(call.caller, call.home),
        )
        if operation.pkcs12_password is not None and asked.public_key is not None:
            raise no_key_to_wrap()
        draft = IssueDraft(
            operation=operation, profile=profile, issuer=issuer, asked=asked, ttl=ttl, asked_ttl=asked_ttl
        )
        if issuer.limits is not None:
            issuer.limits.verify_leaf(
                ((entry.name, entry.field) for entry in asked.names),
                usages_of(settings, is_stapled=False).purpose_oids,
                has_subject=asked.common_name is not None or settings.subject != _NO_FIELDS,
            )
        # Refused here, before anybody is asked for permission, if the issuer has ended.
        draft.validity(call.now, ttl)
        details = {
            "profile": profile.name,
            "authority": authority.name,
            "names": [entry.name.value for entry in asked.names],
            "key_algorithm": asked.key_algorithm.value,
        }
        if asked.has_other_common_name:
            details["common_name"] = asked.common_name or ""
        return Prepared(draft, self._accesses(call, draft), details)

    def _accesses(self, call: Call, draft: IssueDraft) -> tuple[Access, ...]:
        operation, asked = draft.operation, draft.asked
        resource = authority_resource(draft.issuer.authority)
        envelope: dict[str, ContextValue] = {
            "profile": draft.profile.name,
            "key_algorithm": asked.key_algorithm.value,
            "ttl": draft.ttl,
        }
        if operation.directory is not None:
            envelope["directory"] = operation.directory
        if call.caller.on_behalf_of is not None:
            envelope["eab"] = call.caller.on_behalf_of.id
        proofs = {proof.name: proof.method for proof in operation.proofs}

        def ask(context: dict[str, ContextValue], field: str | None) -> Access:
            return Access(
                operation.action, resource, "x509:read-authority", envelope | context, draft.asked_ttl, field
            )

        accesses = [ask({}, None)]
        for entry in asked.names:
            context: dict[str, ContextValue] = {"name": entry.name.context()}
            if entry.name in proofs:
                context["proof"] = proofs[entry.name]
            accesses.append(ask(context, entry.field))
        if asked.has_other_common_name and asked.common_name is not None:
            other: dict[str, ContextValue] = {
                "kind": OTHER_COMMON_NAME,
                "value": asked.common_name,
                "wildcard": False,
            }
            accesses.append(ask({"name": other}, asked.common_name_field))
        return tuple(accesses)

    async def sign(self, call: Call, draft: IssueDraft, grant: Grant) -> SignedCertificate:
        """Make the key if we are to, sign, and read what was signed again."""
        asked, issuer, operation = draft.asked, draft.issuer, draft.operation
        settings = draft.profile.settings
        ttl = draft.ttl
        if draft.asked_ttl is None and grant.max_ttl is not None:
            ttl = min(ttl, grant.max_ttl)
        validity = draft.validity(call.now, ttl)
        generated, private_key, public_key = None, None, asked.public_key
        if public_key is None:
            generated = await self._custody.generate(asked.key_algorithm)
            public_key, private_key = generated.public_key, generated.pkcs8_pem()
        subject = Subject(
            common_name=asked.common_name,
            names=tuple(entry.name for entry in asked.names),
            usages=usages_of(settings, is_stapled=asked.is_stapled),
            key_algorithm=asked.key_algorithm,
            revocation_pointers=settings.revocation_pointers,
            fields=settings.subject,
            names_issuer=settings.names_issuer,
        )
        serial_number = new_serial_number(self._randomness)
        template = leaf_template(issuer, subject, public_key, serial_number, validity)
        if settings.lint is Lint.PKILINT:
            await self._thorough.verify(template, issuer.signer.algorithm)
        signed = await sign_certificate(template, issuer.signer)
        der = signed.public_bytes(serialization.Encoding.DER)
        verify_artefact(der, subject, serial_number, validity)
        certificate = Certificate(
            id=self._identifiers.new("crt"),
            tenant=call.home,
            authority_id=issuer.authority.id,
            authority=issuer.authority.name,
            profile=draft.profile.name,
            serial_number=serial_text(serial_number),
            common_name=subject.common_name,
            names=subject.names,
            key_algorithm=asked.key_algorithm,
            has_server_made_key=private_key is not None,
            der=der,
            not_before=validity.not_before,
            not_after=validity.not_after,
            owner=owner_of(call.caller),
            requested_ttl_seconds=int(ttl.total_seconds()),
            created_at=call.now,
            directory=operation.directory,
            renewed_from=operation.renewed_from,
            profile_version=draft.profile.version,
            key_hash=key_hash(public_key),
        )
        return SignedCertificate(
            certificate=certificate,
            issuer=issuer,
            profile=draft.profile,
            pem=pem_of(der),
            lifetime=min(ttl, validity.not_after - call.now),
            private_key=private_key,
            brought_key=None if asked.public_key is None else certificate.key_hash,
            key_field=operation.csr_field if isinstance(operation.request, CsrRequest) else None,
            accompanying=await self._accompaniment.prepare(
                certificate, generated, draft.profile.settings, issuer.chain_pem, operation.pkcs12_password
            ),
        )

    async def record(
        self, transaction: Transaction, call: Call, signed: SignedCertificate
    ) -> IssuedCertificate:
        """Put it into the inventory, if authority and profile are still those that were decided on."""
        del call
        certificate, issuer = signed.certificate, signed.issuer
        if signed.brought_key is not None:
            field = signed.key_field
            require_certifiable(
                transaction, certificate.tenant, signed.brought_key, lambda: _key_refused(field)
            )
        insert_issued(transaction, certificate, issuer.authority, signed.profile, self._found_changed)
        await self._accompaniment.record(transaction, certificate, signed.accompanying)
        return IssuedCertificate(
            id=certificate.id,
            serial_number=certificate.serial_number,
            certificate_pem=signed.pem,
            chain_pem=issuer.chain_pem,
            alternates=issuer.alternates,
            private_key=signed.private_key,
            pkcs12=signed.accompanying.pkcs12,
            profile=certificate.profile,
            authority=certificate.authority,
            authority_id=certificate.authority_id,
            not_before=certificate.not_before,
            not_after=certificate.not_after,
            lifetime=signed.lifetime,
            common_name=certificate.common_name,
            names=certificate.names,
            key_algorithm=certificate.key_algorithm,
        )

    def _found_changed(self) -> ChangedMeanwhileError:
        self._catalogue.forget()
        return ChangedMeanwhileError(
            "The profile or the authority was changed meanwhile; nothing was issued, ask again."
        )

    def details(self, answer: IssuedCertificate) -> Mapping[str, Any]:
        """Return which certificate it became."""
        return {
            "certificate": answer.id,
            "serial_number": answer.serial_number,
            "not_after": answer.not_after.isoformat(),
        }


def _key_refused(field: str | None) -> CsrRefusedError:
    detail = "This key is blocked, or an ACME account signs with it; make another key for the certificate."
    return CsrRefusedError(detail, field=field, rule="key-refused")
