"""Gives authorities their OCSP responders: a key and a certificate for nothing else, kept before use."""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from ca_service.custody.custody import Custody, SealedKey
from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.policy.values import Grant
from ca_service.x509.accesses import authority_access, owner_of
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.certificates import Certificate, serial_text
from ca_service.x509.errors import ChangedMeanwhileError
from ca_service.x509.issuers import Issuer, sign_certificate
from ca_service.x509.ocsp_delegates import (
    DELEGATE_LIFETIME,
    DELEGATE_PROFILE,
    Delegate,
    common_name_of,
    delegate_template,
    key_algorithm_of,
    renewal_of,
    verify_delegate,
)
from ca_service.x509.operations.publishing import RotatedResponder, RotateResponder
from ca_service.x509.publishing import ResponderKind
from ca_service.x509.serial_numbers import new_serial_number
from ca_service.x509.storage.certificates import insert_own
from ca_service.x509.storage.ocsp_responders import TABLE, find_last_delegate, insert_delegate
from ca_service.x509.validity import Validity, validity_from


class ResponderDraft(Struct, frozen=True):
    """Which authority gets a responder, of which generation, and its ends."""

    issuer: Issuer
    generation: int
    validity: Validity


class SignedResponder(Struct, frozen=True):
    """A responder that is not yet kept."""

    key: SealedKey
    certificate: Certificate
    delegate: Delegate


class RotateResponderHandler(Handler[RotateResponder, ResponderDraft, SignedResponder, RotatedResponder]):
    """Makes one responder."""

    def __init__(
        self,
        catalogue: Catalogue,
        database: Database,
        custody: Custody,
        identifiers: Identifiers,
        randomness: Randomness,
    ) -> None:
        self._catalogue = catalogue
        self._database = database
        self._custody = custody
        self._identifiers = identifiers
        self._randomness = randomness
        self._mac = RowMac(custody, TABLE)

    async def prepare(self, call: Call, operation: RotateResponder) -> Prepared[ResponderDraft]:
        """Find the authority and the ends of the responder's certificate."""
        authority = await self._catalogue.authority_by_id(call.home, operation.authority_id)
        if authority is None:
            raise NotFoundError("authority")
        issuer = await self._catalogue.issuer(authority)
        validity = validity_from(call.now, DELEGATE_LIFETIME, issuer.validity)
        draft = ResponderDraft(issuer, operation.former + 1, validity)
        access = authority_access(operation.action, authority)
        return Prepared(draft, (access,), {"generation": draft.generation})

    async def sign(self, call: Call, draft: ResponderDraft, grant: Grant) -> SignedResponder:
        """Make and seal the key, sign the certificate, and read what was signed again."""
        del grant
        issuer = draft.issuer
        await self._verify_wanted(draft)
        algorithm = key_algorithm_of(issuer.authority.key_algorithm)
        generated = await self._custody.generate(algorithm)
        sealed = await self._custody.seal_key(call.home, generated)
        serial_number = new_serial_number(self._randomness)
        template = delegate_template(
            issuer, generated.public_key, serial_number, draft.validity, self._catalogue.addresses
        )
        signed = await sign_certificate(template, issuer.signer)
        der = signed.public_bytes(serialization.Encoding.DER)
        verify_delegate(der, issuer, generated.public_key, serial_number)
        certificate = Certificate(
            id=self._identifiers.new("crt"),
            tenant=call.home,
            authority_id=issuer.authority.id,
            authority=issuer.authority.name,
            profile=DELEGATE_PROFILE,
            serial_number=serial_text(serial_number),
            common_name=common_name_of(issuer),
            names=(),
            key_algorithm=algorithm,
            has_server_made_key=True,
            der=der,
            not_before=draft.validity.not_before,
            not_after=draft.validity.not_after,
            owner=owner_of(call.caller),
            requested_ttl_seconds=int(DELEGATE_LIFETIME.total_seconds()),
            created_at=call.now,
        )
        delegate = Delegate(
            generation=draft.generation,
            key_id=sealed.id,
            certificate_id=certificate.id,
            der=der,
            not_after=draft.validity.not_after,
            renew_at=renewal_of(draft.validity, call.now),
        )
        return SignedResponder(sealed, certificate, delegate)

    async def _verify_wanted(self, draft: ResponderDraft) -> None:
        """Raise ChangedMeanwhileError where no responder is chosen, or another one follows the former."""
        authority = draft.issuer.authority
        last = await find_last_delegate(self._database, self._mac, authority.tenant, authority.id)
        known = 0 if last is None else last.generation
        is_chosen = draft.issuer.publishing.responder is ResponderKind.DELEGATED
        if not is_chosen or known + 1 != draft.generation:
            raise ChangedMeanwhileError(
                "The authority has another responder by now, or chose none; read how it publishes again."
            )

    async def record(self, transaction: Transaction, call: Call, signed: SignedResponder) -> RotatedResponder:
        """Keep key, certificate and responder together: all of it or nothing."""
        certificate, delegate = signed.certificate, signed.delegate
        await self._custody.keep(transaction, signed.key)
        await insert_own(transaction, certificate)
        try:
            await insert_delegate(transaction, self._mac, call.home, certificate.authority_id, delegate)
        except UniqueViolationError as error:
            raise ChangedMeanwhileError("Another process made the responder at the same time.") from error
        # Every process answers with it from its next request on.
        transaction.announce()
        return RotatedResponder(
            authority_id=certificate.authority_id,
            generation=delegate.generation,
            certificate=certificate.id,
            serial_number=certificate.serial_number,
            not_after=delegate.not_after,
        )

    def details(self, answer: RotatedResponder) -> Mapping[str, Any]:
        """Return which certificate it became."""
        return {"certificate": answer.certificate, "serial_number": answer.serial_number}
