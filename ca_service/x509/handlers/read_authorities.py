"""Reads authorities: public facts, for whoever may see the project's."""

from cryptography import x509

from ca_service.database.port import Database
from ca_service.gate.handler import Call, Prepared, Reader
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.accesses import authority_access, project_access
from ca_service.x509.authorities import Authority, CrossCertificate
from ca_service.x509.authority_constraints import AuthorityConstraints, read_authority_constraints
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.chains import without_root
from ca_service.x509.issuers import pem_of
from ca_service.x509.operations import DescribedAuthority, ListAuthorities, ReadAuthority
from ca_service.x509.storage.authorities import list_authorities

_REQUEST = "CERTIFICATE REQUEST"


async def described_in(
    catalogue: Catalogue,
    authority: Authority,
    *,
    further: CrossCertificate | None = None,
    renamed: Authority | None = None,
) -> DescribedAuthority:
    """Return an authority as answers show it, whether it is written down yet or not.

    Neither need be `further`, another certificate of it, or `renamed`, its predecessor under another name.
    """
    tenant = authority.tenant
    parent = None if authority.parent is None else await catalogue.authority_by_id(tenant, authority.parent)
    former = renamed
    if former is None and authority.predecessor is not None:
        former = await catalogue.authority_by_id(tenant, authority.predecessor)
    chains = await catalogue.chains(authority, further=further)
    constraints = AuthorityConstraints()
    if not authority.is_pending:
        constraints = read_authority_constraints(x509.load_der_x509_certificate(authority.certificate_der))
    return DescribedAuthority(
        authority=authority,
        parent=None if parent is None else parent.name,
        certificate_pem=None if authority.is_pending else pem_of(authority.certificate_der),
        chain_pem=_pems(chains[0][1:]) if chains else (),
        certificate_url=catalogue.addresses.certificate(authority.id),
        crl_url=catalogue.addresses.revocation_list(authority.id),
        ocsp_url=catalogue.addresses.responder(authority.id),
        alternates=tuple(_pems(chain) for chain in chains[1:]),
        csr_pem=None if authority.csr_der is None else pem_of(authority.csr_der, _REQUEST),
        path_length=constraints.path_length,
        permitted_names=constraints.names.permitted,
        excluded_names=constraints.names.excluded,
        extended_key_usages=constraints.purpose_words,
        predecessor=None if former is None else former.name,
    )


def _pems(chain: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(map(pem_of, without_root(chain)))


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
        answer = await described_in(self._catalogue, authority)
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
        answer = [await described_in(self._catalogue, authority) for authority in found]
        return Prepared(tuple(answer), (project_access(operation.action, call.home),))
