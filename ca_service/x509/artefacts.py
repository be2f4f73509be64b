"""What authorities publish for everyone: roots, their certificates, their CRLs."""

from datetime import datetime
from hashlib import sha256

from msgspec import Struct

from ca_service.database.port import Database
from ca_service.kernel.errors import NotFoundError
from ca_service.x509.authorities import Authority
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.issuers import pem_of
from ca_service.x509.publication import Publisher
from ca_service.x509.storage.authorities import find_first_root, find_public_authority
from ca_service.x509.storage.revocation_lists import RevocationListFacts, find_public_revocation_list


class Artefact(Struct, frozen=True):
    """Bytes with what a cache needs to know; `max_age` is in seconds."""

    body: bytes
    media_type: str
    etag: str
    last_modified: datetime
    max_age: int


class Artefacts:
    """Reads artefacts; no caller, no policy, nothing written."""

    def __init__(self, catalogue: Catalogue, database: Database, publisher: Publisher) -> None:
        self._catalogue = catalogue
        self._database = database
        self._publisher = publisher

    async def roots(self) -> Artefact:
        """Return the instance's trust anchor in PEM. Raises NotFoundError before first start made it."""
        root = await find_first_root(self._database, self._catalogue.authority_mac)
        if root is None:
            raise NotFoundError("root")
        body = pem_of(root.certificate_der).encode("ascii")
        return _artefact(body, "application/x-pem-file", root.created_at, max_age=3600)

    async def certificate_der(self, authority_id: str) -> Artefact:
        """Return an authority's certificate (RFC 5280 section 4.2.2.1). Raises NotFoundError."""
        authority = await self._authority(authority_id)
        return _artefact(
            authority.certificate_der, "application/pkix-cert", authority.created_at, max_age=3600
        )

    async def certificate_pem(self, authority_id: str) -> Artefact:
        """Return an authority's certificate in PEM. Raises NotFoundError."""
        authority = await self._authority(authority_id)
        body = pem_of(authority.certificate_der).encode("ascii")
        return _artefact(body, "application/x-pem-file", authority.created_at, max_age=3600)

    async def revocation_list(self, authority_id: str) -> Artefact:
        """Return an authority's CRL in DER, a new one if it is behind. Raises NotFoundError."""
        facts = await find_public_revocation_list(self._database, authority_id)
        if facts is not None and facts.is_behind:
            authority = await self._authority(authority_id)
            await self._publisher.publish_patiently(authority.tenant, authority_id)
            facts = await find_public_revocation_list(self._database, authority_id)
        if facts is None:
            raise NotFoundError("authority")
        # A revocation is published at once, so a cache keeps a list for a minute only (RFC 5019 section 6).
        return _artefact(facts.der, "application/pkix-crl", facts.this_update, max_age=self._max_age(facts))

    def _max_age(self, facts: RevocationListFacts) -> int:
        left = int((facts.next_update - self._database.now()).total_seconds())
        return max(0, min(60, left))

    async def _authority(self, authority_id: str) -> Authority:
        authority = await find_public_authority(self._database, self._catalogue.authority_mac, authority_id)
        if authority is None:
            raise NotFoundError("authority")
        return authority


def _artefact(body: bytes, media_type: str, last_modified: datetime, *, max_age: int) -> Artefact:
    return Artefact(body, media_type, f'"{sha256(body).hexdigest()[:32]}"', last_modified, max_age)
