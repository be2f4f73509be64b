"""Lock-outs listed and cleared by those who administer the identity."""

from datetime import datetime

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.identity.handlers.identities import SEE_IDENTITY, OrganizationIdentities, resource_of
from ca_service.identity.identities import MachineIdentity
from ca_service.identity.lockouts.lockouts import Lockout
from ca_service.identity.lockouts.operations import ClearLockouts, ListLockouts, LockoutPage, LockoutRecord
from ca_service.identity.lockouts.storage import clear_lockouts, list_lockouts
from ca_service.policy.values import Access, Grant


class ListLockoutsReader(Reader[ListLockouts, LockoutPage]):
    """Lists where logins of an identity failed."""

    def __init__(self, identities: OrganizationIdentities) -> None:
        self._identities = identities

    async def prepare(self, call: Call, operation: ListLockouts) -> Prepared[LockoutPage]:
        identity = await self._identities.find(operation.organization, operation.identity)
        found = await list_lockouts(
            self._identities.database, identity, operation.after or "", operation.limit + 1
        )
        page = found[: operation.limit]
        next_key = page[-1].source if len(found) > operation.limit else None
        items = tuple(
            LockoutRecord(
                source=one.source,
                failures=one.failures,
                last_failed_at=one.last_failed_at,
                locked_until=_end_of(one, call),
            )
            for one in page
        )
        access = Access(operation.action, resource_of(identity), visible_by=SEE_IDENTITY)
        return Prepared(LockoutPage(items, next_key), (access,), {"identity": identity.id})


class Clearing(Struct, frozen=True):
    """Which failures of which identity are to be forgotten; `source` None: all."""

    identity: MachineIdentity
    source: str | None


class ClearLockoutsHandler(Handler[ClearLockouts, Clearing, Clearing, int]):
    """Lets an identity log in again."""

    def __init__(self, identities: OrganizationIdentities) -> None:
        self._identities = identities

    async def prepare(self, call: Call, operation: ClearLockouts) -> Prepared[Clearing]:
        del call
        identity = await self._identities.find(operation.organization, operation.identity)
        access = Access(operation.action, resource_of(identity), visible_by=SEE_IDENTITY)
        details = {"identity": identity.id, "source": operation.source or "all"}
        return Prepared(Clearing(identity, operation.source), (access,), details)

    async def sign(self, call: Call, draft: Clearing, grant: Grant) -> Clearing:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Clearing) -> int:
        del call
        return await clear_lockouts(transaction, signed.identity, signed.source)


def _end_of(lockout: Lockout, call: Call) -> datetime | None:
    return lockout.locked_until if lockout.is_locked(call.now) else None
