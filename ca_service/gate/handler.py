"""The acts of a handler; the gate keeps their order and nobody else calls them.

prepare → decide → sign → begin → record → audit → commit → answer
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.caller import Caller
from ca_service.gate.operation import Operation
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Access, Grant

O = TypeVar("O", bound=Operation[Any])  # noqa: E741 - one letter each: operation, draft, signed, answer
D = TypeVar("D")
S = TypeVar("S")
A = TypeVar("A")


class Call(Struct, frozen=True):
    """One performance of one operation: what a handler may know of how it was asked.

    `tenant` is resolved by the gate from the operation's project; None for operations on the instance or on
    an organization. `now` is the engine's time at the start. `id` is the id of the audit entry to come.
    """

    id: str
    caller: Caller
    tenant: Tenant | None
    request_id: str
    now: datetime
    parent: str | None = None

    @property
    def home(self) -> Tenant:
        """Return the tenant of an operation inside a project."""
        assert self.tenant is not None, "only an operation inside a project has a tenant"
        return self.tenant


class Prepared(Struct, Generic[D], frozen=True):
    """What will be done, not yet signed, and every question the policy must permit first.

    `accesses` are typed from the artefact that will be issued, never from the request's text; the first one's
    resource is the one the trail names. `details` go into the audit entry: names and numbers, never a secret.
    """

    draft: D
    accesses: tuple[Access, ...]
    details: Mapping[str, Any] = {}


class Handler(ABC, Generic[O, D, S, A]):
    """Does one operation that changes something."""

    @abstractmethod
    async def prepare(self, call: Call, operation: O) -> Prepared[D]:
        """Read, validate and build, unsigned; no transaction is open and nothing is written."""

    @abstractmethod
    async def sign(self, call: Call, draft: D, grant: Grant) -> S:
        """Generate keys and sign; runs only after every access was permitted. No transaction is open.

        What only looks at the world outside does so here. A handler that issues nothing returns its draft.
        An answer with a `lifetime` (timedelta) is checked against `grant.max_ttl` by the gate.
        """

    @abstractmethod
    async def record(self, transaction: Transaction, call: Call, signed: S) -> A:
        """Write it down: conditional updates and inserts, awaiting nothing but the transaction."""

    def details(self, answer: A) -> Mapping[str, Any]:
        """Return what the trail should know of the answer (serial numbers, new ids), never a secret."""
        del answer
        return {}


class Reader(ABC, Generic[O, A]):
    """Answers one operation that only reads; the draft is the answer."""

    @abstractmethod
    async def prepare(self, call: Call, operation: O) -> Prepared[A]:
        """Read the answer and say which accesses it takes; the gate releases it once it is audited."""


class Revealer(Reader[O, D], Generic[O, D, A]):
    """Answers an operation that stores nothing by work that must not begin before it is permitted."""

    @abstractmethod
    async def reveal(self, call: Call, draft: D) -> A:
        """Decrypt, sign or tag; runs only after every access was permitted. No transaction is open.

        Where the policy generation moved before the trail was written, all acts run again: what was read in
        `prepare` may have changed with it.
        """

    def details(self, answer: A) -> Mapping[str, Any]:
        """Return what the trail should know of the answer, never a secret."""
        del answer
        return {}


class ExternalHandler(ABC, Generic[O, D, S, A]):
    """Changes the world outside the database in three acts, so that a dead process leaves a row to settle."""

    @abstractmethod
    async def prepare(self, call: Call, operation: O) -> Prepared[D]:
        """As `Handler.prepare`."""

    @abstractmethod
    async def intend(self, transaction: Transaction, call: Call, draft: D) -> None:
        """Record the intent, in a transaction of its own."""

    @abstractmethod
    async def effect(self, call: Call, draft: D, grant: Grant) -> S:
        """Change the world; no transaction is open."""

    @abstractmethod
    async def record(self, transaction: Transaction, call: Call, done: S) -> A:
        """Record the outcome, in a second transaction."""

    @abstractmethod
    async def settle(self, transaction: Transaction, call: Call, draft: D) -> None:
        """Settle a row that a dead process left behind."""

    def details(self, answer: A) -> Mapping[str, Any]:
        """Return what the trail should know of the answer, never a secret."""
        del answer
        return {}
