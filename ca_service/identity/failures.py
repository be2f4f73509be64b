"""Failed logins of identities we know: an entry each, at most 10 a minute for each identity (S8)."""

import asyncio
import logging

from ca_service.audit.denials import FAILED_LOGINS
from ca_service.audit.entries import AuditEntry, AuditOutcome
from ca_service.audit.trail import AuditTrail
from ca_service.database.port import Database
from ca_service.identity.identities import MachineIdentity
from ca_service.kernel.errors import KeywrightError
from ca_service.kernel.identifiers import Identifiers

_log = logging.getLogger(__name__)


class LoginFailures:
    """Writes failed logins down beside the answer: one that waited for the trail would tell who is known."""

    def __init__(self, audit: AuditTrail, database: Database, identifiers: Identifiers) -> None:
        self._audit = audit
        self._database = database
        self._identifiers = identifiers
        self._writing: set[asyncio.Task[None]] = set()

    def note(
        self, identity: MachineIdentity, method: str, reason: str, address: str, request_id: str
    ) -> None:
        """Have the failure written; beyond the allowance it is counted by the trail."""
        entry = AuditEntry(
            id=self._identifiers.new("aud"),
            at=self._database.now(),
            organization=identity.organization,
            project=identity.project,
            caller=f'Identity::"{identity.id}"',
            action="identity:login",
            resource=f'MachineIdentity::"{identity.id}"',
            outcome=AuditOutcome.DENIED,
            reason=reason,
            request_id=request_id,
            address=address,
            details={"method": method},
        )
        task = asyncio.create_task(self._write(entry))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def settle(self) -> None:
        """Return once everything noted so far is written."""
        await asyncio.gather(*self._writing)

    async def _write(self, entry: AuditEntry) -> None:
        try:
            await self._audit.deny(entry, FAILED_LOGINS, entry.reason)
        except KeywrightError as error:
            _log.warning("a failed login could not be written to the trail: %s", error.detail)
