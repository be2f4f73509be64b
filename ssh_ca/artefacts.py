"""What SSH authorities publish for everyone: their public keys, and what they revoked."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256

from msgspec import Struct

from ca_service.gate.port import Tenants
from ca_service.kernel.errors import NotFoundError, UnavailableError
from ssh_ca.catalogue import Catalogue
from ssh_ca.certificates import CertificateType
from ssh_ca.publication import Publisher
from ssh_ca.signatures import public_key_line
from ssh_ca.storage.revocation_lists import find_revocation_list

_FILES = {"user-ca.pub": CertificateType.USER, "host-ca.pub": CertificateType.HOST}
#: The web layer adds the charset.
_TEXT = "text/plain"
_HEADERS = {"cache-control": "public, max-age=60", "access-control-allow-origin": "*"}


class PublishedList(Struct, frozen=True):
    """A key revocation list and its signature. `etag` is of both: it tells a pair from halves of two."""

    content: bytes
    signature: bytes
    etag: str
    last_modified: datetime


class Artefacts:
    """Reads artefacts; no caller, no policy, nothing written."""

    def __init__(self, catalogue: Catalogue, tenants: Tenants, publisher: Publisher) -> None:
        self._catalogue = catalogue
        self._tenants = tenants
        self._publisher = publisher

    async def __call__(self, path: str) -> tuple[str, bytes, Mapping[str, str]]:
        """Return content type, body and headers of `{project}/user-ca.pub` or `{project}/host-ca.pub`.

        Raises NotFoundError. It is a `PlainRoute`.
        """
        project, _, file = path.strip("/").partition("/")
        kind = _FILES.get(file)
        if kind is None:
            raise NotFoundError("address")
        return _TEXT, await self.authority_keys(project, kind), _HEADERS

    async def authority_keys(self, project: str, kind: CertificateType) -> bytes:
        """Return the trusted keys of a project for users or hosts, one a line, the oldest first."""
        tenant = await self._tenants.project(project)
        found = [each for each in await self._catalogue.authorities(tenant) if each.type is kind]
        lines = [
            public_key_line(authority.public_key, f"{project}/{authority.name}")
            for authority in sorted(found, key=lambda authority: (authority.created_at, authority.id))
            if authority.status.is_trusted
        ]
        return "".join(f"{line}\n" for line in lines).encode()

    async def revocation_list(self, project: str) -> PublishedList:
        """Return the key revocation list of a project, a new one if it is behind.

        Raises NotFoundError for a project that is not there or has no authorities.
        """
        tenant = await self._tenants.project(project)
        database = self._catalogue.database
        facts = await find_revocation_list(database, tenant)
        if facts is None and not await self._catalogue.authorities(tenant):
            raise NotFoundError("revocation list")
        if facts is None or facts.is_behind:
            await self._publisher.publish_patiently(tenant)
            facts = await find_revocation_list(database, tenant)
        if facts is None or not facts.version:
            raise UnavailableError(
                "The first revocation list of this project is not signed yet; ask again.",
                retry_after=timedelta(seconds=1),
            )
        etag = f'"{facts.version}-{sha256(facts.content).hexdigest()[:16]}"'
        return PublishedList(facts.content, facts.signature, etag, facts.published_at)
