"""Opens authorizations ahead of any order (RFC 8555 section 7.4.1)."""

from datetime import timedelta

from msgspec import Struct

from acme.authorizations import LEAST_LIFE, Authorization, AuthorizationStatus
from acme.callers import scope_of
from acme.directory_cache import DirectoryCache
from acme.errors import DirectoryNotFoundError
from acme.handlers.authorization_drafts import AuthorizationDrafts
from acme.operations import CreateAuthorization
from acme.orders import MAXIMUM_OPEN
from acme.resources import directory_access
from acme.storage import authorizations
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import RateLimitedError
from ca_service.policy.values import Grant


class AuthorizationDraft(Struct, frozen=True):
    """The authorization to answer with, and whether it is written already."""

    authorization: Authorization
    is_new: bool


class AuthorizationCreation(
    Handler[CreateAuthorization, AuthorizationDraft, AuthorizationDraft, Authorization]
):
    """Opens one authorization; asked again, it answers the one that is open or still serves."""

    def __init__(self, database: Database, directories: DirectoryCache, drafts: AuthorizationDrafts) -> None:
        self._database = database
        self._directories = directories
        self._drafts = drafts

    async def prepare(self, call: Call, operation: CreateAuthorization) -> Prepared[AuthorizationDraft]:
        scope, identifier = scope_of(call), operation.identifier
        directory = await self._directories.by_id(call.home, scope.directory)
        if directory is None:
            raise DirectoryNotFoundError
        self._drafts.verify_provable(directory, (identifier,))
        found = await authorizations.open_of_identifier(self._database, scope, identifier)
        again = next((each for each in found if _serves_again(each, call)), None)
        if again is None:
            draft = AuthorizationDraft(self._drafts.draft(scope, directory, identifier, call.now), True)
        else:
            draft = AuthorizationDraft(again, False)
        details = {"authorization": draft.authorization.id, "identifier": identifier.value}
        return Prepared(draft, (directory_access(operation.action, directory),), details)

    async def sign(self, call: Call, draft: AuthorizationDraft, grant: Grant) -> AuthorizationDraft:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: AuthorizationDraft) -> Authorization:
        if not signed.is_new:
            return signed.authorization
        if await authorizations.count_unordered(transaction, scope_of(call)) >= MAXIMUM_OPEN:
            raise RateLimitedError(
                f"The account has {MAXIMUM_OPEN} authorizations that belong to no order; use some or let "
                "them expire.",
                retry_after=timedelta(hours=1),
            )
        authorizations.add(transaction, signed.authorization)
        return signed.authorization


def _serves_again(authorization: Authorization, call: Call) -> bool:
    if authorization.status_at(call.now) is AuthorizationStatus.PENDING:
        return call.now + LEAST_LIFE <= authorization.expires_at
    return authorization.serves_at(call.now)
