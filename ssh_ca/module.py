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
from ssh_ca.handlers.read_inventory import (
    ListAuthoritiesReader,
    ListCertificatesReader,
    ReadCertificateReader,
)
from ssh_ca.handlers.revoke_certificates import RevokeCertificatesHandler
from ssh_ca.http import PROJECT_ROUTES, public_routes
from ssh_ca.operations import (
    CreateSshAuthority,
    CreateSshProfile,
    IssueSshCertificate,
    ListSshAuthorities,
    ListSshCertificates,
    ListSshProfiles,
    ReadSshCertificate,
    ReadSshProfile,
    RevokeSshCertificates,
)
from ssh_ca.serial_numbers import SerialNumbers

SCHEMA = """
// The SSH authority. `cert_type` is user or host. A certificate is decided once without `name`, then for each
// principal with it: kind principal for users, dns or ip for hosts.
entity SshAuthority in [Project] = { name: String, cert_type: String };
entity SshProfile in [Project] = { name: String, cert_type: String };

action "ssh:sign" in [Action::"uses"] appliesTo {
  principal: [Identity, User, System],
  resource: [SshProfile],
  context: {
    profile: String, cert_type: String, key_type: String, key_id: String, ttl: duration, name?: Name,
    critical_options: Set<String>, extensions: Set<String>, force_command?: String, source_address?: String
  }
};
action "ssh:read" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System],
  resource: [SshAuthority, SshProfile, Project]
};
action "ssh:revoke" in [Action::"uses"] appliesTo {
  principal: [Identity, User, System],
  resource: [SshAuthority]
};
// A serial number that the inventory does not know.
action "ssh:revoke-unknown" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [SshAuthority]
};
action "ssh:manage" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [SshAuthority, SshProfile, Project]
};
"""


def handlers_over(
    database: Database,
    custody: Custody,
    catalogue: Catalogue,
    identifiers: Identifiers,
    randomness: Randomness,
) -> Mapping[type[Operation[Any]], AnyHandler]:
    """Return the handler of each operation."""
    issue = IssueCertificateHandler(catalogue, SerialNumbers(database), identifiers, randomness)
    return {
        IssueSshCertificate: issue,
        RevokeSshCertificates: RevokeCertificatesHandler(catalogue),
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
    artefacts = Artefacts(catalogue, StoredTenants(ground.database, ground.policy))

    async def first_start(caller: Caller) -> None:
        await found_authorities(ground.gate, ground.identifiers, caller)

    return Contribution(
        handlers=handlers_over(
            ground.database, ground.custody, catalogue, ground.identifiers, ground.randomness
        ),
        routes=[*PROJECT_ROUTES, *public_routes(artefacts)],
        first_start=first_start,
    )


MODULE = Module(name="ssh_ca", schema=SCHEMA, policies=(), build=build)
