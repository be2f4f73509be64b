"""The handlers of everything that can be asked about hosts."""

from collections.abc import Mapping
from typing import Any

from ca_service.custody.custody import Custody
from ca_service.gate.operation import Operation
from ca_service.gate.port import Gate, Sponsors
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.web.module import AnyHandler
from ssh_ca.catalogue import Catalogue
from ssh_ca.handlers.enrol_host import EnrolHostHandler
from ssh_ca.handlers.host_tokens import (
    CreateHostTokenHandler,
    ListHostTokensReader,
    RevokeHostTokenHandler,
)
from ssh_ca.handlers.login_mappings import CreateMappingHandler, ListMappingsReader, RemoveMappingHandler
from ssh_ca.handlers.manage_hosts import ListHostsReader, ReadHostReader, RemoveHostHandler
from ssh_ca.handlers.renew_host import ReadLoginsReader, RenewHostHandler
from ssh_ca.operations.hosts import (
    CreateHostToken,
    CreateLoginMapping,
    EnrolSshHost,
    ListHostTokens,
    ListLoginMappings,
    ListSshHosts,
    ReadHostLogins,
    ReadSshHost,
    RemoveLoginMapping,
    RemoveSshHost,
    RenewSshHost,
    RevokeHostToken,
)


def host_handlers(
    catalogue: Catalogue,
    custody: Custody,
    gate: Gate,
    sponsors: Sponsors,
    identifiers: Identifiers,
    randomness: Randomness,
) -> Mapping[type[Operation[Any]], AnyHandler]:
    """Return the handler of each operation on hosts."""
    database = catalogue.database
    return {
        CreateHostToken: CreateHostTokenHandler(catalogue, custody, identifiers, randomness),
        ListHostTokens: ListHostTokensReader(catalogue, custody),
        RevokeHostToken: RevokeHostTokenHandler(catalogue, custody),
        EnrolSshHost: EnrolHostHandler(gate, database, custody),
        RenewSshHost: RenewHostHandler(gate, database, custody),
        ReadHostLogins: ReadLoginsReader(catalogue, custody, sponsors),
        ListSshHosts: ListHostsReader(database, custody),
        ReadSshHost: ReadHostReader(database, custody),
        RemoveSshHost: RemoveHostHandler(gate, database, custody),
        CreateLoginMapping: CreateMappingHandler(custody, identifiers),
        ListLoginMappings: ListMappingsReader(database, custody),
        RemoveLoginMapping: RemoveMappingHandler(database, custody),
    }
