"""What goes with an issuance: the key as PKCS #12, the key kept, and whoever is told of it."""

import asyncio

from msgspec import Struct

from ca_service.custody.generation import GeneratedKey
from ca_service.database.port import Transaction
from ca_service.kernel.secret_value import SecretValue
from ca_service.x509.announcer import Announcer
from ca_service.x509.certificates import Certificate
from ca_service.x509.channels import Channel
from ca_service.x509.events import EventKind, certificate_facts
from ca_service.x509.kept_keys import KeptKey
from ca_service.x509.key_keeping import KeyKeeping
from ca_service.x509.profiles import ProfileSettings


class Accompanying(Struct, frozen=True, kw_only=True):
    """What was made ready and is not yet written."""

    pkcs12: SecretValue[bytes] | None = None
    kept: KeptKey | None = None
    kind: EventKind = EventKind.ISSUED
    audience: tuple[Channel, ...] = ()


class Accompaniment:
    """Makes it ready outside the transaction and writes it down inside."""

    def __init__(self, keeping: KeyKeeping, announcer: Announcer) -> None:
        self._keeping = keeping
        self._announcer = announcer

    async def prepare(
        self,
        certificate: Certificate,
        key: GeneratedKey | None,
        settings: ProfileSettings,
        chain_pem: tuple[str, ...],
        password: SecretValue[str] | None,
    ) -> Accompanying:
        """Return what goes with a certificate that was just signed; `key` if it was made here."""
        kind = EventKind.ISSUED if certificate.renewed_from is None else EventKind.RENEWED
        audience = await self._announcer.audience(certificate.tenant, kind)
        if key is None:
            return Accompanying(kind=kind, audience=audience)
        pkcs12 = kept = None
        if password is not None:
            # Two derivations from the password: too long for the event loop.
            pkcs12 = await asyncio.to_thread(key.pkcs12, certificate.der, chain_pem, password)
        if settings.keeps_keys:
            kept = await self._keeping.seal(certificate, key, settings.renew_before)
        return Accompanying(pkcs12=pkcs12, kept=kept, kind=kind, audience=audience)

    async def record(
        self, transaction: Transaction, certificate: Certificate, accompanying: Accompanying
    ) -> None:
        """Write it down behind the certificate."""
        if accompanying.kept is not None:
            self._keeping.keep(transaction, accompanying.kept)
        if accompanying.audience:
            facts = certificate_facts(certificate)
            await self._announcer.tell(transaction, accompanying.audience, accompanying.kind, facts)
