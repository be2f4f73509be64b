"""Looks whether challenges are met (RFC 8555 sections 7.5.1 and 8): the one thing here that goes outside."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from acme.challenges import Challenge, ChallengeFailure, ChallengeStatus, Validation, retry_delay
from acme.directories import Directory
from acme.directory_cache import DirectoryCache
from acme.errors import ChallengeAdvancedError, ValidationError
from acme.identifiers import Identifier
from acme.operations import ValidateChallenge
from acme.resources import authorization_access
from acme.storage import orders, validations
from acme.storage.scope import Scope
from acme.validation.caa import PROBLEM, CaaVerdict
from acme.validation.jobs import JOB_KIND, JobQueue, ValidationJob, encode_job
from acme.validation.looks import Looks
from acme.validation.port import Validator, World
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Grant


class CaaLookup(Protocol):
    """Asks the owner of a domain; `acme.validation.caa.CaaCheck` does."""

    async def check_caa(
        self, directory: Directory, identifier: Identifier, is_wildcard: bool, account: str, method: str
    ) -> CaaVerdict:
        """Return whether an account may have a certificate for what it proves."""


class ValidationDraft(Struct, frozen=True):
    """A challenge to look at, and the directory that says how."""

    validation: Validation
    directory: Directory

    @property
    def is_due(self) -> bool:
        """Return whether there is still something to find out."""
        is_processing = self.validation.challenge.status is ChallengeStatus.PROCESSING
        return is_processing and self.validation.obstacle is None


class Finding(Struct, frozen=True):
    """What a look at the world gave: nothing wrong, a failure, or one that may pass."""

    draft: ValidationDraft
    failure: ChallengeFailure | None
    is_transient: bool = False


class ChallengeValidation(Handler[ValidateChallenge, ValidationDraft, Finding, ChallengeStatus]):
    """Validates one challenge once; trouble on the way is tried again by another job (section 8.2).

    A look changes nothing outside, so it takes no act of its own and no row that says it was meant: if the
    process dies, the lease of the job runs out and somebody looks again.
    """

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        directories: DirectoryCache,
        world: World,
        validators: Sequence[Validator],
        caa: CaaLookup,
        looks: Looks,
    ) -> None:
        self._database = database
        self._queue = queue
        self._directories = directories
        self._world = world
        self._validators = {validator.type: validator for validator in validators}
        self._caa = caa
        self._looks = looks

    async def prepare(self, call: Call, operation: ValidateChallenge) -> Prepared[ValidationDraft]:
        validation = self._looks.start_of(call.home, operation.challenge)
        if validation is None:
            validation = await validations.find_in_project(self._database, call.home, operation.challenge)
        if validation is None:
            raise NotFoundError("challenge")
        challenge = validation.challenge
        directory = await self._directories.by_id(call.home, challenge.directory)
        if directory is None:
            raise NotFoundError("challenge")
        # A job reads no authorizations: what it may not validate is nothing it may know of.
        access = authorization_access(
            operation.action,
            call.home,
            challenge.directory,
            challenge.authorization,
            visible_by=operation.action,
        )
        details = {
            "challenge": challenge.id,
            "identifier": challenge.identifier.value,
            "type": challenge.type.value,
        }
        return Prepared(ValidationDraft(validation, directory), (access,), details)

    async def sign(self, call: Call, draft: ValidationDraft, grant: Grant) -> Finding:
        """Look at the world."""
        del call, grant
        if not draft.is_due:
            return Finding(draft, None)
        try:
            await self._look(draft)
        except ValidationError as error:
            failure = ChallengeFailure(error.problem_type, error.detail)
            return Finding(draft, failure, error.is_transient)
        return Finding(draft, None)

    async def record(self, transaction: Transaction, call: Call, signed: Finding) -> ChallengeStatus:
        del call
        challenge = signed.draft.validation.challenge
        if signed.draft.is_due:
            challenge = await self._advance(transaction, challenge, signed)
        transaction.on_commit(lambda: self._looks.tell(challenge))
        return challenge.status

    async def _advance(self, transaction: Transaction, challenge: Challenge, found: Finding) -> Challenge:
        """Write down what was found, and return the challenge as it is then."""
        attempts = challenge.attempts + 1
        if found.failure is None:
            validations.validate(transaction, challenge, _advanced)
            return replace(challenge, validated_at=transaction.now, attempts=attempts)
        if found.is_transient and await self._try_again(transaction, challenge, found.failure):
            return replace(challenge, trouble=found.failure, attempts=attempts)
        validations.fail(transaction, challenge, found.failure, _advanced)
        scope = Scope(challenge.tenant, challenge.directory, challenge.account)
        orders.fail_orders_of(transaction, scope, challenge.authorization, found.failure)
        return replace(challenge, failure=found.failure, attempts=attempts)

    async def _look(self, draft: ValidationDraft) -> None:
        """Return if the challenge is met and CAA permits. Raises ValidationError."""
        challenge, directory = draft.validation.challenge, draft.directory
        outside = self._world.validation(directory.rules.resolvers)
        await self._validators[challenge.type].validate(challenge, outside)
        verdict = await self._caa.check_caa(
            directory,
            challenge.identifier,
            draft.validation.is_wildcard,
            challenge.account,
            challenge.type.value,
        )
        if not verdict.is_permitted:
            raise ValidationError(PROBLEM, verdict.detail, is_transient=verdict.is_transient)

    async def _try_again(
        self, transaction: Transaction, challenge: Challenge, trouble: ChallengeFailure
    ) -> bool:
        """Plan another look and return whether there will be one."""
        attempt = challenge.attempts + 1
        delay = retry_delay(attempt)
        if delay is None:
            return False
        job = ValidationJob(challenge.tenant.organization, challenge.tenant.project, challenge.id)
        validations.postpone(transaction, challenge, trouble)
        await self._queue.enqueue(
            transaction,
            JOB_KIND,
            encode_job(job),
            run_at=transaction.now + delay,
            unique=f"{challenge.id}/{attempt + 1}",
        )
        return True


def _advanced() -> ChallengeAdvancedError:
    return ChallengeAdvancedError("The challenge or its authorization was decided in the meantime.")
