"""Enables, disables and retires authorities."""

import msgspec

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import ConflictError
from ca_service.policy.values import Grant
from ca_service.x509.accesses import authority_access
from ca_service.x509.authorities import Authority, AuthorityStatus
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.handlers.authority_records import write_changes
from ca_service.x509.handlers.read_authorities import described_in, wanted_authority
from ca_service.x509.operations import DescribedAuthority, UpdateAuthority

_CHOSEN = (AuthorityStatus.ACTIVE, AuthorityStatus.DISABLED, AuthorityStatus.RETIRED)


class UpdateAuthorityHandler(
    Handler[UpdateAuthority, DescribedAuthority, DescribedAuthority, DescribedAuthority]
):
    """Changes the status of one authority."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: UpdateAuthority) -> Prepared[DescribedAuthority]:
        """Find it and ask whether the caller may."""
        former = await wanted_authority(self._catalogue, call.home, operation.name)
        changed: Authority = msgspec.structs.replace(
            former, status=operation.status, version=former.version + 1
        )
        access = authority_access(operation.action, former)
        details = {"name": former.name, "status": operation.status.value, "before": former.status.value}
        return Prepared(await described_in(self._catalogue, changed), (access,), details)

    async def sign(self, call: Call, draft: DescribedAuthority, grant: Grant) -> DescribedAuthority:
        """Return the draft if an authority can become that: nothing is signed."""
        del grant
        former = await wanted_authority(self._catalogue, call.home, draft.authority.name)
        verify_change(former, draft.authority.status)
        return draft

    async def record(
        self, transaction: Transaction, call: Call, signed: DescribedAuthority
    ) -> DescribedAuthority:
        """Write it over the version it was read at."""
        del call
        await write_changes(transaction, self._catalogue, (signed.authority,))
        return signed


def verify_change(former: Authority, wanted: AuthorityStatus) -> None:
    """Refuse a status that an authority cannot be given from here. Raises errors that say the way."""
    if wanted not in _CHOSEN:
        detail = f"status is one of {', '.join(_CHOSEN)}; the others come about by themselves."
        raise ProfileRefusedError(detail, field="status", rule="authority-status")
    if former.status is AuthorityStatus.RETIRED and wanted is not AuthorityStatus.RETIRED:
        detail = "The authority is retired, for good; make another, or a successor of the one that issues."
        raise ConflictError(detail, field="status", rule="authority-retired")
    if former.is_pending and wanted is not AuthorityStatus.RETIRED:
        detail = "The authority waits for its certificate; import it (POST …/import), which makes it active."
        raise ConflictError(detail, field="status", rule="authority-pending")
    if former.status is AuthorityStatus.PREPARED and wanted is not AuthorityStatus.RETIRED:
        detail = "The authority is a prepared successor; switch to it (POST …/switch), or retire it."
        raise ConflictError(detail, field="status", rule="authority-prepared")
