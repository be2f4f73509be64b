"""The handlers of orders, authorizations and certificates, built over the ground."""

from collections.abc import Collection
from typing import Any

from acme.challenges import ChallengeType
from acme.directory_cache import DirectoryCache
from acme.handlers.authorization_drafts import AuthorizationDrafts
from acme.handlers.create_authorization import AuthorizationCreation
from acme.handlers.create_order import OrderCreation
from acme.handlers.deactivate_authorization import AuthorizationDeactivation
from acme.handlers.finalize_order import OrderFinalization
from acme.handlers.read_orders import AuthorizationReading, ChallengeReading, OrderListing, OrderReading
from acme.handlers.revoke_certificate import CertificateRevocation
from acme.operations import (
    CreateAuthorization,
    CreateOrder,
    DeactivateAuthorization,
    FinalizeOrder,
    ListOrders,
    ReadAuthorization,
    ReadChallenge,
    ReadOrder,
    RevokeIssued,
)
from acme.validation.recheck import CaaLookup, ProofRecheck
from ca_service.gate.operation import Operation
from ca_service.web.module import AnyHandler, Ground
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.issuers import PublicAddresses


def order_handlers(
    ground: Ground, directories: DirectoryCache, known: Collection[ChallengeType], caa: CaaLookup
) -> dict[type[Operation[Any]], AnyHandler]:
    """Return the handlers; `known` are the challenges that can be validated here."""
    database, gate, identifiers = ground.database, ground.gate, ground.identifiers
    drafts = AuthorizationDrafts(identifiers, ground.randomness, known)
    catalogue = Catalogue(database, ground.custody, PublicAddresses(ground.plain_public_url))
    return {
        CreateOrder: OrderCreation(database, identifiers, directories, catalogue, drafts),
        CreateAuthorization: AuthorizationCreation(database, directories, drafts),
        ReadOrder: OrderReading(database),
        ListOrders: OrderListing(database),
        FinalizeOrder: OrderFinalization(database, gate, directories, ProofRecheck(caa)),
        ReadAuthorization: AuthorizationReading(database),
        DeactivateAuthorization: AuthorizationDeactivation(database),
        ReadChallenge: ChallengeReading(database),
        RevokeIssued: CertificateRevocation(database, gate, directories),
    }
