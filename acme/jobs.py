"""Validation as a job of the queue."""

import logging

from acme.callers import validator
from acme.operations import ValidateChallenge
from acme.validation.jobs import decode_job
from ca_service.gate.port import Gate, RequestContext
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant

_LOG = logging.getLogger("keywright.acme")


class ValidationJobs:
    """Performs `ValidateChallenge` for jobs of the queue, as `System::"acme-validate"` (S15)."""

    def __init__(self, gate: Gate, identifiers: Identifiers) -> None:
        self._gate = gate
        self._identifiers = identifiers

    async def __call__(self, payload: bytes) -> None:
        job = decode_job(payload)
        operation = ValidateChallenge(project=job.project, challenge=job.challenge)
        caller = validator(Tenant(job.organization, job.project))
        try:
            await self._gate.perform(caller, operation, RequestContext(self._identifiers.new("req")))
        except NotFoundError:
            _LOG.info("the challenge %s is gone; there is nothing to validate", job.challenge)
