"""Everything the SSH authority contributes to the service."""

from collections.abc import Mapping
from typing import Any

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.gate.caller import Caller
from ca_service.gate.operation import Operation
from ca_service.governance.tenants import StoredTenants
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.web.module import AnyHandler, Contribution, Ground, Module
from ssh_ca.artefacts import Artefacts
from ssh_ca.catalogue import Catalogue
from ssh_ca.first_start import found_authorities
from ssh_ca.handlers.create_authority import CreateAuthorityHandler
from ssh_ca.handlers.issue_certificate import IssueCertificateHandler
from ssh_ca.handlers.profiles import CreateProfileHandler, ListProfilesReader, ReadProfileReader
from ssh_ca.handlers.publish_revocation_list import PublishRevocationListHandler
from ssh_ca.handlers.read_inventory import (
    ListAuthoritiesReader,
    ListCertificatesReader,
    ReadCertificateReader,
)
from ssh_ca.handlers.revoke_certificates import RevokeCertificatesHandler
from ssh_ca.http import PROJECT_ROUTES, public_routes
from ssh_ca.jobs import timers
from ssh_ca.operations import (
    CreateSshAuthority,
    CreateSshProfile,
    IssueSshCertificate,
    ListSshAuthorities,
    ListSshCertificates,
    ListSshProfiles,
    PublishKeyRevocationList,
    ReadSshCertificate,
    ReadSshProfile,
    RevokeSshCertificates,
)
from ssh_ca.policies import POLICIES, SCHEMA
from ssh_ca.publication import Publisher
from ssh_ca.serial_numbers import SerialNumbers


def handlers_over(
    database: Database,
    custody: Custody,
    catalogue: Catalogue,
    identifiers: Identifiers,
    randomness: Randomness,
    publisher: Publisher,
) -> Mapping[type[Operation[Any]], AnyHandler]:
    """Return the handler of each operation."""
    issue = IssueCertificateHandler(catalogue, SerialNumbers(database), identifiers, randomness)
    return {
        IssueSshCertificate: issue,
        RevokeSshCertificates: RevokeCertificatesHandler(catalogue, publisher),
        PublishKeyRevocationList: PublishRevocationListHandler(catalogue),
        ListSshCertificates: ListCertificatesReader(catalogue),
        ReadSshCertificate: ReadCertificateReader(catalogue),
        ListSshAuthorities: ListAuthoritiesReader(catalogue),
        CreateSshAuthority: CreateAuthorityHandler(catalogue, custody, identifiers),
        ListSshProfiles: ListProfilesReader(catalogue),
        ReadSshProfile: ReadProfileReader(catalogue),
        CreateSshProfile: CreateProfileHandler(catalogue, identifiers),
    }


def build(ground: Ground) -> Contribution:
    """Build the handlers and routes over the ground."""
    catalogue = Catalogue(ground.database, ground.custody, ground.policy)
    publisher = Publisher(ground.gate, ground.database, ground.identifiers)
    artefacts = Artefacts(catalogue, StoredTenants(ground.database, ground.policy), publisher)

    async def first_start(caller: Caller) -> None:
        await found_authorities(ground.gate, ground.identifiers, caller)

    return Contribution(
        handlers=handlers_over(
            ground.database, ground.custody, catalogue, ground.identifiers, ground.randomness, publisher
        ),
        routes=[*PROJECT_ROUTES, *public_routes(artefacts)],
        timers=timers(publisher),
        first_start=first_start,
    )


MODULE = Module(name="ssh_ca", schema=SCHEMA, policies=POLICIES, build=build)
