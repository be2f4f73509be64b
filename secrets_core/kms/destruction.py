"""Destroying keys whose wait is over: found for all projects, each destroyed in its own as a job (S15)."""

import logging

from ca_service.database.port import Database
from ca_service.gate.caller import Caller, CallerKind
from ca_service.gate.port import Gate, RequestContext
from ca_service.kernel.errors import KeywrightError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from secrets_core.kms.operations import DestroyKmsKey
from secrets_core.kms.policies import DESTROYER
from secrets_core.kms.storage.keys import list_due_keys

_log = logging.getLogger("keywright.kms")


def destroyer_of(tenant: Tenant) -> Caller:
    """Return the job that destroys in this project."""
    return Caller(
        kind=CallerKind.SYSTEM,
        id=DESTROYER,
        name=DESTROYER,
        address="",
        authenticated_by="job",
        organization=tenant.organization,
        project=tenant.project,
    )


class Destroyer:
    """Performs `DestroyKmsKey` as the destroying job."""

    def __init__(self, gate: Gate, database: Database, identifiers: Identifiers) -> None:
        self._gate = gate
        self._database = database
        self._identifiers = identifiers

    async def destroy_due(self) -> None:
        """Destroy what is due; a timer's work. What fails is logged and tried again at the next."""
        for tenant, key_id in await list_due_keys(self._database, self._database.now()):
            operation = DestroyKmsKey(project=tenant.project, key=key_id)
            request = RequestContext(self._identifiers.new("job"))
            try:
                await self._gate.perform(destroyer_of(tenant), operation, request)
            except KeywrightError as error:
                _log.warning("the key %s of %s was not destroyed: %s", key_id, tenant.project, error.detail)
