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
from ssh_ca.handlers.profiles import (
    CreateProfileHandler,
    ListProfilesReader,
    ReadProfileReader,
    UpdateProfileHandler,
)
from ssh_ca.handlers.publish_revocation_list import PublishRevocationListHandler
from ssh_ca.handlers.read_inventory import (
    ListAuthoritiesReader,
    ListCertificatesReader,
    ReadCertificateReader,
)
from ssh_ca.handlers.revoke_certificates import RevokeCertificatesHandler
from ssh_ca.handlers.rotate_authority import (
    ReadAuthorityReader,
    RetireAuthorityHandler,
    SwitchAuthorityHandler,
)
from ssh_ca.host_callers import HostAuthenticator
from ssh_ca.host_handlers import host_handlers
from ssh_ca.host_policies import POLICIES as HOST_POLICIES
from ssh_ca.host_policies import SCHEMA as HOST_SCHEMA
from ssh_ca.http import HOST_ROUTES, PROJECT_ROUTES, host_routes, public_routes
from ssh_ca.jobs import timers
from ssh_ca.operations import (
    CreateSshAuthority,
    CreateSshProfile,
    IssueSshCertificate,
    ListSshAuthorities,
    ListSshCertificates,
    ListSshProfiles,
    PublishKeyRevocationList,
    ReadSshAuthority,
    ReadSshCertificate,
    ReadSshProfile,
    RetireSshAuthority,
    RevokeSshCertificates,
    SwitchSshAuthority,
    UpdateSshProfile,
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
    issue = IssueCertificateHandler(catalogue, custody, SerialNumbers(database), identifiers, randomness)
    return {
        IssueSshCertificate: issue,
        RevokeSshCertificates: RevokeCertificatesHandler(catalogue, publisher),
        PublishKeyRevocationList: PublishRevocationListHandler(catalogue),
        ListSshCertificates: ListCertificatesReader(catalogue),
        ReadSshCertificate: ReadCertificateReader(catalogue),
        ListSshAuthorities: ListAuthoritiesReader(catalogue),
        ReadSshAuthority: ReadAuthorityReader(catalogue),
        CreateSshAuthority: CreateAuthorityHandler(catalogue, custody, identifiers),
        SwitchSshAuthority: SwitchAuthorityHandler(catalogue),
        RetireSshAuthority: RetireAuthorityHandler(catalogue),
        ListSshProfiles: ListProfilesReader(catalogue),
        ReadSshProfile: ReadProfileReader(catalogue),
        CreateSshProfile: CreateProfileHandler(catalogue, identifiers),
        UpdateSshProfile: UpdateProfileHandler(catalogue),
    }


def build(ground: Ground) -> Contribution:
    """Build the handlers and routes over the ground."""
    catalogue = Catalogue(ground.database, ground.custody, ground.policy)
    publisher = Publisher(ground.gate, ground.database, ground.identifiers)
    tenants = StoredTenants(ground.database, ground.policy)
    artefacts = Artefacts(catalogue, tenants, publisher)
    hosts = HostAuthenticator(
        ground.database, ground.custody, tenants, ground.sponsors, ground.identifiers, ground.randomness
    )

    async def first_start(caller: Caller) -> None:
        await found_authorities(ground.gate, ground.identifiers, caller)

    return Contribution(
        handlers={
            **handlers_over(
                ground.database, ground.custody, catalogue, ground.identifiers, ground.randomness, publisher
            ),
            **host_handlers(
                catalogue,
                ground.custody,
                ground.gate,
                ground.sponsors,
                ground.identifiers,
                ground.randomness,
            ),
        },
        routes=[*PROJECT_ROUTES, *HOST_ROUTES, *host_routes(hosts), *public_routes(artefacts)],
        timers=timers(publisher),
        first_start=first_start,
    )


MODULE = Module(name="ssh_ca", schema=SCHEMA + HOST_SCHEMA, policies=(*POLICIES, *HOST_POLICIES), build=build)
