"""Lists authorities and certificates."""

from ca_service.gate.handler import Call, Prepared, Reader
from ca_service.kernel.errors import NotFoundError
from ssh_ca.accesses import authority_access, project_access
from ssh_ca.authorities import SshAuthority
from ssh_ca.catalogue import Catalogue
from ssh_ca.certificates import status_of
from ssh_ca.encoder import certificate_line
from ssh_ca.operations import (
    ListedSshCertificate,
    ListSshAuthorities,
    ListSshCertificates,
    ReadSshCertificate,
    SshCertificatePage,
)
from ssh_ca.storage.certificates import find_certificate, list_certificates


class ListAuthoritiesReader(Reader[ListSshAuthorities, tuple[SshAuthority, ...]]):
    """Lists authorities."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ListSshAuthorities) -> Prepared[tuple[SshAuthority, ...]]:
        """Read all of the project."""
        found = await self._catalogue.authorities(call.home)
        return Prepared(tuple(found), (project_access(operation.action, call.home),))


class ReadCertificateReader(Reader[ReadSshCertificate, tuple[ListedSshCertificate, str]]):
    """Reads one certificate."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(
        self, call: Call, operation: ReadSshCertificate
    ) -> Prepared[tuple[ListedSshCertificate, str]]:
        """Read it by its id; who may see its authority may see it."""
        database = self._catalogue.database
        found = await find_certificate(database, call.home, operation.certificate)
        if found is None:
            raise NotFoundError("certificate")
        certificate, blob = found
        authority = await self._catalogue.authority(call.home, certificate.authority)
        listed = ListedSshCertificate(certificate=certificate, status=status_of(certificate, database.now()))
        access = authority_access(operation.action, authority, noun="certificate")
        return Prepared((listed, certificate_line(blob)), (access,), {"certificate": certificate.id})


class ListCertificatesReader(Reader[ListSshCertificates, SshCertificatePage]):
    """Lists the inventory, newest first."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ListSshCertificates) -> Prepared[SshCertificatePage]:
        """Read one page, and one row more to know whether another follows."""
        database = self._catalogue.database
        found = await list_certificates(
            database, call.home, operation.filter, operation.limit + 1, operation.after
        )
        shown = found[: operation.limit]
        now = database.now()
        page = SshCertificatePage(
            tuple([ListedSshCertificate(certificate=each, status=status_of(each, now)) for each in shown]),
            shown[-1].id if len(found) > len(shown) else None,
        )
        return Prepared(page, (project_access(operation.action, call.home),), {"items": len(shown)})
