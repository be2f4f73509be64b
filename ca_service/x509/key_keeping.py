"""Keeping subjects' keys with custody, and giving them back to whom the policy lets read them."""

from datetime import timedelta

from ca_service.custody.custody import Custody
from ca_service.custody.generation import GeneratedKey
from ca_service.database.port import Database, Transaction
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.randomness import Randomness
from ca_service.x509.certificates import Certificate
from ca_service.x509.kept_keys import TABLE, KeptKey, first_renewal, record_of
from ca_service.x509.storage.kept_keys import find_kept_key, insert_kept_key


class KeyKeeping:
    """Seals, finds and opens kept keys."""

    def __init__(self, custody: Custody, database: Database, randomness: Randomness) -> None:
        self._custody = custody
        self._database = database
        self._randomness = randomness
        self.mac = RowMac(custody, TABLE)

    async def seal(
        self, certificate: Certificate, key: GeneratedKey, renew_before: timedelta | None
    ) -> KeptKey:
        """Return the key of a new certificate sealed; nothing is written yet."""
        sealed = await self._custody.seal_leaf_key(certificate.tenant, record_of(certificate.id), key)
        return KeptKey(
            tenant=certificate.tenant,
            certificate=certificate.id,
            owner=certificate.owner,
            sealed=sealed,
            renew_at=first_renewal(
                certificate.created_at, certificate.not_after, renew_before, self._randomness
            ),
        )

    async def keep_on(
        self, old: Certificate, former: KeptKey, new: Certificate, renew_before: timedelta | None
    ) -> KeptKey:
        """Return the key of a certificate sealed once more, for the one that certifies it again."""
        key = await self._custody.open_leaf_key(
            old.tenant, record_of(old.id), former.sealed, old.key_algorithm
        )
        return await self.seal(new, key, renew_before)

    def keep(self, transaction: Transaction, kept: KeptKey) -> None:
        """Write a sealed key down with its certificate."""
        insert_kept_key(transaction, self.mac, kept)

    async def find(self, certificate: Certificate) -> KeptKey | None:
        """Return the sealed key of a certificate, if one is kept."""
        return await find_kept_key(self._database, self.mac, certificate.tenant, certificate.id)

    async def open(self, certificate: Certificate) -> GeneratedKey:
        """Return the key of a certificate. Raises NotFoundError if none is kept, IntegrityError."""
        kept = await self.find(certificate)
        if kept is None:
            raise NotFoundError("key")
        return await self._custody.open_leaf_key(
            certificate.tenant, record_of(certificate.id), kept.sealed, certificate.key_algorithm
        )
