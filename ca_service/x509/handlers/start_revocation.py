"""Revoking many certificates: counted first, then written down; a job does the rest."""

from msgspec import Struct

from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.errors import NotFoundError, UnavailableError
from ca_service.kernel.identifiers import Identifiers
from ca_service.policy.values import Grant
from ca_service.queue.queue import Queue
from ca_service.x509.accesses import owner_of, project_access
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.mass_revocations import (
    JOB_KIND,
    CountChangedError,
    MassRevocation,
    MassRevocationJob,
    Selection,
    Selector,
    encode_job,
    owner_named,
    parse_hash,
)
from ca_service.x509.operations.mass_revocations import (
    CountRevocation,
    ReadRevocation,
    RevocationCount,
    StartRevocation,
)
from ca_service.x509.storage.hashes import are_hashes_complete
from ca_service.x509.storage.mass_revocations import count_meant, find_revocation, insert_revocation


class Selections:
    """Finds out which certificates are meant."""

    def __init__(self, catalogue: Catalogue, database: Database) -> None:
        self._catalogue = catalogue
        self._database = database

    async def parse(self, call: Call, selector: Selector, value: str) -> Selection | None:
        """Return what is meant; None if it names an authority that is not there. Raises MalformedError."""
        if selector is Selector.IDENTITY:
            return Selection(selector, owner_named(value))
        if selector is Selector.KEY:
            digest = parse_hash(value, field="key").hex()
            if not await are_hashes_complete(self._database):
                detail = (
                    "Certificates of an earlier release are still being indexed by their keys; try again in "
                    "a minute."
                )
                raise UnavailableError(detail)
            return Selection(selector, digest)
        if selector is Selector.AUTHORITY:
            authority = await self._catalogue.authority(call.home, value)
            return None if authority is None else Selection(selector, authority.id)
        return Selection(selector, value)

    async def count(self, call: Call, selection: Selection | None) -> int:
        """Return how many certificates that are now."""
        if selection is None:
            return 0
        return await count_meant(self._database, call.home, selection, call.now)


class CountRevocationHandler(Reader[CountRevocation, RevocationCount]):
    """Counts, and revokes nothing."""

    def __init__(self, selections: Selections) -> None:
        self._selections = selections

    async def prepare(self, call: Call, operation: CountRevocation) -> Prepared[RevocationCount]:
        """Count and ask whether the caller may revoke as many."""
        selection = await self._selections.parse(call, operation.selector, operation.value)
        count = await self._selections.count(call, selection)
        answer = RevocationCount(operation.selector, operation.value, count)
        details = {"selector": operation.selector.value, "value": operation.value, "count": count}
        return Prepared(answer, (project_access(operation.action, call.home),), details)


class StartDraft(Struct, frozen=True):
    """What is asked for, and how many certificates the caller takes it for."""

    revocation: MassRevocation
    expected_count: int


class StartRevocationHandler(Handler[StartRevocation, StartDraft, MassRevocation, MassRevocation]):
    """Writes down what is to be revoked, and leaves the rest to the job."""

    def __init__(self, selections: Selections, mac: RowMac, queue: Queue, identifiers: Identifiers) -> None:
        self._selections = selections
        self._mac = mac
        self._queue = queue
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: StartRevocation) -> Prepared[StartDraft]:
        """Count again and ask whether the caller may."""
        selection = await self._selections.parse(call, operation.selector, operation.value)
        count = await self._selections.count(call, selection)
        revocation = MassRevocation(
            id=self._identifiers.new("rvk"),
            tenant=call.home,
            selection=selection or Selection(operation.selector, operation.value),
            reason=operation.reason,
            total=count,
            done=0,
            after_id="",
            asked_by=owner_of(call.caller),
            created_at=call.now,
            finished_at=None,
        )
        details = {
            "selector": operation.selector.value,
            "value": operation.value,
            "expected_count": operation.expected_count,
            "reason": operation.reason.value,
        }
        draft = StartDraft(revocation, operation.expected_count)
        return Prepared(draft, (project_access(operation.action, call.home),), details)

    async def sign(self, call: Call, draft: StartDraft, grant: Grant) -> MassRevocation:
        """Refuse if there are more or fewer than the caller was told; nothing is signed."""
        del call, grant
        count = draft.revocation.total
        if count != draft.expected_count:
            detail = (
                f"There are {count} such certificates now; if you mean them, give that as expected_count."
            )
            raise CountChangedError(detail, field="expected_count", rule="revocation-count")
        return draft.revocation

    async def record(self, transaction: Transaction, call: Call, signed: MassRevocation) -> MassRevocation:
        """Write it down with its job."""
        del call
        await insert_revocation(transaction, self._mac, signed)
        job = MassRevocationJob(signed.tenant.organization, signed.tenant.project, signed.id)
        await self._queue.enqueue(transaction, JOB_KIND, encode_job(job))
        return signed


class ReadRevocationHandler(Reader[ReadRevocation, MassRevocation]):
    """Reads one mass revocation."""

    def __init__(self, database: Database, mac: RowMac) -> None:
        self._database = database
        self._mac = mac

    async def prepare(self, call: Call, operation: ReadRevocation) -> Prepared[MassRevocation]:
        """Read it and ask whether the caller may."""
        found = await find_revocation(self._database, self._mac, call.home, operation.revocation)
        if found is None:
            raise NotFoundError("revocation")
        return Prepared(found, (project_access(operation.action, call.home),))
