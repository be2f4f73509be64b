"""Takes a client's word that a challenge can be validated, and enqueues the look (RFC 8555 section 7.5.1)."""

from msgspec.structs import replace

from acme.callers import scope_of
from acme.challenges import Challenge, ChallengeStatus, Validation, key_authorization
from acme.errors import ChallengeAdvancedError
from acme.operations import RespondToChallenge
from acme.resources import authorization_access
from acme.storage import validations
from acme.validation.jobs import JOB_KIND, JobQueue, ValidationJob, encode_job
from acme.validation.looks import Looks
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import MalformedError, NotFoundError
from ca_service.policy.values import Grant


class ChallengeResponse(Handler[RespondToChallenge, Validation, Validation, Challenge]):
    """Marks a challenge as processing, and fixes the key authorization with the key that signed this.

    A challenge that was answered before is answered as it stands: nothing is looked at twice.
    """

    def __init__(self, database: Database, queue: JobQueue, looks: Looks) -> None:
        self._database = database
        self._queue = queue
        self._looks = looks

    async def prepare(self, call: Call, operation: RespondToChallenge) -> Prepared[Validation]:
        validation = await validations.find(self._database, scope_of(call), operation.challenge)
        if validation is None:
            raise NotFoundError("challenge")
        challenge = validation.challenge
        if challenge.status is ChallengeStatus.PENDING and validation.obstacle is not None:
            raise MalformedError(
                f"The authorization is {validation.obstacle}; its challenges are no longer looked at. Make a "
                "new order."
            )
        access = authorization_access(
            operation.action, call.home, challenge.directory, challenge.authorization
        )
        details = {"identifier": challenge.identifier.value, "type": challenge.type.value}
        return Prepared(validation, (access,), details)

    async def sign(self, call: Call, draft: Validation, grant: Grant) -> Validation:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Validation) -> Challenge:
        challenge = signed.challenge
        if challenge.status is not ChallengeStatus.PENDING:
            return challenge
        answer = key_authorization(challenge.token, call.caller.credential)
        validations.respond(transaction, challenge, answer, _advanced)
        # Only who answered first comes so far, so the job needs no key to be the only one.
        job = encode_job(ValidationJob(call.home.organization, call.home.project, challenge.id))
        is_ours = await self._queue.enqueue(transaction, JOB_KIND, job, here=True)
        answered = replace(challenge, responded_at=transaction.now, key_authorization=answer)
        if is_ours:
            transaction.on_commit(lambda: self._looks.begin(replace(signed, challenge=answered)))
        return answered


def _advanced() -> ChallengeAdvancedError:
    return ChallengeAdvancedError(
        "Another request answered this challenge, or its authorization ended, in the meantime; ask for it "
        "again."
    )
