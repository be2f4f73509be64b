"""Takes orders and opens an authorization for each identifier (RFC 8555 section 7.4)."""

from collections.abc import Sequence
from datetime import timedelta

from acme.accounts import AccountStatus
from acme.authorizations import PENDING_LIFETIME, Authorization, AuthorizationId
from acme.callers import scope_of
from acme.challenges import Challenge, ChallengeId
from acme.errors import DirectoryNotFoundError, IdentifierFault, UnauthorizedError
from acme.handlers.change_account import calling_account
from acme.identifiers import Identifier, rejection
from acme.operations import CreateOrder
from acme.orders import LIFETIME, MAXIMUM_OPEN, Order, OrderId, OrderView, view_of
from acme.resources import directory_access
from acme.storage import challenges, directories, orders
from acme.storage.scope import Scope
from acme.validation.port import Validator
from acme.wire import base64url
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import RateLimitedError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.policy.values import Grant

_TOKEN_SIZE = 32


class OrderCreation(Handler[CreateOrder, OrderView, OrderView, OrderView]):
    """Takes one order; nothing is validated yet."""

    def __init__(
        self,
        database: Database,
        identifiers: Identifiers,
        randomness: Randomness,
        validators: Sequence[Validator],
    ) -> None:
        self._database = database
        self._identifiers = identifiers
        self._randomness = randomness
        self._validators = validators

    async def prepare(self, call: Call, operation: CreateOrder) -> Prepared[OrderView]:
        account = await calling_account(self._database, call)
        if account.status is not AccountStatus.VALID:
            raise UnauthorizedError("The account was deactivated.")
        directory = await directories.find(self._database, call.home, account.directory)
        if directory is None:
            raise DirectoryNotFoundError
        self._verify_provable(operation.identifiers)
        scope = scope_of(call)
        order = Order(
            id=OrderId(self._identifiers.new("ord")),
            tenant=scope.tenant,
            directory=scope.directory,
            account=scope.account,
            identifiers=operation.identifiers,
            created_at=call.now,
            expires_at=call.now + LIFETIME,
        )
        authorizations = [self._authorization(call, scope, each) for each in operation.identifiers]
        details = {"order": order.id, "identifiers": [each.value for each in operation.identifiers]}
        access = directory_access(operation.action, directory)
        return Prepared(view_of(order, authorizations, call.now), (access,), details)

    async def sign(self, call: Call, draft: OrderView, grant: Grant) -> OrderView:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: OrderView) -> OrderView:
        if await orders.count_open(transaction, scope_of(call)) >= MAXIMUM_OPEN:
            raise RateLimitedError(
                f"The account has {MAXIMUM_OPEN} open orders; finish some or let them expire.",
                retry_after=timedelta(hours=1),
            )
        for authorization in signed.authorizations:
            await challenges.add_authorization(transaction, authorization)
        await orders.add(transaction, signed.order, signed.authorizations)
        return signed

    def _verify_provable(self, identifiers: tuple[Identifier, ...]) -> None:
        faults = [
            IdentifierFault(
                identifier.type,
                identifier.value,
                f"`{identifier.value}` cannot be proved here: no challenge of this server covers "
                f"{'wildcards' if identifier.is_wildcard else 'it'}. Name the hosts one by one.",
            )
            for identifier in identifiers
            if not any(validator.is_offered_for(identifier) for validator in self._validators)
        ]
        if faults:
            raise rejection(faults)

    def _authorization(self, call: Call, scope: Scope, identifier: Identifier) -> Authorization:
        id_ = AuthorizationId(self._identifiers.new("authz"))
        offered = [validator.type for validator in self._validators if validator.is_offered_for(identifier)]
        return Authorization(
            id=id_,
            tenant=scope.tenant,
            directory=scope.directory,
            account=scope.account,
            identifier=identifier.base,
            is_wildcard=identifier.is_wildcard,
            created_at=call.now,
            expires_at=call.now + PENDING_LIFETIME,
            deactivated_at=None,
            challenges=tuple(
                Challenge(
                    id=ChallengeId(self._identifiers.new("chall")),
                    tenant=scope.tenant,
                    directory=scope.directory,
                    account=scope.account,
                    authorization=id_,
                    identifier=identifier.base,
                    type=type_,
                    token=base64url.encode(self._randomness.token_bytes(_TOKEN_SIZE)),
                )
                for type_ in offered
            ),
        )
