"""Reads authorities: public facts, for whoever may see the project's."""

from ca_service.database.port import Database
from ca_service.gate.handler import Call, Prepared, Reader
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.accesses import authority_access, project_access
from ca_service.x509.authorities import Authority
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.issuers import pem_of
from ca_service.x509.operations import DescribedAuthority, ListAuthorities, ReadAuthority
from ca_service.x509.storage.authorities import list_authorities


def describe_authority(
    catalogue: Catalogue, authority: Authority, above: tuple[Authority, ...]
) -> DescribedAuthority:
    """Return an authority as answers show it; `above` are its issuers, nearest first."""
    return DescribedAuthority(
        authority=authority,
        parent=above[0].name if above else None,
        certificate_pem=pem_of(authority.certificate_der),
        chain_pem=tuple(pem_of(link.certificate_der) for link in above if not link.is_root),
        certificate_url=catalogue.addresses.certificate(authority.id),
        crl_url=catalogue.addresses.revocation_list(authority.id),
        ocsp_url=catalogue.addresses.responder(authority.id),
    )


async def wanted_authority(catalogue: Catalogue, tenant: Tenant, name: str) -> Authority:
    """Return the authority of this name. Raises NotFoundError."""
    authority = await catalogue.authority(tenant, name)
    if authority is None:
        raise NotFoundError("authority")
    return authority


class ReadAuthorityHandler(Reader[ReadAuthority, DescribedAuthority]):
    """Reads one authority."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ReadAuthority) -> Prepared[DescribedAuthority]:
        """Read it and ask whether the caller may."""
        authority = await wanted_authority(self._catalogue, call.home, operation.name)
        answer = describe_authority(self._catalogue, authority, await self._catalogue.above(authority))
        return Prepared(answer, (authority_access(operation.action, authority),))


class ListAuthoritiesHandler(Reader[ListAuthorities, tuple[DescribedAuthority, ...]]):
    """Reads all authorities of a project."""

    def __init__(self, catalogue: Catalogue, database: Database) -> None:
        self._catalogue = catalogue
        self._database = database

    async def prepare(
        self, call: Call, operation: ListAuthorities
    ) -> Prepared[tuple[DescribedAuthority, ...]]:
        """Read them and ask whether the caller may see those of the project."""
        found = await list_authorities(self._database, self._catalogue.authority_mac, call.home)
        found.sort(key=lambda authority: not authority.is_root)
        answer = [
            describe_authority(self._catalogue, authority, await self._catalogue.above(authority))
            for authority in found
        ]
        return Prepared(tuple(answer), (project_access(operation.action, call.home),))
