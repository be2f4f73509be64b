"""The object graph of the certificate authority: its handlers, and what publishes for everyone."""

from typing import Any

from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.gate.handler import Handler, Reader
from ca_service.gate.operation import Operation
from ca_service.gate.port import Gate
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.x509.artefacts import Artefacts
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.handlers.change_profiles import CreateProfileHandler, UpdateProfileHandler
from ca_service.x509.handlers.create_authority import CreateAuthorityHandler
from ca_service.x509.handlers.issue_certificate import IssueCertificateHandler
from ca_service.x509.handlers.publish_revocation_list import PublishRevocationListHandler
from ca_service.x509.handlers.read_authorities import ListAuthoritiesHandler, ReadAuthorityHandler
from ca_service.x509.handlers.read_certificates import ListCertificatesHandler, ReadCertificateHandler
from ca_service.x509.handlers.read_profiles import ListProfilesHandler, ReadProfileHandler
from ca_service.x509.handlers.renew_certificate import RenewCertificateHandler
from ca_service.x509.handlers.revoke_certificate import RevokeCertificateHandler
from ca_service.x509.handlers.update_authority import UpdateAuthorityHandler
from ca_service.x509.issuers import PublicAddresses
from ca_service.x509.ocsp_responder import OcspResponder
from ca_service.x509.operations import (
    CreateAuthority,
    CreateProfile,
    IssueCertificate,
    ListAuthorities,
    ListCertificates,
    ListProfiles,
    PublishRevocationList,
    ReadAuthority,
    ReadCertificate,
    ReadProfile,
    RenewCertificate,
    RevokeCertificate,
    UpdateAuthority,
    UpdateProfile,
)
from ca_service.x509.publication import Publisher


class Assembly(Struct, frozen=True):
    """What the module contributes, before it is told as routes and timers."""

    handlers: dict[type[Operation[Any]], Handler[Any, Any, Any, Any] | Reader[Any, Any]]
    artefacts: Artefacts
    publisher: Publisher
    responder: OcspResponder


def assemble(
    *,
    database: Database,
    custody: Custody,
    gate: Gate,
    identifiers: Identifiers,
    randomness: Randomness,
    plain_public_url: str,
) -> Assembly:
    """Build everything over the ground."""
    catalogue = Catalogue(database, custody, PublicAddresses(plain_public_url))
    publisher = Publisher(gate, database, identifiers)
    return Assembly(
        handlers={
            IssueCertificate: IssueCertificateHandler(catalogue, custody, identifiers, randomness),
            ReadCertificate: ReadCertificateHandler(catalogue, database),
            ListCertificates: ListCertificatesHandler(catalogue, database),
            RevokeCertificate: RevokeCertificateHandler(catalogue, database, publisher),
            RenewCertificate: RenewCertificateHandler(database, gate),
            ListAuthorities: ListAuthoritiesHandler(catalogue, database),
            ReadAuthority: ReadAuthorityHandler(catalogue),
            CreateAuthority: CreateAuthorityHandler(catalogue, custody, identifiers, randomness),
            UpdateAuthority: UpdateAuthorityHandler(catalogue),
            ListProfiles: ListProfilesHandler(catalogue, database),
            ReadProfile: ReadProfileHandler(catalogue),
            CreateProfile: CreateProfileHandler(catalogue, identifiers),
            UpdateProfile: UpdateProfileHandler(catalogue),
            PublishRevocationList: PublishRevocationListHandler(catalogue, database),
        },
        artefacts=Artefacts(catalogue, database, publisher),
        publisher=publisher,
        responder=OcspResponder(catalogue, database),
    )
