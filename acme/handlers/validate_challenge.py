"""Looks whether challenges are met (RFC 8555 sections 7.5.1 and 8): the one thing here that goes outside."""

from collections.abc import Sequence

from msgspec import Struct

from acme.challenges import Challenge, ChallengeFailure, ChallengeStatus, retry_delay
from acme.errors import ValidationError
from acme.operations import ValidateChallenge
from acme.resources import authorization_access
from acme.storage import challenges, orders
from acme.storage.scope import Scope
from acme.validation.jobs import JOB_KIND, JobQueue, ValidationJob, encode_job
from acme.validation.port import Validator
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, ExternalHandler, Prepared
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Grant


class Finding(Struct, frozen=True):
    """What a look at the world gave: nothing wrong, a failure, or one that may pass."""

    challenge: Challenge
    failure: ChallengeFailure | None
    is_transient: bool = False


class ChallengeValidation(ExternalHandler[ValidateChallenge, Challenge, Finding, ChallengeStatus]):
    """Validates one challenge once; trouble on the way is tried again by another job."""

    def __init__(self, database: Database, queue: JobQueue, validators: Sequence[Validator]) -> None:
        self._database = database
        self._queue = queue
        self._validators = {validator.type: validator for validator in validators}

    async def prepare(self, call: Call, operation: ValidateChallenge) -> Prepared[Challenge]:
        challenge = await challenges.find_challenge_in_project(self._database, call.home, operation.challenge)
        if challenge is None:
            raise NotFoundError("challenge")
        # A job reads no authorizations: what it may not validate is nothing it may know of.
        access = authorization_access(
            operation.action, call.home, challenge.authorization, visible_by=operation.action
        )
        details = {
            "challenge": challenge.id,
            "identifier": challenge.identifier.value,
            "type": challenge.type.value,
        }
        return Prepared(challenge, (access,), details)

    async def intend(self, transaction: Transaction, call: Call, draft: Challenge) -> None:
        del call
        await challenges.count_attempt(transaction, draft)

    async def effect(self, call: Call, draft: Challenge, grant: Grant) -> Finding:
        del call, grant
        if draft.status is not ChallengeStatus.PROCESSING:
            return Finding(draft, None)
        try:
            await self._validators[draft.type].validate(draft)
        except ValidationError as error:
            failure = ChallengeFailure(error.problem_type, error.detail)
            return Finding(draft, failure, error.is_transient)
        return Finding(draft, None)

    async def record(self, transaction: Transaction, call: Call, done: Finding) -> ChallengeStatus:
        del call
        challenge = done.challenge
        if challenge.status is not ChallengeStatus.PROCESSING:
            return challenge.status
        if done.failure is None:
            await challenges.validate(transaction, challenge)
            return ChallengeStatus.VALID
        attempt = challenge.attempts + 1
        delay = retry_delay(attempt)
        if done.is_transient and delay is not None:
            job = encode_job(
                ValidationJob(challenge.tenant.organization, challenge.tenant.project, challenge.id)
            )
            await self._queue.enqueue(
                transaction,
                JOB_KIND,
                job,
                run_at=transaction.now + delay,
                unique=f"{challenge.id}/{attempt + 1}",
            )
            return ChallengeStatus.PROCESSING
        if await challenges.fail(transaction, challenge, done.failure):
            scope = Scope(challenge.tenant, challenge.directory, challenge.account)
            await orders.fail_orders_of(transaction, scope, challenge.authorization, done.failure)
        return ChallengeStatus.INVALID

    async def settle(self, transaction: Transaction, call: Call, draft: Challenge) -> None:
        """Do nothing: the job's lease runs out and it looks again, since a look changes nothing outside."""
        del transaction, call, draft
