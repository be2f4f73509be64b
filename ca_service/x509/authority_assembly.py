"""The handlers of authorities."""

from typing import Any

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.gate.handler import Handler, Reader
from ca_service.gate.operation import Operation
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.handlers.authority_records import AuthorityPress, Bystanders
from ca_service.x509.handlers.create_authority import CreateAuthorityHandler
from ca_service.x509.handlers.external_parents import (
    ImportAuthorityCertificateHandler,
    RequestAuthorityCertificateHandler,
)
from ca_service.x509.handlers.read_authorities import ListAuthoritiesHandler, ReadAuthorityHandler
from ca_service.x509.handlers.renew_authority import CrossSignAuthorityHandler, RenewAuthorityHandler
from ca_service.x509.handlers.roll_over_authority import RollOverAuthorityHandler
from ca_service.x509.handlers.sign_authority import SignAuthorityHandler
from ca_service.x509.handlers.switch_authority import SwitchAuthorityHandler
from ca_service.x509.handlers.update_authority import UpdateAuthorityHandler
from ca_service.x509.operations import (
    CreateAuthority,
    CrossSignAuthority,
    ImportAuthorityCertificate,
    ListAuthorities,
    ReadAuthority,
    RenewAuthority,
    RequestAuthorityCertificate,
    RollOverAuthority,
    SignAuthority,
    SwitchAuthority,
    UpdateAuthority,
)


def authority_handlers(
    catalogue: Catalogue, database: Database, custody: Custody, press: AuthorityPress
) -> dict[type[Operation[Any]], Handler[Any, Any, Any, Any] | Reader[Any, Any]]:
    """Return them."""
    bystanders = Bystanders(catalogue, database)
    return {
        ListAuthorities: ListAuthoritiesHandler(catalogue, database),
        ReadAuthority: ReadAuthorityHandler(catalogue),
        CreateAuthority: CreateAuthorityHandler(catalogue, custody, press),
        UpdateAuthority: UpdateAuthorityHandler(catalogue),
        RequestAuthorityCertificate: RequestAuthorityCertificateHandler(catalogue, custody),
        ImportAuthorityCertificate: ImportAuthorityCertificateHandler(catalogue, custody, press, bystanders),
        SignAuthority: SignAuthorityHandler(catalogue, press),
        RenewAuthority: RenewAuthorityHandler(catalogue, custody, press, bystanders),
        CrossSignAuthority: CrossSignAuthorityHandler(catalogue, custody, press, bystanders),
        RollOverAuthority: RollOverAuthorityHandler(catalogue, custody, database, press),
        SwitchAuthority: SwitchAuthorityHandler(catalogue, database),
    }
