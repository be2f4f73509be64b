"""Revokes certificates for the account they were issued to, or for their own key (RFC 8555 section 7.6)."""

import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import load_der_x509_certificate
from msgspec import Struct

from acme.callers import scope_of, signs_as_key
from acme.directories import Directory
from acme.errors import (
    AlreadyRevokedError,
    BadPublicKeyError,
    BadRevocationReasonError,
    DirectoryNotFoundError,
    UnauthorizedError,
)
from acme.operations import RevokeIssued
from acme.resources import directory_access
from acme.storage import directories, orders
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

    def __init__(self, database: Database, gate: Gate) -> None:
        self._database = database
        self._gate = gate

    async def prepare(self, call: Call, operation: RevokeIssued) -> Prepared[RevokeCertificate]:
        directory = await directories.find(self._database, call.home, operation.directory)
        if directory is None:
            raise DirectoryNotFoundError
        reason = REASON_OF_CODE.get(operation.reason_code)
        if reason is None:
            codes = ", ".join(str(code) for code in sorted(REASON_OF_CODE))
            raise BadRevocationReasonError(f"The reason must be one of {codes} (RFC 5280 section 5.3.1).")
        certificate, proof = await self._certificate(call, directory, operation.certificate_der)
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

    async def _certificate(self, call: Call, directory: Directory, der: bytes) -> tuple[str, str]:
        """Return the certificate's id and what entitles the signer to revoke it.

        It is looked up by the digest of the whole: a forged one with the serial number of another is unknown.
        """
        order = await orders.find_by_certificate(self._database, directory, hashlib.sha256(der).digest())
        if order is None or order.certificate is None:
            raise NotFoundError("certificate")
        if not signs_as_key(call.caller):
            if scope_of(call).account != order.account:
                raise UnauthorizedError(
                    "The certificate was issued to another account; sign with it or with its key."
                )
            return order.certificate, "account"
        if _thumbprint_of(der) != call.caller.credential:
            raise UnauthorizedError("The request is signed by a key that is not the certificate's.")
        return order.certificate, "key"


def _thumbprint_of(der: bytes) -> str:
    try:
        return key_of(load_der_x509_certificate(der).public_key()).thumbprint
    except (ValueError, UnsupportedAlgorithm, BadPublicKeyError) as error:
        raise MalformedError("The `certificate` cannot be read.", field="certificate") from error
