"""Takes a client's word that a challenge can be validated, and enqueues the look (RFC 8555 section 7.5.1)."""

from msgspec.structs import replace

from acme.authorizations import AuthorizationStatus
from acme.callers import scope_of
from acme.challenges import Challenge, ChallengeStatus, key_authorization
from acme.handlers.read_orders import find_authorization, find_challenge
from acme.operations import RespondToChallenge
from acme.resources import authorization_access
from acme.storage import challenges
from acme.validation.jobs import JOB_KIND, JobQueue, ValidationJob, encode_job
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import MalformedError
from ca_service.policy.values import Grant


class ChallengeResponse(Handler[RespondToChallenge, Challenge, Challenge, Challenge]):
    """Marks a challenge as processing, and fixes the key authorization with the key that signed this."""

    def __init__(self, database: Database, queue: JobQueue) -> None:
        self._database = database
        self._queue = queue

    async def prepare(self, call: Call, operation: RespondToChallenge) -> Prepared[Challenge]:
        scope = scope_of(call)
        challenge = await find_challenge(self._database, scope, operation.challenge)
        if challenge.status is ChallengeStatus.PENDING:
            authorization = await find_authorization(self._database, scope, challenge.authorization)
            status = authorization.status_at(call.now)
            if status is not AuthorizationStatus.PENDING:
                raise MalformedError(
                    f"The authorization is {status.value}; its challenges are no longer looked at."
                )
        access = authorization_access(operation.action, call.home, challenge.authorization)
        details = {"identifier": challenge.identifier.value, "type": challenge.type.value}
        return Prepared(challenge, (access,), details)

    async def sign(self, call: Call, draft: Challenge, grant: Grant) -> Challenge:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Challenge) -> Challenge:
        if signed.status is not ChallengeStatus.PENDING:
            return signed
        answer = key_authorization(signed.token, call.caller.credential)
        if await challenges.respond(transaction, signed, answer):
            job = encode_job(ValidationJob(call.home.organization, call.home.project, signed.id))
            await self._queue.enqueue(transaction, JOB_KIND, job, unique=f"{signed.id}/1")
        return replace(signed, responded_at=transaction.now, key_authorization=answer)
