"""Prolongs a lease: the target knows of the new end before the row does, so that nothing ends too early."""

from datetime import datetime, timedelta

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, ExternalHandler, Prepared
from ca_service.policy.values import Grant
from secrets_core.dynamic.catalogue import Catalogue, lease_access
from secrets_core.dynamic.dynamic_secrets import DynamicSecret, verify_asked_ttl
from secrets_core.dynamic.errors import LeaseBusyError, LeaseEndedError
from secrets_core.dynamic.leases import TARGET_MARGIN, Lease, prolong
from secrets_core.dynamic.operations import LeaseView, RenewLease
from secrets_core.dynamic.storage.dynamic_secrets import hold_dynamic_secret
from secrets_core.dynamic.storage.leases import change_lease
from secrets_core.dynamic.targets import Turns


class RenewalDraft(Struct, frozen=True):
    """A lease as it was found, and what is asked for."""

    found: Lease
    secret: DynamicSecret
    asked_ttl: timedelta | None


class Prolonged(Struct, frozen=True):
    """A lease whose target knows the new end. `lifetime` is checked against the grant by the gate."""

    draft: RenewalDraft
    expires_at: datetime
    lifetime: timedelta


class RenewLeaseHandler(ExternalHandler[RenewLease, RenewalDraft, Prolonged, LeaseView]):
    """Prolongs leases."""

    def __init__(self, catalogue: Catalogue, turns: Turns) -> None:
        self._catalogue = catalogue
        self._turns = turns

    async def prepare(self, call: Call, operation: RenewLease) -> Prepared[RenewalDraft]:
        """Find the lease. Raises LeaseEndedError, LifetimeRefusedError."""
        lease, secret = await self._catalogue.find_lease(call.home, operation.lease)
        prolonged = prolong(lease, lease.max_expires_at, call.now)
        if secret.deleted_at is not None:
            raise _deleted()
        verify_asked_ttl(operation.ttl, prolonged.expires_at - call.now)
        access = lease_access(operation.action, call.caller, lease, secret, ttl=operation.ttl)
        details = {"lease": lease.id, "dynamic_secret": secret.id, "username": lease.username}
        return Prepared(RenewalDraft(lease, secret, operation.ttl), (access,), details)

    async def intend(self, transaction: Transaction, call: Call, draft: RenewalDraft) -> None:
        """Write nothing: until the new end is recorded, the lease ends at its former one."""
        del transaction, call, draft

    async def effect(self, call: Call, draft: RenewalDraft, grant: Grant) -> Prolonged:
        """Move the end that the target enforces."""
        del call
        now, lease = self._catalogue.database.now(), draft.found
        asked = draft.asked_ttl or _default_ttl(draft.secret, grant)
        lifetime = min(asked, lease.max_expires_at - now)
        recipe = await self._catalogue.sealed.recipe(lease)
        async with self._turns.turn(lease.target):
            provider = self._catalogue.provider(recipe.target)
            await provider.extend(recipe, now + lifetime + TARGET_MARGIN)
        return Prolonged(draft, now + lifetime, lifetime)

    async def record(self, transaction: Transaction, call: Call, done: Prolonged) -> LeaseView:
        """Write the new end. Raises LeaseEndedError, LeaseBusyError if its end was moved meanwhile."""
        del call
        found = done.draft.found
        lease = prolong(found, done.expires_at, transaction.now)
        hold_dynamic_secret(transaction, done.draft.secret, _deleted)
        mac, held = self._catalogue.lease_mac, found.schedule.claim
        if not await change_lease(transaction, mac, found, lease, claim=held):
            raise LeaseBusyError
        return self._catalogue.show_lease(lease, done.draft.secret)

    async def settle(self, transaction: Transaction, call: Call, draft: RenewalDraft) -> None:
        """Leave the lease with its former end; the target's own may lie later, and is no more than a net."""
        del transaction, call, draft


def _deleted() -> LeaseEndedError:
    return LeaseEndedError("The dynamic secret was deleted; its leases end.", rule="lease-ended")


def _default_ttl(secret: DynamicSecret, grant: Grant) -> timedelta:
    if grant.max_ttl is None:
        return secret.default_ttl
    return min(secret.default_ttl, grant.max_ttl)
