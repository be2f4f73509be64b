"""What SSH authorities publish for everyone: their public keys."""

from collections.abc import Mapping

from ca_service.gate.port import Tenants
from ca_service.kernel.errors import NotFoundError
from ssh_ca.authorities import AuthorityStatus
from ssh_ca.catalogue import Catalogue
from ssh_ca.certificates import CertificateType
from ssh_ca.encoder import public_key_line

_FILES = {"user-ca.pub": CertificateType.USER, "host-ca.pub": CertificateType.HOST}
#: The web layer adds the charset.
_TEXT = "text/plain"
_HEADERS = {"cache-control": "public, max-age=60", "access-control-allow-origin": "*"}


class Artefacts:
    """Reads artefacts; no caller, no policy, nothing written."""

    def __init__(self, catalogue: Catalogue, tenants: Tenants) -> None:
        self._catalogue = catalogue
        self._tenants = tenants

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
        """Return the keys of a project's authorities for users or hosts, one a line, the oldest first."""
        tenant = await self._tenants.project(project)
        found = [each for each in await self._catalogue.authorities(tenant) if each.type is kind]
        lines = [
            public_key_line(authority.public_key, f"{project}/{authority.name}")
            for authority in sorted(found, key=lambda authority: (authority.created_at, authority.id))
            if authority.status is AuthorityStatus.ACTIVE
        ]
        return "".join(f"{line}\n" for line in lines).encode()
