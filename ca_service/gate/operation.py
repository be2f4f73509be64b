"""Everything anyone can ask for is an operation: a small frozen value that says what, never how."""

from typing import ClassVar, Generic, TypeVar

from msgspec import Struct

A = TypeVar("A")


class Operation(Struct, Generic[A], frozen=True, kw_only=True):
    """Ask for one thing and be answered with an `A`. `action` is its name in policies: `module:verb`.

    `idempotent` operations create something and honour an `Idempotency-Key` (S10); their answers are msgspec
    values, so that they can be sealed and replayed. `reads` tells that nothing but the trail is written.
    `takes_away` operations end a right or a credential: they are done even while time is in doubt (S23).
    `reveals` tells of a read whose answer is a secret: it is written down, and answered, only while the
    policy that permits it still holds (S14). `for_sponsor` operations are decided twice where the caller acts
    on behalf of an identity: as the caller and as that identity (S2); the action then applies to both kinds
    of principal.
    """

    action: ClassVar[str]
    idempotent: ClassVar[bool] = False
    reads: ClassVar[bool] = False
    reveals: ClassVar[bool] = False
    takes_away: ClassVar[bool] = False
    for_sponsor: ClassVar[bool] = False


class ProjectOperation(Operation[A], Generic[A], frozen=True, kw_only=True):
    """An operation inside a project, which is named by its slug or its id."""

    project: str


class OrganizationOperation(Operation[A], Generic[A], frozen=True, kw_only=True):
    """An operation inside an organization, which is named by its slug or its id."""

    organization: str
