"""The object graph of the certificate authority: its handlers, and what publishes for everyone."""

from typing import Any

from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.gate.operation import Operation
from ca_service.gate.port import Gate
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.web.module import AnyHandler
from ca_service.x509.artefacts import Artefacts
from ca_service.x509.authority_assembly import authority_handlers
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.handlers.authority_records import AuthorityPress
from ca_service.x509.handlers.block_keys import (
    BlockKeyHandler,
    ListBlockedKeysHandler,
    ReadBlockedKeyHandler,
    ReserveAccountKeyHandler,
    UnblockKeyHandler,
)
from ca_service.x509.handlers.change_profiles import CreateProfileHandler, UpdateProfileHandler
from ca_service.x509.handlers.issue_certificate import IssueCertificateHandler
from ca_service.x509.handlers.read_certificates import ListCertificatesHandler, ReadCertificateHandler
from ca_service.x509.handlers.read_profiles import (
    ListProfilesHandler,
    ListProfileVersionsHandler,
    ReadProfileHandler,
    ReadProfileVersionHandler,
)
from ca_service.x509.handlers.renew_certificate import RenewCertificateHandler
from ca_service.x509.handlers.revoke_certificate import RevokeCertificateHandler
from ca_service.x509.issuers import PublicAddresses
from ca_service.x509.life_assembly import Life, Surroundings, assemble_life
from ca_service.x509.ocsp_responder import OcspResponder
from ca_service.x509.ocsp_rotation import ResponderRotation
from ca_service.x509.operations import (
    BlockKey,
    CreateProfile,
    IssueCertificate,
    ListBlockedKeys,
    ListCertificates,
    ListProfiles,
    ListProfileVersions,
    ReadBlockedKey,
    ReadCertificate,
    ReadProfile,
    ReadProfileVersion,
    RenewCertificate,
    ReserveAccountKey,
    RevokeCertificate,
    UnblockKey,
    UpdateProfile,
)
from ca_service.x509.publication import Publisher
from ca_service.x509.publishing_assembly import publishing_handlers


class Assembly(Struct, frozen=True):
    """What the module contributes, before it is told as routes and timers."""

    handlers: dict[type[Operation[Any]], AnyHandler]
    artefacts: Artefacts
    publisher: Publisher
    rotation: ResponderRotation
    responder: OcspResponder
    life: Life


def assemble(
    *,
    database: Database,
    custody: Custody,
    gate: Gate,
    identifiers: Identifiers,
    randomness: Randomness,
    plain_public_url: str,
    surroundings: Surroundings,
) -> Assembly:
    """Build everything over the ground."""
    catalogue = Catalogue(database, custody, PublicAddresses(plain_public_url))
    publisher = Publisher(gate, database, identifiers)
    life = assemble_life(surroundings, catalogue, database, custody, gate, publisher, identifiers, randomness)
    press = AuthorityPress(identifiers, randomness)
    return Assembly(
        handlers={
            IssueCertificate: IssueCertificateHandler(
                catalogue, custody, identifiers, randomness, life.accompaniment
            ),
            ReadCertificate: ReadCertificateHandler(catalogue, database),
            ListCertificates: ListCertificatesHandler(catalogue, database),
            RevokeCertificate: RevokeCertificateHandler(
                catalogue, database, publisher, identifiers, life.announcer
            ),
            RenewCertificate: RenewCertificateHandler(database, gate, life.keeping),
            **life.handlers,
            **authority_handlers(catalogue, database, custody, press),
            ListProfiles: ListProfilesHandler(catalogue, database),
            ReadProfile: ReadProfileHandler(catalogue),
            ListProfileVersions: ListProfileVersionsHandler(catalogue, database),
            ReadProfileVersion: ReadProfileVersionHandler(catalogue, database),
            CreateProfile: CreateProfileHandler(catalogue, identifiers),
            UpdateProfile: UpdateProfileHandler(catalogue),
            BlockKey: BlockKeyHandler(identifiers),
            UnblockKey: UnblockKeyHandler(database),
            ReadBlockedKey: ReadBlockedKeyHandler(database),
            ListBlockedKeys: ListBlockedKeysHandler(database),
            ReserveAccountKey: ReserveAccountKeyHandler(),
            **publishing_handlers(catalogue, database, custody, identifiers, randomness, publisher),
        },
        artefacts=Artefacts(catalogue, database, publisher),
        publisher=publisher,
        rotation=ResponderRotation(gate, database, identifiers, catalogue, custody),
        responder=OcspResponder(catalogue, database, custody),
        life=life,
    )
