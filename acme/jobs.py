"""Validation as a job of the queue."""

import logging

from acme.callers import validator
from acme.errors import ChallengeAdvancedError
from acme.operations import ValidateChallenge
from acme.validation.jobs import ValidationJob, decode_job
from acme.validation.looks import Looks
from ca_service.gate.port import Gate, RequestContext
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from ca_service.queue.jobs import JobRun

_LOG = logging.getLogger("keywright.acme")


class ValidationJobs:
    """Performs `ValidateChallenge` for jobs of the queue, as `System::"acme-validate"` (S15).

    The job ends with the transaction that records what the look gave.
    """

    def __init__(self, gate: Gate, identifiers: Identifiers, looks: Looks) -> None:
        self._gate = gate
        self._identifiers = identifiers
        self._looks = looks

    async def __call__(self, run: JobRun) -> None:
        job = decode_job(run.payload)
        try:
            try:
                await self._perform(job, run)
            except ChallengeAdvancedError:
                # Something was decided while this looked: there is nothing left to find out.
                await self._perform(job, run)
        except NotFoundError:
            _LOG.info("the challenge %s is gone; there is nothing to validate", job.challenge)
        finally:
            self._looks.end(job.challenge)

    async def _perform(self, job: ValidationJob, run: JobRun) -> None:
        operation = ValidateChallenge(project=job.project, challenge=job.challenge)
        caller = validator(Tenant(job.organization, job.project))
        await self._gate.perform(caller, operation, RequestContext(self._identifiers.new("req"), once=run))
