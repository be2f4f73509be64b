"""Issues SSH certificates: every one of them, whichever door asked."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.principals import caller_name
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.values import Grant
from ssh_ca.caller_facts import CallerFacts
from ssh_ca.catalogue import Catalogue, Issuer
from ssh_ca.certificates import Certificate, CertificateContent
from ssh_ca.drafts import IssueDraft, accesses_of, draft_of
from ssh_ca.encoder import certificate_line, sign_certificate
from ssh_ca.errors import ChangedMeanwhileError, KeyIdRefusedError, PublicKeyRefusedError
from ssh_ca.operations import IssuedSshCertificate, IssueSshCertificate
from ssh_ca.profiles import BACKDATING
from ssh_ca.public_keys import parse_blob, parse_public_key
from ssh_ca.revoked import RevocationKind
from ssh_ca.serial_numbers import SerialNumbers
from ssh_ca.signatures import public_key_blob
from ssh_ca.storage.certificates import insert_issued
from ssh_ca.storage.revocations import require_not_revoked


class SignedSshCertificate(Struct, frozen=True, kw_only=True):
    """What was signed and is not yet released."""

    certificate: Certificate
    issuer: Issuer
    blob: bytes
    lifetime: timedelta
    private_key: SecretValue[str] | None
    public_key: str | None


class IssueCertificateHandler(
    Handler[IssueSshCertificate, IssueDraft, SignedSshCertificate, IssuedSshCertificate]
):
    """Certifies one public key from a profile."""

    def __init__(
        self,
        catalogue: Catalogue,
        custody: Custody,
        serial_numbers: SerialNumbers,
        identifiers: Identifiers,
        randomness: Randomness,
    ) -> None:
        self._catalogue = catalogue
        self._custody = custody
        self._serial_numbers = serial_numbers
        self._identifiers = identifiers
        self._randomness = randomness

    async def prepare(self, call: Call, operation: IssueSshCertificate) -> Prepared[IssueDraft]:
        """Read the request inside its profile; ask for the envelope and for each principal."""
        issuer = await self._catalogue.issuer(call.home, operation.profile)
        draft = draft_of(operation, issuer, CallerFacts(call.caller, call.home))
        details: dict[str, Any] = {
            "profile": issuer.profile.name,
            "authority": issuer.authority.name,
            # As sshd logs it beside the serial number: its lines and the trail's are joined by the two.
            "authority_key": issuer.fingerprint,
            "key_id": draft.key_id,
            "principals": [name.value for name in draft.principals],
        }
        if draft.subject_key is not None:
            details["public_key"] = draft.subject_key.fingerprint
        return Prepared(draft, accesses_of(operation, draft), details)

    async def sign(self, call: Call, draft: IssueDraft, grant: Grant) -> SignedSshCertificate:
        """Make the key if none was sent, take a serial number, sign, and read what was signed again."""
        issuer = draft.issuer
        subject_key, private_key = draft.subject_key, None
        if subject_key is None:
            assert draft.key_algorithm is not None, "a draft has a key or says which to make"
            generated = await self._custody.generate(draft.key_algorithm)
            subject_key = parse_blob(public_key_blob(generated.public_key), declared=draft.key_type)
            private_key = generated.openssh_pem()
        ttl = draft.ttl
        if not draft.is_ttl_asked and grant.max_ttl is not None:
            ttl = min(ttl, grant.max_ttl)
        now = call.now.replace(microsecond=0)
        content = CertificateContent(
            subject_key=subject_key,
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
        blob = await issuer.signer.in_turn(sign_certificate, *arguments)
        certificate = Certificate(
            id=self._identifiers.new("scr"),
            authority_id=issuer.authority.id,
            authority=issuer.authority.name,
            serial_number=content.serial_number,
            type=content.type,
            key_id=content.key_id,
            principals=content.principals,
            fingerprint=subject_key.fingerprint,
            profile=issuer.profile.name,
            valid_after=content.valid_after,
            valid_before=content.valid_before,
            revoked_at=None,
        )
        return SignedSshCertificate(
            certificate=certificate,
            issuer=issuer,
            blob=blob,
            lifetime=ttl,
            private_key=private_key,
            public_key=None if private_key is None else subject_key.line,
        )

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
            private_key=signed.private_key,
            public_key=signed.public_key,
        )

    def _found_changed(self) -> ChangedMeanwhileError:
        self._catalogue.forget()
        return found_changed()

    def details(self, answer: IssuedSshCertificate) -> Mapping[str, Any]:
        """Return which certificate it became; sshd logs the number too."""
        details = {
            "certificate": answer.id,
            "serial_number": str(answer.serial_number),
            "valid_before": answer.valid_before.isoformat(),
        }
        if answer.public_key is not None:
            details["public_key"] = parse_public_key(answer.public_key).fingerprint
        return details


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
