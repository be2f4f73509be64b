"""The port through which identity learns what an identity may be: filled by governance, which is above."""

from datetime import datetime
from typing import Protocol

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.caller import RoleGrant

ADMINISTRATOR = RoleGrant(role="administrator", scope="instance")


class HeldRoles(Struct, frozen=True):
    """The roles held at a moment. `until` is when the first of them ends; None: none of them does."""

    grants: tuple[RoleGrant, ...]
    until: datetime | None = None


class RoleSource(Protocol):
    """Knows the memberships."""

    async def roles_of(self, identity: str, now: datetime) -> HeldRoles:
        """Return the roles that the identity holds at `now`, wherever."""


class Generations(Protocol):
    """The generation of everything a decision rests on (S14); filled by the policy engine."""

    async def current_generation(self) -> int:
        """Return the generation as this process knows it."""

    async def raise_generation(self, transaction: Transaction) -> None:
        """Make every cached fact stale with the commit of this transaction."""
