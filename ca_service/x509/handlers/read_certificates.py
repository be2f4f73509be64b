"""Reads the inventory: one certificate, or a page of them."""

from ca_service.database.port import Database
from ca_service.gate.handler import Call, Prepared, Reader
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.accesses import certificate_access, project_access
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.certificates import Certificate
from ca_service.x509.handlers.import_certificate import list_import
from ca_service.x509.imports import ImportedCertificate
from ca_service.x509.inventory import (
    InventoryQuery,
    Position,
    parse_name_query,
    parse_order,
    parse_position,
    parse_serial_number,
    position_text,
)
from ca_service.x509.issuers import pem_of
from ca_service.x509.mass_revocations import parse_hash
from ca_service.x509.operations import (
    CertificatePage,
    ListCertificates,
    ListedCertificate,
    ReadCertificate,
)
from ca_service.x509.operations.imports import ListedImport
from ca_service.x509.storage.certificates import find_certificate
from ca_service.x509.storage.imports import search_imports
from ca_service.x509.storage.inventory import search_certificates


async def list_one(catalogue: Catalogue, call: Call, certificate: Certificate) -> ListedCertificate:
    """Return a certificate as answers show it."""
    chain, alternates = await catalogue.chains_pem(certificate.tenant, certificate.authority_id)
    return ListedCertificate(
        certificate=certificate,
        status=certificate.status(call.now),
        certificate_pem=pem_of(certificate.der),
        chain_pem=chain,
        alternates=alternates,
    )


async def wanted_certificate(database: Database, tenant: Tenant, certificate_id: str) -> Certificate:
    """Return the certificate of this id. Raises NotFoundError."""
    certificate = await find_certificate(database, tenant, certificate_id)
    if certificate is None:
        raise NotFoundError("certificate")
    return certificate


class ReadCertificateHandler(Reader[ReadCertificate, ListedCertificate]):
    """Reads one certificate."""

    def __init__(self, catalogue: Catalogue, database: Database) -> None:
        self._catalogue = catalogue
        self._database = database

    async def prepare(self, call: Call, operation: ReadCertificate) -> Prepared[ListedCertificate]:
        """Read it and ask whether the caller may."""
        certificate = await wanted_certificate(self._database, call.home, operation.certificate)
        answer = await list_one(self._catalogue, call, certificate)
        return Prepared(answer, (certificate_access(operation.action, call, certificate),))


class ListCertificatesHandler(Reader[ListCertificates, CertificatePage]):
    """Reads a page of the inventory."""

    def __init__(self, catalogue: Catalogue, database: Database) -> None:
        self._catalogue = catalogue
        self._database = database

    async def prepare(self, call: Call, operation: ListCertificates) -> Prepared[CertificatePage]:
        """Read the page and ask whether the caller may see all that is in the project."""
        access = project_access(operation.action, call.home)
        query = await self._query(call, operation)
        if query is None:
            return Prepared(CertificatePage((), None), (access,))
        most = operation.limit + 1
        found = _in_order(
            query.order_by,
            await search_certificates(self._database, call.home, query, most=most),
            await search_imports(self._database, call.home, query, most=most),
        )
        shown = found[: operation.limit]
        items = [await self._listed(call, certificate) for certificate in shown]
        following = _position(query.order_by, shown[-1]) if len(found) > len(shown) else None
        return Prepared(CertificatePage(tuple(items), following), (access,))

    async def _listed(
        self, call: Call, found: Certificate | ImportedCertificate
    ) -> ListedCertificate | ListedImport:
        if isinstance(found, Certificate):
            return await list_one(self._catalogue, call, found)
        return list_import(found)

    async def _query(self, call: Call, operation: ListCertificates) -> InventoryQuery | None:
        """Return the search; None if it names an authority that is not there, so that nothing can match."""
        wanted = operation.filter
        order_by = parse_order(operation.order_by)
        authority_id = None
        if wanted.authority is not None:
            authority = await self._catalogue.authority(call.home, wanted.authority)
            if authority is None:
                return None
            authority_id = authority.id
        return InventoryQuery(
            now=call.now,
            serial_number=(
                None if wanted.serial_number is None else parse_serial_number(wanted.serial_number)
            ),
            status=wanted.status,
            name=None if wanted.name is None else parse_name_query(wanted.name),
            profile=wanted.profile,
            authority_id=authority_id,
            expires_before=wanted.expires_before,
            expires_after=wanted.expires_after,
            fingerprint=_hash(wanted.fingerprint, "fingerprint"),
            key_hash=_hash(wanted.key_hash, "key_hash"),
            order_by=order_by,
            after=None if operation.cursor is None else parse_position(operation.cursor, order_by),
        )


def _hash(text: str | None, field: str) -> bytes | None:
    return None if text is None else parse_hash(text, field=field)


def _in_order(
    order_by: str, own: list[Certificate], imported: list[ImportedCertificate]
) -> list[Certificate | ImportedCertificate]:
    """Return both in one order; ids of either kind are sorted by birth behind their mark."""
    if not imported:
        return [*own]

    def place(certificate: Certificate | ImportedCertificate) -> tuple[int, str]:
        return _sort_key(order_by, certificate), certificate.id.partition("_")[2]

    return sorted((*own, *imported), key=place, reverse=order_by.startswith("-"))


def _position(order_by: str, certificate: Certificate | ImportedCertificate) -> str:
    return position_text(Position(order_by, _sort_key(order_by, certificate), certificate.id))


def _sort_key(order_by: str, certificate: Certificate | ImportedCertificate) -> int:
    # Ids are sorted by birth: for `created_at` they are enough.
    return to_microseconds(certificate.not_after) if order_by.endswith("not_after") else 0
