"""Compares the accounts at a target with the leases: what nobody will end, and what is gone too early."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, ExternalHandler, Prepared
from ca_service.policy.values import Grant
from secrets_core.dynamic.accesses import dynamic_access
from secrets_core.dynamic.catalogue import Catalogue
from secrets_core.dynamic.dynamic_secrets import DynamicSecret
from secrets_core.dynamic.leases import MAKING, Lease
from secrets_core.dynamic.operations import ReconcileDynamicSecret, Reconciliation
from secrets_core.dynamic.providers.port import Recipe, Target
from secrets_core.dynamic.storage.leases import find_leases_of_accounts, list_active_leases
from secrets_core.dynamic.targets import Turns

#: Accounts that one request drops, and leases that it names; another request goes on.
_MOST_DROPPED = 100
_MOST_NAMED = 1000
_AT_ONCE = 1000


class ReconciliationDraft(Struct, frozen=True):
    """What is compared."""

    secret: DynamicSecret
    drop: bool


class ReconcileHandler(
    ExternalHandler[ReconcileDynamicSecret, ReconciliationDraft, Reconciliation, Reconciliation]
):
    """Compares, and drops where that was asked for."""

    def __init__(self, catalogue: Catalogue, turns: Turns) -> None:
        self._catalogue = catalogue
        self._turns = turns

    async def prepare(self, call: Call, operation: ReconcileDynamicSecret) -> Prepared[ReconciliationDraft]:
        """Find the dynamic secret."""
        found = await self._catalogue.find(call.home, operation.environment, operation.path, operation.name)
        details = {"dynamic_secret": found.id, "name": found.name, "drop": operation.drop}
        access = dynamic_access(operation.action, found)
        return Prepared(ReconciliationDraft(found, operation.drop), (access,), details)

    async def intend(self, transaction: Transaction, call: Call, draft: ReconciliationDraft) -> None:
        """Write nothing: an account without a lease has no row, and dropping one again is harmless."""
        del transaction, call, draft

    async def effect(self, call: Call, draft: ReconciliationDraft, grant: Grant) -> Reconciliation:
        """List the accounts first: every one that is made later has its row already."""
        del call, grant
        secret = draft.secret
        target = await self._catalogue.sealed.target(secret)
        provider = self._catalogue.provider(target)
        begun_at = self._catalogue.database.now()
        prefix = self._catalogue.names.prefix(secret.id)
        async with self._turns.turn(target.key):
            accounts = await provider.list_accounts(target, prefix)
        # A target that compares names in its own way must not give us what is not ours.
        accounts = tuple(sorted(name for name in accounts if name.startswith(prefix)))
        orphans = await self._orphans(secret, accounts)
        missing = await self._missing(secret, frozenset(accounts))
        dropped = await self._drop(target, orphans[:_MOST_DROPPED]) if draft.drop else ()
        return Reconciliation(
            orphans=orphans[:_MOST_NAMED],
            dropped=dropped,
            missing=tuple(
                self._catalogue.show_lease(lease, secret)
                for lease in missing
                # What was in the making while the accounts were listed has none in the list.
                if lease.created_at < begun_at - MAKING
            ),
        )

    async def record(self, transaction: Transaction, call: Call, done: Reconciliation) -> Reconciliation:
        """Answer; the trail is told what was found and dropped."""
        del transaction, call
        return done

    def details(self, answer: Reconciliation) -> Mapping[str, Any]:
        """Return how many were found, and the names of what was dropped."""
        return {
            "orphans": len(answer.orphans),
            "missing": len(answer.missing),
            "dropped": list(answer.dropped),
        }

    async def settle(self, transaction: Transaction, call: Call, draft: ReconciliationDraft) -> None:
        """Leave it: the next comparison finds what is left."""
        del transaction, call, draft

    async def _orphans(self, secret: DynamicSecret, accounts: tuple[str, ...]) -> tuple[str, ...]:
        orphans: list[str] = []
        for start in range(0, len(accounts), _AT_ONCE):
            names = list(accounts[start : start + _AT_ONCE])
            leases = await find_leases_of_accounts(
                self._catalogue.database, self._catalogue.lease_mac, secret.tenant, secret.id, names
            )
            ended_by_a_lease = {lease.username for lease in leases if lease.is_live}
            orphans += [name for name in names if name not in ended_by_a_lease]
        return tuple(orphans)

    async def _missing(self, secret: DynamicSecret, accounts: frozenset[str]) -> list[Lease]:
        found: list[Lease] = []
        after = ""
        while len(found) < _MOST_NAMED:
            leases = await list_active_leases(
                self._catalogue.database,
                self._catalogue.lease_mac,
                secret.tenant,
                secret.id,
                secret.target,
                _AT_ONCE,
                after,
            )
            found += [lease for lease in leases if lease.username not in accounts]
            if len(leases) < _AT_ONCE:
                break
            after = leases[-1].id
        return found[:_MOST_NAMED]

    async def _drop(self, target: Target, names: tuple[str, ...]) -> tuple[str, ...]:
        provider = self._catalogue.provider(target)
        for name in names:
            async with self._turns.turn(target.key):
                await provider.revoke(Recipe(target, name))
        return names
