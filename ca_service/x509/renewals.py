"""Renewing by itself what custody keeps the key of: as the owner, with the owner's rights of the day (S15).

One row for each kept key says when it is due. A renewal and the note that it was made are one transaction, so
a process that dies has done both or neither, and of two processes the second issues nothing.
"""

import logging
import re
from collections.abc import Awaitable, Callable

from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller
from ca_service.gate.port import Gate, RequestContext, Sponsors
from ca_service.identity.tokens import INSTANCE_ADMINISTRATOR
from ca_service.kernel.errors import KeywrightError, Kind, UnavailableError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.x509.announcer import Announcer
from ca_service.x509.certificates import Certificate, CertificateStatus
from ca_service.x509.errors import AlreadyRenewedError
from ca_service.x509.events import EventKind, certificate_facts
from ca_service.x509.kept_keys import KeptKey, next_attempt
from ca_service.x509.key_keeping import KeyKeeping
from ca_service.x509.operations import RenewCertificate
from ca_service.x509.storage.certificates import find_certificate
from ca_service.x509.storage.kept_keys import list_due_renewals, postpone_renewal

_AT_ONCE = 100
_IDENTITY = re.compile(r'Identity::"(?P<id>[A-Za-z0-9_-]+)"\Z')

_log = logging.getLogger("keywright.x509")


class Renewals:
    """Renews what is due; a timer's work."""

    def __init__(
        self,
        gate: Gate,
        database: Database,
        sponsors: Sponsors,
        administrator: Callable[[], Awaitable[Caller | None]],
        keeping: KeyKeeping,
        announcer: Announcer,
        identifiers: Identifiers,
        randomness: Randomness,
    ) -> None:
        self._gate = gate
        self._database = database
        self._sponsors = sponsors
        self._administrator = administrator
        self._keeping = keeping
        self._announcer = announcer
        self._identifiers = identifiers
        self._randomness = randomness

    async def renew_due(self) -> None:
        """Renew a bounded number of certificates, the longest due first; the next run goes on."""
        due, damaged = await list_due_renewals(self._database, self._keeping.mac, most=_AT_ONCE)
        for certificate_id in damaged:
            _log.error("the row of the kept key of %s was changed outside; it is not renewed", certificate_id)
        for kept in due:
            await self._renew(kept)

    async def _renew(self, kept: KeptKey) -> None:
        certificate = await find_certificate(self._database, kept.tenant, kept.certificate)
        if certificate is None or certificate.status(self._database.now()) is not CertificateStatus.VALID:
            await self._note(kept, None, "it is revoked or has ended")
            return
        try:
            owner = await self._owner(kept)
            operation = RenewCertificate(
                project=kept.tenant.project, certificate=kept.certificate, is_automatic=True
            )
            await self._gate.perform(owner, operation, RequestContext(self._identifiers.new("job")))
        except AlreadyRenewedError:
            return
        except UnavailableError as error:
            # Nobody refused: the next run tries again.
            _log.warning("the renewal of %s waits: %s", kept.certificate, error.detail)
        except KeywrightError as error:
            _log.warning("the renewal of %s was refused: %s", kept.certificate, error.slug)
            await self._note(kept, certificate, _told(error))

    async def _owner(self, kept: KeptKey) -> Caller:
        """Return the owner with the rights of today. Raises UnauthenticatedError if it may act no more."""
        found = _IDENTITY.match(kept.owner)
        if found is not None and found["id"] == INSTANCE_ADMINISTRATOR:
            administrator = await self._administrator()
            if administrator is not None:
                return administrator
        return await self._sponsors.sponsor("" if found is None else found["id"])

    async def _note(self, kept: KeptKey, certificate: Certificate | None, error: str) -> None:
        """Note a refusal, plan the next attempt and tell of it; without a certificate there is none."""
        data = None if certificate is None else certificate_facts(certificate) | {"reason": error}
        audience = await self._announcer.audience(kept.tenant, EventKind.RENEWAL_FAILED)

        async def work(transaction: Transaction) -> None:
            renew_at = None
            if certificate is not None:
                renew_at = next_attempt(transaction.now, kept.attempts, self._randomness)
            if await postpone_renewal(transaction, kept, renew_at, error) and data is not None:
                await self._announcer.tell(transaction, audience, EventKind.RENEWAL_FAILED, data)

        await self._database.begin(work)


def _told(error: KeywrightError) -> str:
    """Return what the owner is told: a mistake of ours has nothing for them but its kind."""
    return error.slug if error.kind is Kind.INTERNAL else error.detail
