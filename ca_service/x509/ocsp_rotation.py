"""Rotating delegated OCSP responders: a timer's work, long before the former one's end."""

import logging

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.gate.port import Gate, RequestContext
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.errors import KeywrightError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.ocsp_answers import ANSWER_LIFETIME
from ca_service.x509.operations.publishing import RotateResponder
from ca_service.x509.publication import publisher_of
from ca_service.x509.publishing import ResponderKind
from ca_service.x509.storage.ocsp_responders import TABLE, find_last_delegate, list_choosers
from ca_service.x509.storage.publishing import find_publishing

_log = logging.getLogger("keywright.x509")


class ResponderRotation:
    """Performs `RotateResponder` as the publishing job where a responder is chosen and due."""

    def __init__(
        self,
        gate: Gate,
        database: Database,
        identifiers: Identifiers,
        catalogue: Catalogue,
        custody: Custody,
    ) -> None:
        self._gate = gate
        self._database = database
        self._identifiers = identifiers
        self._catalogue = catalogue
        self._mac = RowMac(custody, TABLE)

    async def rotate_due(self) -> None:
        """Give a new responder to every authority that chose one and has none, or one that is due."""
        for tenant, authority_id in await list_choosers(self._database):
            try:
                former = await self._due(tenant, authority_id)
                if former is not None:
                    await self._gate.perform(
                        publisher_of(tenant),
                        RotateResponder(project=tenant.project, authority_id=authority_id, former=former),
                        RequestContext(self._identifiers.new("job")),
                    )
            except KeywrightError as error:
                _log.warning("the OCSP responder of %s was not rotated: %s", authority_id, error.detail)

    async def _due(self, tenant: Tenant, authority_id: str) -> int | None:
        """Return the generation that is to be followed, 0 for none yet; None while all is well."""
        authority = await self._catalogue.authority_by_id(tenant, authority_id)
        now = self._database.now()
        # Answers do not pass the responder's end, nor it the authority's: near that the authority signs.
        if authority is None or authority.is_pending or now + 2 * ANSWER_LIFETIME > authority.not_after:
            return None
        publishing = await find_publishing(self._database, self._catalogue.publishing_mac, authority)
        if publishing.responder is not ResponderKind.DELEGATED:
            return None
        last = await find_last_delegate(self._database, self._mac, tenant, authority_id)
        if last is None:
            return 0
        return last.generation if last.is_due(now) else None
