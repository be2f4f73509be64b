"""Revokes certificates (RFC 8555 section 7.6).

Three may ask for it: the account that a certificate was issued to, its own key, and another account of the
same directory that has since proved every name in it (S12).
"""

import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import Certificate, InvalidVersion, load_der_x509_certificate
from msgspec import Struct

from acme.authorizations import AuthorizationStatus
from acme.callers import scope_of, signs_as_key
from acme.directories import DirectoryId
from acme.directory_cache import DirectoryCache
from acme.errors import (
    AlreadyRevokedError,
    BadPublicKeyError,
    BadRevocationReasonError,
    DirectoryNotFoundError,
    UnauthorizedError,
)
from acme.operations import RevokeIssued
from acme.orders import CertificateId, Order
from acme.resources import directory_access
from acme.storage import authorizations, orders
from acme.wire.keys import key_of
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.port import Child, Gate
from ca_service.kernel.errors import ForbiddenError, MalformedError, NotFoundError
from ca_service.policy.values import Grant
from ca_service.x509.operations import ListedCertificate, RevokeCertificate
from ca_service.x509.reasons import REASON_OF_CODE


class SignedRevocation(Struct, frozen=True):
    """A revocation that was decided and waits for its transaction."""

    child: Child[ListedCertificate]


class CertificateRevocation(Handler[RevokeIssued, RevokeCertificate, SignedRevocation, None]):
    """Revokes one certificate of one directory; the certificate authority does it as a child operation."""

    def __init__(self, database: Database, gate: Gate, directories: DirectoryCache) -> None:
        self._database = database
        self._gate = gate
        self._directories = directories

    async def prepare(self, call: Call, operation: RevokeIssued) -> Prepared[RevokeCertificate]:
        directory = await self._directories.by_id(call.home, DirectoryId(operation.directory))
        if directory is None:
            raise DirectoryNotFoundError
        reason = REASON_OF_CODE.get(operation.reason_code)
        if reason is None:
            codes = ", ".join(str(code) for code in sorted(REASON_OF_CODE))
            raise BadRevocationReasonError(f"The reason must be one of {codes} (RFC 5280 section 5.3.1).")
        certificate, proof = await self._certificate(call, directory.id, operation.certificate_der)
        revoke = RevokeCertificate(
            project=call.home.project, certificate=certificate, reason=reason, proof=proof
        )
        details = {"certificate": certificate, "reason": reason.value, "proof": proof}
        return Prepared(revoke, (directory_access(operation.action, directory),), details)

    async def sign(self, call: Call, draft: RevokeCertificate, grant: Grant) -> SignedRevocation:
        del grant
        try:
            return SignedRevocation(await self._gate.prepare(call, draft))
        except (NotFoundError, ForbiddenError) as error:
            raise UnauthorizedError(
                "The policy of this directory does not permit this revocation."
            ) from error

    async def record(self, transaction: Transaction, call: Call, signed: SignedRevocation) -> None:
        done = await self._gate.record(transaction, signed.child)
        revoked_at = done.certificate.revoked_at
        if revoked_at is not None and revoked_at < call.now:
            raise AlreadyRevokedError("The certificate was revoked before; there is nothing left to do.")

    async def _certificate(self, call: Call, directory: DirectoryId, der: bytes) -> tuple[CertificateId, str]:
        """Return the certificate's id and what entitles the signer to revoke it.

        It is looked up by the digest of the whole: a forged one with the serial number of another is unknown.
        """
        certificate = _parse(der)
        digest = hashlib.sha256(der).digest()
        order = await orders.find_by_certificate(self._database, call.home, directory, digest)
        if order is None or order.certificate is None:
            raise NotFoundError("certificate")
        proof = await self._proof(call, order, certificate)
        if certificate.not_valid_after_utc < call.now:
            raise UnauthorizedError("The certificate has expired; there is nothing left to revoke.")
        return order.certificate, proof

    async def _proof(self, call: Call, order: Order, certificate: Certificate) -> str:
        if signs_as_key(call.caller):
            if _thumbprint_of(certificate) != call.caller.credential:
                raise UnauthorizedError("The request is signed by a key that is not the certificate's.")
            return "key"
        if scope_of(call).account == order.account:
            return "account"
        if not await self._holds_all(call, order):
            raise UnauthorizedError(
                "The certificate was issued to another account; sign with it or with the certificate's key, "
                "or prove all of its names first."
            )
        return "authorizations"

    async def _holds_all(self, call: Call, order: Order) -> bool:
        """Return whether the caller proved every name of an order after that was made, and holds them all."""
        proved = await authorizations.proved_since(
            self._database, scope_of(call), order.identifiers, created_after=order.created_at
        )
        held = {
            (each.identifier, each.is_wildcard)
            for each in proved
            if each.status_at(call.now) is AuthorizationStatus.VALID
        }
        return all((each.base, each.is_wildcard) in held for each in order.identifiers)


def _parse(der: bytes) -> Certificate:
    try:
        return load_der_x509_certificate(der)
    except (ValueError, InvalidVersion, UnsupportedAlgorithm) as error:
        raise MalformedError("The `certificate` cannot be read.", field="certificate") from error


def _thumbprint_of(certificate: Certificate) -> str:
    try:
        return key_of(certificate.public_key()).thumbprint
    except (ValueError, UnsupportedAlgorithm, BadPublicKeyError) as error:
        raise MalformedError("The `certificate` cannot be read.", field="certificate") from error
