"""The handlers of publishing: CRLs, how authorities publish, and their OCSP responders."""

from typing import Any

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.gate.handler import Handler, Reader
from ca_service.gate.operation import Operation
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.handlers.publish_revocation_list import PublishRevocationListHandler
from ca_service.x509.handlers.publishing import (
    ConfigurePublishingHandler,
    PublishingFacts,
    ReadPublishingHandler,
)
from ca_service.x509.handlers.revoke_unknown_certificate import RevokeUnknownCertificateHandler
from ca_service.x509.handlers.rotate_responder import RotateResponderHandler
from ca_service.x509.operations import (
    ConfigurePublishing,
    PublishRevocationList,
    ReadPublishing,
    RotateResponder,
)
from ca_service.x509.operations.unknown_certificates import RevokeUnknownCertificate
from ca_service.x509.publication import Publisher


def publishing_handlers(
    catalogue: Catalogue,
    database: Database,
    custody: Custody,
    identifiers: Identifiers,
    randomness: Randomness,
    publisher: Publisher,
) -> dict[type[Operation[Any]], Handler[Any, Any, Any, Any] | Reader[Any, Any]]:
    """Return them."""
    facts = PublishingFacts(catalogue, database, custody)
    return {
        PublishRevocationList: PublishRevocationListHandler(catalogue, database, custody),
        ReadPublishing: ReadPublishingHandler(facts),
        ConfigurePublishing: ConfigurePublishingHandler(facts, publisher),
        RevokeUnknownCertificate: RevokeUnknownCertificateHandler(catalogue, database, publisher),
        RotateResponder: RotateResponderHandler(catalogue, database, custody, identifiers, randomness),
    }
