"""Gives authorizations up (RFC 8555 section 7.5.2)."""

from msgspec.structs import replace

from acme.authorizations import Authorization, AuthorizationStatus
from acme.callers import scope_of
from acme.challenges import ChallengeFailure
from acme.handlers.read_orders import find_authorization
from acme.operations import DeactivateAuthorization
from acme.resources import authorization_access
from acme.storage import authorizations, orders
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import MalformedError
from ca_service.policy.values import Grant


class AuthorizationDeactivation(
    Handler[DeactivateAuthorization, Authorization, Authorization, Authorization]
):
    """Deactivates one authorization; open orders that need it fail with it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: DeactivateAuthorization) -> Prepared[Authorization]:
        found = await find_authorization(self._database, scope_of(call), operation.authorization)
        status = found.status_at(call.now)
        if status not in {AuthorizationStatus.PENDING, AuthorizationStatus.VALID}:
            raise MalformedError(f"The authorization is {status.value} and cannot be deactivated.")
        draft = replace(found, deactivated_at=call.now)
        access = authorization_access(operation.action, call.home, found.directory, found.id)
        return Prepared(draft, (access,), {"identifier": found.identifier.value})

    async def sign(self, call: Call, draft: Authorization, grant: Grant) -> Authorization:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Authorization) -> Authorization:
        if await authorizations.deactivate(transaction, signed):
            failure = ChallengeFailure(
                "unauthorized",
                f"The authorization of {signed.identifier.value} was deactivated; make a new order.",
            )
            orders.fail_orders_of(transaction, scope_of(call), signed.id, failure)
        return signed
