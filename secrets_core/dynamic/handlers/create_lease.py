"""Gives a lease in three acts: the row that will end the account is there before the account is.

1. `intend` commits the row: final name, sealed recipe, and when somebody else is to end the account.
2. `effect` makes the account at the target, within a time that ends before that.
3. `record` commits that it is made; only then is the password answered.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, ExternalHandler, Prepared
from ca_service.gate.principals import caller_name
from ca_service.kernel.errors import KeywrightError, NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.values import Grant
from secrets_core.dynamic.accesses import dynamic_access
from secrets_core.dynamic.catalogue import Catalogue
from secrets_core.dynamic.dynamic_secrets import DynamicSecret, verify_asked_ttl
from secrets_core.dynamic.errors import (
    LeaseBusyError,
    TargetBusyError,
    TargetRefusedError,
    TooManyLeasesError,
)
from secrets_core.dynamic.leases import (
    GRACE,
    MAKING,
    TARGET_MARGIN,
    EndReason,
    Lease,
    LeaseStatus,
    Schedule,
    activate,
    after_failure,
    begin_end,
    end,
    pending,
)
from secrets_core.dynamic.operations import CreateLease, NewLease
from secrets_core.dynamic.providers.port import Account, Ending, Recipe
from secrets_core.dynamic.storage.dynamic_secrets import hold_dynamic_secret, lock_dynamic_secret
from secrets_core.dynamic.storage.leases import change_lease, count_live, insert_lease
from secrets_core.dynamic.targets import Turns

#: So near to the bound callers take turns, so that what they count is exact.
_NEAR = 100

_log = logging.getLogger("keywright.dynamic")


class LeaseDraft(Struct, frozen=True):
    """A lease to be given: everything about its account is chosen."""

    lease: Lease
    secret: DynamicSecret
    recipe: Recipe
    password: SecretValue[str]
    asked_ttl: timedelta | None


class MadeAccount(Struct, frozen=True):
    """An account that is there. `lifetime` is checked against the grant by the gate."""

    draft: LeaseDraft
    expires_at: datetime
    max_expires_at: datetime
    lifetime: timedelta
    connection: Mapping[str, str | int]


class CreateLeaseHandler(ExternalHandler[CreateLease, LeaseDraft, MadeAccount, NewLease]):
    """Gives leases."""

    def __init__(
        self,
        catalogue: Catalogue,
        identifiers: Identifiers,
        randomness: Randomness,
        turns: Turns,
        most_live: int,
    ) -> None:
        self._catalogue = catalogue
        self._identifiers = identifiers
        self._randomness = randomness
        self._turns = turns
        self._most_live = most_live

    async def prepare(self, call: Call, operation: CreateLease) -> Prepared[LeaseDraft]:
        """Choose name and password, and seal what it takes to end the account."""
        catalogue = self._catalogue
        secret = await catalogue.find(call.home, operation.environment, operation.path, operation.name)
        verify_asked_ttl(operation.ttl, secret.max_ttl)
        target = await catalogue.sealed.target(secret)
        recipe = Recipe(target, self._username(call, secret, catalogue.provider(target).longest_username))
        lease_id = self._identifiers.new("lse")
        lease = Lease(
            id=lease_id,
            tenant=call.home,
            dynamic_secret=secret.id,
            config_version=secret.version,
            holder=caller_name(call.caller),
            username=recipe.username,
            target=target.key,
            recipe=await catalogue.sealed.seal_recipe(call.home, lease_id, recipe),
            status=LeaseStatus.PENDING,
            created_at=call.now,
            expires_at=call.now,
            max_expires_at=call.now,
            schedule=Schedule(due_at=call.now),
        )
        password = SecretValue(catalogue.names.password())
        draft = LeaseDraft(pending(lease, call.now, call.id), secret, recipe, password, operation.ttl)
        access = dynamic_access(operation.action, secret, ttl=operation.ttl)
        details = {"lease": lease_id, "dynamic_secret": secret.id, "username": recipe.username}
        return Prepared(draft, (access,), details)

    def _username(self, call: Call, secret: DynamicSecret, longest: int) -> str:
        parts = {
            "dynamic": secret.name,
            "environment": secret.environment_slug,
            "identity": call.caller.name or call.caller.id,
        }
        return self._catalogue.names.username(secret.id, secret.username_template, parts, longest)

    async def intend(self, transaction: Transaction, call: Call, draft: LeaseDraft) -> None:
        """Write the lease. Raises TooManyLeasesError, NotFoundError if the dynamic secret was deleted."""
        del call
        await self._verify_quota(transaction, draft)
        hold_dynamic_secret(transaction, draft.secret, lambda: NotFoundError("dynamic secret"))
        await insert_lease(transaction, self._catalogue.lease_mac, draft.lease)

    async def _verify_quota(self, transaction: Transaction, draft: LeaseDraft) -> None:
        lease = draft.lease
        of = (lease.tenant, lease.dynamic_secret, lease.holder, self._most_live)
        live = await count_live(transaction, *of)
        if live >= self._most_live - _NEAR:
            await lock_dynamic_secret(transaction, draft.secret)
            live = await count_live(transaction, *of)
        if live >= self._most_live:
            raise TooManyLeasesError(
                f"You hold {live} live leases of this dynamic secret, and nobody may hold more. Use one of "
                "them again, or revoke those that you no longer need.",
                retry_after=timedelta(minutes=1),
            )

    async def effect(self, call: Call, draft: LeaseDraft, grant: Grant) -> MadeAccount:
        """Make the account, or put away what may have been made of it."""
        del call
        now = self._catalogue.database.now()
        lifetime = draft.asked_ttl or _default_ttl(draft.secret, grant)
        expires_at = now + lifetime
        provider = self._catalogue.provider(draft.recipe.target)
        account = Account(draft.recipe.username, draft.password, expires_at + TARGET_MARGIN)
        try:
            async with self._turns.turn(draft.lease.target):
                self._verify_in_time(draft, GRACE - MAKING)
                await provider.create(draft.recipe.target, account)
            self._verify_in_time(draft, GRACE)
        except Exception as error:
            await self._put_away(draft, error)
            raise
        return MadeAccount(
            draft=draft,
            expires_at=expires_at,
            max_expires_at=now + draft.secret.max_ttl,
            lifetime=lifetime,
            connection=provider.connection(draft.recipe.target),
        )

    def _verify_in_time(self, draft: LeaseDraft, most: timedelta) -> None:
        """Refuse to go on when this process slept so long that another may end the account already."""
        if self._catalogue.database.now() - draft.lease.created_at > most:
            raise LeaseBusyError("Making the account took too long; it is put away. Send the request again.")

    async def record(self, transaction: Transaction, call: Call, done: MadeAccount) -> NewLease:
        """Write that the account is made. Raises LeaseBusyError if it is being ended already."""
        del call
        before = done.draft.lease
        lease = activate(before, done.expires_at, done.max_expires_at)
        # Whoever deletes the dynamic secret at this moment finds the lease active, or keeps it from being so.
        hold_dynamic_secret(transaction, done.draft.secret, _too_late)
        mac, claim = self._catalogue.lease_mac, before.schedule.claim
        if not await change_lease(transaction, mac, before, lease, claim=claim):
            raise _too_late()
        return NewLease(
            id=lease.id,
            lease=self._catalogue.show_lease(lease, done.draft.secret),
            connection={"username": lease.username, **done.connection},
            password=done.draft.password,
            ttl=done.lifetime,
        )

    async def settle(self, transaction: Transaction, call: Call, draft: LeaseDraft) -> None:
        """Leave it to the jobs that end leases: a pending one is due when its grace is over."""
        del transaction, call, draft

    async def _put_away(self, draft: LeaseDraft, error: Exception) -> None:
        """End at once what may have been made; what fails here is done again by the jobs."""
        gone = Ending.GONE if isinstance(error, TargetBusyError) else None
        if isinstance(error, TargetRefusedError | LeaseBusyError):
            # It answered: nothing is on its way any more that could make the account after this look.
            gone = await self._ending(draft.recipe)
        said = error.detail if isinstance(error, KeywrightError) else "The account could not be made."

        async def work(transaction: Transaction) -> None:
            await self._note(transaction, draft, gone, said)

        with suppress(KeywrightError):
            await self._catalogue.database.begin(work)

    async def _ending(self, recipe: Recipe) -> Ending | None:
        try:
            async with self._turns.turn(recipe.target.key):
                return await self._catalogue.provider(recipe.target).revoke(recipe)
        except KeywrightError as error:
            _log.warning("what failed to be made at %s is ended later: %s", recipe.target.key, error.detail)
            return None

    async def _note(
        self, transaction: Transaction, draft: LeaseDraft, gone: Ending | None, said: str
    ) -> None:
        before, now = draft.lease, transaction.now
        begun = begin_end(before, EndReason.FAILED, now, before.schedule.claim)
        if gone is not None:
            after = end(begun, gone, now)
        else:
            # Whatever was sent may still be at work at the target for so long.
            schedule = after_failure(begun.schedule, said, now + MAKING, self._randomness, is_down=True)
            after = msgspec.structs.replace(begun, schedule=schedule)
        mac = self._catalogue.lease_mac
        await change_lease(transaction, mac, before, after, claim=before.schedule.claim)


def _too_late() -> LeaseBusyError:
    return LeaseBusyError("The lease ended before it began, and its account is put away. Ask again.")


def _default_ttl(secret: DynamicSecret, grant: Grant) -> timedelta:
    if grant.max_ttl is None:
        return secret.default_ttl
    return min(secret.default_ttl, grant.max_ttl)
