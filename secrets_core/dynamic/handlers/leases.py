"""Shows, lists and abandons leases."""

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.idempotency import forget_answers
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.errors import MalformedError
from ca_service.policy.values import Grant
from secrets_core.dynamic.accesses import dynamic_access, project_access
from secrets_core.dynamic.catalogue import Catalogue, lease_access
from secrets_core.dynamic.dynamic_secrets import DynamicSecret
from secrets_core.dynamic.errors import LeaseBusyError
from secrets_core.dynamic.leases import Lease, LeaseStatus, abandon
from secrets_core.dynamic.operations import AbandonLease, LeasePage, LeaseView, ListLeases, ReadLease
from secrets_core.dynamic.storage.dynamic_secrets import find_dynamic_secrets
from secrets_core.dynamic.storage.leases import LeaseFilter, change_lease, late_since, list_leases

_MOST_REASON = 500


class ReadLeaseReader(Reader[ReadLease, LeaseView]):
    """Shows one."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ReadLease) -> Prepared[LeaseView]:
        """Find it."""
        lease, secret = await self._catalogue.find_lease(call.home, operation.lease)
        access = lease_access(operation.action, call.caller, lease, secret)
        return Prepared(self._catalogue.show_lease(lease, secret), (access,), {"lease": lease.id})


class ListLeasesReader(Reader[ListLeases, LeasePage]):
    """Lists those that the caller may see."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ListLeases) -> Prepared[LeasePage]:
        """Read one page, and one row more to know whether another follows."""
        catalogue = self._catalogue
        only = await self._filter(call, operation)
        found = await list_leases(
            catalogue.database, catalogue.lease_mac, call.home, only, operation.limit + 1, operation.after
        )
        read = found[: operation.limit]
        ids = sorted({lease.dynamic_secret for lease in read})
        of = await find_dynamic_secrets(catalogue.database, catalogue.secret_mac, call.home, ids)
        shown, accesses = [], {}
        for lease in read:
            secret = of[lease.dynamic_secret]
            access = lease_access(operation.action, call.caller, lease, secret)
            asked = (secret.id, access.context["own"])
            if asked in accesses or await catalogue.permits(call, access):
                accesses[asked] = access
                shown.append(catalogue.show_lease(lease, secret))
        page = LeasePage(tuple(shown), read[-1].id if len(found) > len(read) else None)
        return Prepared(page, (project_access(call.home), *accesses.values()), {"items": len(shown)})

    async def _filter(self, call: Call, operation: ListLeases) -> LeaseFilter:
        name = operation.dynamic_secret
        if name is not None and operation.environment is not None:
            found = await self._catalogue.find(call.home, operation.environment, operation.path, name)
            name = found.id
        now = to_microseconds(call.now)
        return LeaseFilter(
            dynamic_secret=name,
            status=None if operation.status is None else operation.status.value,
            late_since=late_since(now) if operation.overdue else None,
        )


class Abandonment(Struct, frozen=True):
    """A lease that is given up."""

    found: Lease
    secret: DynamicSecret
    reason: str


class AbandonLeaseHandler(Handler[AbandonLease, Abandonment, Abandonment, LeaseView]):
    """Gives a lease up, for a reason that stays with it."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: AbandonLease) -> Prepared[Abandonment]:
        """Find it, and read the reason."""
        reason = operation.reason.strip()
        if not 1 <= len(reason) <= _MOST_REASON or not reason.isprintable():
            raise MalformedError(
                f"Say in 1 to {_MOST_REASON} printable characters why nobody will end this account.",
                field="reason",
                rule="abandon-reason",
            )
        lease, secret = await self._catalogue.find_lease(call.home, operation.lease)
        abandon(lease, reason, call.now)
        details = {"lease": lease.id, "username": lease.username, "target": lease.target, "reason": reason}
        access = dynamic_access(operation.action, secret, noun="lease")
        return Prepared(Abandonment(lease, secret, reason), (access,), details)

    async def sign(self, call: Call, draft: Abandonment, grant: Grant) -> Abandonment:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Abandonment) -> LeaseView:
        """Write it. Raises LeaseBusyError if somebody works on the lease."""
        lease = abandon(signed.found, signed.reason, transaction.now)
        # Whoever makes an account is let finish, or die; from all others the lease is taken.
        claim = call.id if signed.found.status is LeaseStatus.PENDING else signed.found.schedule.claim
        if not await change_lease(transaction, self._catalogue.lease_mac, signed.found, lease, claim=claim):
            raise LeaseBusyError
        await forget_answers(transaction, lease.tenant, lease.id)
        return self._catalogue.show_lease(lease, signed.secret)
