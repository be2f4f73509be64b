"""Issues SSH certificates: every one of them, whichever door asked."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.principals import caller_name
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.policy.names import Name
from ca_service.policy.values import Access, ContextValue, Grant
from ssh_ca.accesses import profile_resource
from ssh_ca.catalogue import Catalogue, Issuer
from ssh_ca.certificates import Certificate, CertificateContent, CertificateType
from ssh_ca.encoder import certificate_line, sign_certificate
from ssh_ca.errors import ChangedMeanwhileError, KeyIdRefusedError, OptionRefusedError, PublicKeyRefusedError
from ssh_ca.operations import IssuedSshCertificate, IssueSshCertificate
from ssh_ca.options import FORCE_COMMAND, SOURCE_ADDRESS, parse_options
from ssh_ca.principals import parse_key_id, parse_principals
from ssh_ca.profiles import BACKDATING, SshProfile, lifetime_asked
from ssh_ca.public_keys import SubjectKey, parse_public_key
from ssh_ca.revoked import RevocationKind
from ssh_ca.serial_numbers import SerialNumbers
from ssh_ca.storage.certificates import insert_issued
from ssh_ca.storage.revocations import require_not_revoked


class IssueDraft(Struct, frozen=True, kw_only=True):
    """What will be certified. `ttl` was asked for, or is the default that the grant may still shorten."""

    issuer: Issuer
    subject_key: SubjectKey
    principals: tuple[Name, ...]
    key_id: str
    critical_options: dict[str, str]
    extensions: dict[str, str]
    ttl: timedelta
    is_ttl_asked: bool


class SignedSshCertificate(Struct, frozen=True, kw_only=True):
    """What was signed and is not yet released."""

    certificate: Certificate
    issuer: Issuer
    blob: bytes
    lifetime: timedelta


class IssueCertificateHandler(
    Handler[IssueSshCertificate, IssueDraft, SignedSshCertificate, IssuedSshCertificate]
):
    """Certifies one public key from a profile."""

    def __init__(
        self,
        catalogue: Catalogue,
        serial_numbers: SerialNumbers,
        identifiers: Identifiers,
        randomness: Randomness,
    ) -> None:
        self._catalogue = catalogue
        self._serial_numbers = serial_numbers
        self._identifiers = identifiers
        self._randomness = randomness

    async def prepare(self, call: Call, operation: IssueSshCertificate) -> Prepared[IssueDraft]:
        """Read the request inside its profile; ask for the envelope and for each principal."""
        issuer = await self._catalogue.issuer(call.home, operation.profile)
        profile = issuer.profile
        subject_key = parse_public_key(operation.public_key)
        _verify_key(subject_key, issuer)
        critical_options, extensions = _parse_all_options(operation, profile, is_fido=subject_key.is_fido)
        draft = IssueDraft(
            issuer=issuer,
            subject_key=subject_key,
            principals=parse_principals(operation.principals, profile.type),
            key_id=parse_key_id(call.caller.id if operation.key_id is None else operation.key_id),
            critical_options=critical_options,
            extensions=extensions,
            ttl=lifetime_asked(profile, operation.ttl),
            is_ttl_asked=operation.ttl is not None,
        )
        details = {
            "profile": profile.name,
            "authority": issuer.authority.name,
            "key_id": draft.key_id,
            "principals": [name.value for name in draft.principals],
            "public_key": subject_key.fingerprint,
        }
        return Prepared(draft, _accesses(operation, draft), details)

    async def sign(self, call: Call, draft: IssueDraft, grant: Grant) -> SignedSshCertificate:
        """Take a serial number, sign, and read what was signed again."""
        issuer = draft.issuer
        ttl = draft.ttl
        if not draft.is_ttl_asked and grant.max_ttl is not None:
            ttl = min(ttl, grant.max_ttl)
        now = call.now.replace(microsecond=0)
        content = CertificateContent(
            subject_key=draft.subject_key,
            serial_number=await self._serial_numbers.take(issuer.authority),
            type=issuer.profile.type,
            key_id=draft.key_id,
            principals=tuple([name.value for name in draft.principals]),
            valid_after=now - BACKDATING,
            valid_before=now + ttl,
            critical_options=draft.critical_options,
            extensions=draft.extensions,
        )
        nonce = self._randomness.token_bytes(32)
        arguments = (content, issuer.signer, issuer.authority.public_key, nonce)
        if issuer.signer.is_slow:
            blob = await asyncio.to_thread(sign_certificate, *arguments)
        else:
            blob = sign_certificate(*arguments)
        certificate = Certificate(
            id=self._identifiers.new("scr"),
            authority_id=issuer.authority.id,
            authority=issuer.authority.name,
            serial_number=content.serial_number,
            type=content.type,
            key_id=content.key_id,
            principals=content.principals,
            fingerprint=draft.subject_key.fingerprint,
            profile=issuer.profile.name,
            valid_after=content.valid_after,
            valid_before=content.valid_before,
            revoked_at=None,
        )
        return SignedSshCertificate(certificate=certificate, issuer=issuer, blob=blob, lifetime=ttl)

    async def record(
        self, transaction: Transaction, call: Call, signed: SignedSshCertificate
    ) -> IssuedSshCertificate:
        """Put it into the inventory, if profile and authority are still those that were decided on."""
        certificate, issuer = signed.certificate, signed.issuer
        for kind, value, otherwise in (
            (RevocationKind.PUBLIC_KEY, certificate.fingerprint, _key_was_revoked),
            (RevocationKind.KEY_ID, certificate.key_id, _key_id_was_revoked),
        ):
            require_not_revoked(transaction, call.home, kind, value, otherwise)
        insert_issued(
            transaction,
            certificate,
            signed.blob,
            caller_name(call.caller),
            issuer.authority,
            issuer.profile,
            self._found_changed,
        )
        return IssuedSshCertificate(
            id=certificate.id,
            serial_number=certificate.serial_number,
            key_id=certificate.key_id,
            type=certificate.type,
            certificate=certificate_line(signed.blob),
            principals=certificate.principals,
            valid_after=certificate.valid_after,
            valid_before=certificate.valid_before,
            authority=certificate.authority,
            profile=certificate.profile,
        )

    def _found_changed(self) -> ChangedMeanwhileError:
        self._catalogue.forget()
        return found_changed()

    def details(self, answer: IssuedSshCertificate) -> Mapping[str, Any]:
        """Return which certificate it became; sshd logs the number too."""
        return {
            "certificate": answer.id,
            "serial_number": str(answer.serial_number),
            "valid_before": answer.valid_before.isoformat(),
        }


def _verify_key(key: SubjectKey, issuer: Issuer) -> None:
    if key.type not in issuer.profile.settings.key_types:
        raise PublicKeyRefusedError(
            f"The profile {issuer.profile.name} does not certify keys of type {key.type}; it certifies "
            f"{', '.join(issuer.profile.settings.key_types)}.",
            field="public_key",
            rule="profile-key-type",
        )
    if key.blob == issuer.authority.public_key:
        raise PublicKeyRefusedError(
            "This is the authority's own key; send yours.", field="public_key", rule="key-authority"
        )


def _parse_all_options(
    operation: IssueSshCertificate, profile: SshProfile, *, is_fido: bool
) -> tuple[dict[str, str], dict[str, str]]:
    if profile.type is CertificateType.HOST and (operation.critical_options or operation.extensions):
        field = "critical_options" if operation.critical_options else "extensions"
        raise OptionRefusedError(
            "Host certificates have no options and no extensions.", field=field, rule="option-host"
        )
    critical_options = parse_options(
        operation.critical_options,
        frozenset(profile.settings.critical_options),
        field="critical_options",
        is_fido=is_fido,
    )
    if operation.extensions is None:
        return critical_options, dict.fromkeys(profile.settings.extensions, "")
    return critical_options, parse_options(
        operation.extensions, profile.extensions_on_offer, field="extensions", is_fido=is_fido
    )


def _accesses(operation: IssueSshCertificate, draft: IssueDraft) -> tuple[Access, ...]:
    profile = draft.issuer.profile
    envelope: dict[str, ContextValue] = {
        "profile": profile.name,
        "cert_type": profile.type.value,
        "key_type": draft.subject_key.type,
        "key_id": draft.key_id,
        "ttl": draft.ttl,
        "critical_options": [*sorted(draft.critical_options)],
        "extensions": [*sorted(draft.extensions)],
    }
    if FORCE_COMMAND in draft.critical_options:
        envelope["force_command"] = draft.critical_options[FORCE_COMMAND]
    if SOURCE_ADDRESS in draft.critical_options:
        envelope["source_address"] = draft.critical_options[SOURCE_ADDRESS]
    resource = profile_resource(profile)
    accesses = [Access(operation.action, resource, "ssh:read", envelope, operation.ttl)]
    for index, name in enumerate(draft.principals):
        context = {**envelope, "name": name.context()}
        accesses.append(
            Access(operation.action, resource, "ssh:read", context, operation.ttl, f"principals[{index}]")
        )
    return tuple(accesses)


def _key_was_revoked() -> PublicKeyRefusedError:
    return PublicKeyRefusedError(
        "This public key was revoked and is never certified again; make a new one.",
        field="public_key",
        rule="key-revoked",
    )


def _key_id_was_revoked() -> KeyIdRefusedError:
    return KeyIdRefusedError(
        "This key id was revoked for good and is never certified again; use another.",
        field="key_id",
        rule="key-id-revoked",
    )


def found_changed() -> ChangedMeanwhileError:
    """Return the error for a profile or authority that is not what it was when this was decided."""
    return ChangedMeanwhileError(
        "The profile or its authority was changed meanwhile; nothing was done, ask again.",
        retry_after=timedelta(seconds=1),
    )
