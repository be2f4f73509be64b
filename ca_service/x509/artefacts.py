"""What authorities publish for everyone: roots, their certificates, their CRLs."""

from datetime import datetime
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from ca_service.database.port import Database
from ca_service.kernel.errors import NotFoundError
from ca_service.x509.authorities import Authority
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.issuers import pem_of
from ca_service.x509.publication import Publisher
from ca_service.x509.storage.authorities import find_first_root, find_public_authority
from ca_service.x509.storage.revocation_lists import find_public_revocation_list

#: How long caches keep what a revocation changes: it is published at once, so a minute only.
_CACHED_SECONDS = 60
OCSP_RESPONSE = "application/ocsp-response"


class Artefact(Struct, frozen=True):
    """Bytes with what a cache needs to know; `max_age` is in seconds.

    `expires` is until when a signed answer is good, where caches are to be told (RFC 5019 section 6.2).
    """

    body: bytes
    media_type: str
    etag: str
    last_modified: datetime
    max_age: int
    expires: datetime | None = None


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
        max_age = _max_age(facts.next_update, self._database.now())
        return _artefact(facts.der, "application/pkix-crl", facts.this_update, max_age=max_age)

    async def _authority(self, authority_id: str) -> Authority:
        authority = await find_public_authority(self._database, self._catalogue.authority_mac, authority_id)
        if authority is None:
            raise NotFoundError("authority")
        return authority


def artefact_of_status(body: bytes, this_update: datetime, next_update: datetime, now: datetime) -> Artefact:
    """Return an OCSP answer as caches want it (RFC 5019 section 6.2)."""
    max_age = _max_age(next_update, now)
    return replace(_artefact(body, OCSP_RESPONSE, this_update, max_age=max_age), expires=next_update)


def _max_age(next_update: datetime, now: datetime) -> int:
    return max(0, min(_CACHED_SECONDS, int((next_update - now).total_seconds())))


def _artefact(body: bytes, media_type: str, last_modified: datetime, *, max_age: int) -> Artefact:
    return Artefact(body, media_type, f'"{sha256(body).hexdigest()[:32]}"', last_modified, max_age)
