"""Ends a lease, for a caller or as a job: the one path on which accounts are ended.

1. `intend` commits that the end has begun, and that this process works on it.
2. `effect` ends the account at the target; that it is not there any more is a success.
3. `record` commits that it is gone, or when the next attempt is due.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.caller import CallerKind
from ca_service.gate.handler import Call, ExternalHandler, Prepared
from ca_service.gate.idempotency import forget_answers
from ca_service.kernel.errors import KeywrightError
from ca_service.kernel.randomness import Randomness
from ca_service.policy.values import Grant
from secrets_core.dynamic.catalogue import Catalogue, lease_access
from secrets_core.dynamic.dynamic_secrets import DynamicSecret
from secrets_core.dynamic.errors import LeaseBusyError, TargetRefusedError, TargetUnreachableError
from secrets_core.dynamic.leases import (
    EndReason,
    Lease,
    LeaseStatus,
    after_failure,
    begin_end,
    end,
    reason_of_end,
)
from secrets_core.dynamic.operations import EndDueLease, RevokedLease, RevokeLease
from secrets_core.dynamic.providers.port import Ending, Recipe
from secrets_core.dynamic.storage.leases import change_lease, require_change
from secrets_core.dynamic.storage.targets import close_breaker, find_breaker, open_breaker
from secrets_core.dynamic.targets import Breaker, Turns, after_silence


class EndDraft(Struct, frozen=True):
    """A lease as it was found, and once its end has begun; `begun` is None where this caller does nothing."""

    found: Lease
    begun: Lease | None
    secret: DynamicSecret
    breaker: Breaker | None
    claim: str


class EndAttempt(Struct, frozen=True):
    """What an attempt came to: how the account was found, or what went wrong.

    The target is down, or has answered; neither is known where the attempt did not get as far.
    """

    draft: EndDraft
    ending: Ending | None = None
    error: str = ""
    is_down: bool = False
    has_answered: bool = False


class RevokeLeaseHandler(ExternalHandler[RevokeLease | EndDueLease, EndDraft, EndAttempt, RevokedLease]):
    """Ends leases."""

    def __init__(self, catalogue: Catalogue, randomness: Randomness, turns: Turns) -> None:
        self._catalogue = catalogue
        self._randomness = randomness
        self._turns = turns

    async def prepare(self, call: Call, operation: RevokeLease | EndDueLease) -> Prepared[EndDraft]:
        """Find the lease. One that has ended stays as it is; one in other hands is left to them."""
        lease, secret = await self._catalogue.find_lease(call.home, operation.lease)
        claim = call.id
        if isinstance(operation, EndDueLease) and operation.claim is not None:
            claim = operation.claim
            if lease.schedule.claim != claim:
                raise LeaseBusyError
        begun = None
        if lease.is_live and not _is_in_other_hands(lease, claim, call):
            begun = begin_end(lease, _reason(lease, secret, call), call.now, claim)
        breaker = await find_breaker(self._catalogue.database, call.home, lease.target)
        details = {"lease": lease.id, "dynamic_secret": secret.id, "username": lease.username}
        access = lease_access(operation.action, call.caller, lease, secret)
        return Prepared(EndDraft(lease, begun, secret, breaker, claim), (access,), details)

    async def intend(self, transaction: Transaction, call: Call, draft: EndDraft) -> None:
        """Write that the end has begun. Raises LeaseBusyError if somebody else was first."""
        del call
        if draft.begun is None:
            return
        mac, held = self._catalogue.lease_mac, draft.found.schedule.claim
        # Whoever makes an account is let finish, or die; from all others the lease is taken.
        claim = draft.claim if draft.found.status is LeaseStatus.PENDING else held
        require_change(transaction, mac, draft.found, draft.begun, LeaseBusyError, claim=claim)
        # Whatever was answered about it is not answered again (S10).
        await forget_answers(transaction, draft.found.tenant, draft.found.id)

    async def effect(self, call: Call, draft: EndDraft, grant: Grant) -> EndAttempt:
        """End the account; what goes wrong is noted, because it is tried again."""
        del call, grant
        if draft.begun is None:
            return EndAttempt(draft)
        try:
            return EndAttempt(draft, await self._end(draft), has_answered=True)
        except TargetUnreachableError as error:
            return EndAttempt(draft, error=error.detail, is_down=True)
        except TargetRefusedError as error:
            return EndAttempt(draft, error=error.detail, has_answered=True)
        except KeywrightError as error:
            return EndAttempt(draft, error=error.detail)

    async def _end(self, draft: EndDraft) -> Ending:
        recipe = await self._catalogue.sealed.recipe(draft.found)
        provider = self._catalogue.provider(recipe.target)
        async with self._turns.turn(recipe.target.key):
            try:
                return await provider.revoke(recipe)
            except TargetRefusedError:
                newer = await self._newer(draft, recipe)
                if newer is None:
                    raise
                return await provider.revoke(newer)

    async def _newer(self, draft: EndDraft, recipe: Recipe) -> Recipe | None:
        """Return the recipe with what its target's configuration says now, such as another password."""
        if draft.secret.version == draft.found.config_version or draft.secret.target != recipe.target.key:
            return None
        return Recipe(await self._catalogue.sealed.target(draft.secret), recipe.username)

    async def record(self, transaction: Transaction, call: Call, done: EndAttempt) -> RevokedLease:
        """Write what came of it; a process that lost its claim meanwhile leaves that to who has it."""
        del call
        draft, mac = done.draft, self._catalogue.lease_mac
        if draft.begun is None:
            return self._answer(draft.found, done)
        after = self._after(draft.begun, done, transaction)
        await change_lease(transaction, mac, draft.begun, after, claim=draft.claim)
        tenant, target = after.tenant, after.target
        if done.is_down:
            breaker = after_silence(draft.breaker, done.error, transaction.now, self._randomness)
            open_breaker(transaction, tenant, target, breaker)
        elif done.has_answered and draft.breaker is not None:
            close_breaker(transaction, tenant, target)
        return self._answer(after, done)

    def _after(self, begun: Lease, done: EndAttempt, transaction: Transaction) -> Lease:
        now = transaction.now
        if done.ending is not None:
            return end(begun, done.ending, now)
        schedule = after_failure(begun.schedule, done.error, now, self._randomness, is_down=done.is_down)
        return msgspec.structs.replace(begun, schedule=schedule)

    def details(self, answer: RevokedLease) -> Mapping[str, Any]:
        """Return where the lease stands now, and why it is not gone."""
        lease = answer.lease
        told = {"status": lease.status.value, "end_reason": lease.end_reason}
        return told if lease.status is not LeaseStatus.REVOKING else {**told, "reason": lease.reason}

    async def settle(self, transaction: Transaction, call: Call, draft: EndDraft) -> None:
        """Leave it to the jobs that end leases: once its claim has run out the lease is due again."""
        del transaction, call, draft

    def _answer(self, lease: Lease, done: EndAttempt) -> RevokedLease:
        view = self._catalogue.show_lease(lease, done.draft.secret)
        return RevokedLease(lease=view, is_target_down=done.is_down)


def _reason(lease: Lease, secret: DynamicSecret, call: Call) -> EndReason:
    if call.caller.kind is not CallerKind.SYSTEM:
        return EndReason.REVOKED
    return reason_of_end(lease, call.now, is_deleted=secret.deleted_at is not None)


def _is_in_other_hands(lease: Lease, claim: str, call: Call) -> bool:
    """Tell whether somebody ends this lease at the moment already."""
    until = lease.schedule.claimed_until
    is_claimed = until is not None and until > call.now and lease.schedule.claim != claim
    return is_claimed and lease.status is LeaseStatus.REVOKING
