"""Reads kept keys: opened once that is permitted, answered once the line of the trail is durable."""

import asyncio

from msgspec import Struct

from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.values import Grant
from ca_service.x509.accesses import certificate_access
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.certificates import Certificate
from ca_service.x509.handlers.read_certificates import wanted_certificate
from ca_service.x509.issuers import pem_of
from ca_service.x509.key_keeping import KeyKeeping
from ca_service.x509.operations.kept_keys import ReadKeptKey, RevealedKey


class KeyDraft(Struct, frozen=True):
    """Whose key is asked for, and in which form."""

    certificate: Certificate
    password: SecretValue[str] | None


class ReadKeptKeyHandler(Handler[ReadKeptKey, KeyDraft, RevealedKey, RevealedKey]):
    """Reads one kept key."""

    def __init__(self, catalogue: Catalogue, database: Database, keeping: KeyKeeping) -> None:
        self._catalogue = catalogue
        self._database = database
        self._keeping = keeping

    async def prepare(self, call: Call, operation: ReadKeptKey) -> Prepared[KeyDraft]:
        """Find the certificate; whether a key is kept for it is told to nobody who may not read it."""
        certificate = await wanted_certificate(self._database, call.home, operation.certificate)
        access = certificate_access(operation.action, call, certificate)
        details = {"serial_number": certificate.serial_number, "certificate": certificate.id}
        return Prepared(KeyDraft(certificate, operation.pkcs12_password), (access,), details)

    async def sign(self, call: Call, draft: KeyDraft, grant: Grant) -> RevealedKey:
        """Open the key; nothing is signed."""
        del grant
        certificate = draft.certificate
        key = await self._keeping.open(certificate)
        chain = await self._catalogue.chain_pem(call.home, certificate.authority_id)
        pkcs12 = None
        if draft.password is not None:
            pkcs12 = await asyncio.to_thread(key.pkcs12, certificate.der, chain, draft.password)
        return RevealedKey(
            certificate=certificate,
            certificate_pem=pem_of(certificate.der),
            chain_pem=chain,
            private_key=key.pkcs8_pem(),
            pkcs12=pkcs12,
        )

    async def record(self, transaction: Transaction, call: Call, signed: RevealedKey) -> RevealedKey:
        """Answer: the gate writes the trail's line in this transaction."""
        del transaction, call
        return signed
