"""What the doors and the handlers see of the gate, and the ports that higher packages fill for it."""

from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.caller import Caller
from ca_service.gate.handler import Call
from ca_service.gate.operation import Operation
from ca_service.kernel.secret_value import SecretValue
from ca_service.kernel.tenancy import OrganizationId, Tenant

A = TypeVar("A")


class Once(Protocol):
    """What lets a request be performed once and never again, such as a nonce: used up with its operation."""

    def use(self, transaction: Transaction) -> None:
        """Use it up in this transaction, which ends with an error if it was used before."""

    def was_used(self) -> None:
        """Take note that such a transaction was committed."""


class RequestContext(Struct, frozen=True):
    """What accompanies an operation: the request's id and, if the client sent one, its idempotency key.

    `once` is used up in the first transaction of the operation; one that fails before leaves it to the door.
    """

    request_id: str
    idempotency_key: str | None = None
    once: Once | None = None


class Outcome(Struct, Generic[A], frozen=True):
    """The answer, and whether it is the stored one of an earlier request with the same key (S10)."""

    answer: A
    replayed: bool = False


class Child(Struct, Generic[A], frozen=True):
    """An operation that was decided and signed as part of another, waiting for its parent's transaction."""

    call: Call
    operation: Operation[A]
    signed: Any
    grant: Any
    details: Any


class Gate(Protocol):
    """The one way to a handler."""

    async def perform(self, caller: Caller, operation: Operation[A], request: RequestContext) -> Outcome[A]:
        """Authorize, sign, record, audit and commit, in that order; then answer."""

    async def prepare(self, call: Call, operation: Operation[A]) -> Child[A]:
        """Decide and sign a child operation as the caller of `call`, from within its `sign` act."""

    async def record(self, transaction: Transaction, child: Child[A]) -> A:
        """Record and audit a prepared child in its parent's transaction."""


class Authenticator(Protocol):
    """Turns a bearer token into a caller; filled by `identity`."""

    async def authenticate(self, token: SecretValue[str], address: str) -> Caller:
        """Return the caller. Raises UnauthenticatedError, never saying which part was wrong."""


class Sponsors(Protocol):
    """Finds the identities on whose behalf others act (S2); filled by `identity`."""

    async def sponsor(self, identity: str) -> Caller:
        """Return the identity with the roles it holds now. Raises UnauthenticatedError if it may not act."""


class Tenants(Protocol):
    """Finds the tenant a request names; filled by `governance`."""

    async def project(self, name: str) -> Tenant:
        """Return the project with this slug or id. Raises NotFoundError("project")."""

    async def organization(self, name: str) -> OrganizationId:
        """Return the organization with this slug or id. Raises NotFoundError("organization")."""


class Approvals(Protocol):
    """Counts the approvals of one operation (S17); filled by `governance`."""

    async def count(self, call: Call, operation_hash: bytes, generation: int) -> int:
        """Return how many different callers, other than the requester, approved exactly this operation."""


#: How long a stored answer can be replayed (S10).
REPLAY_WINDOW = timedelta(minutes=10)
