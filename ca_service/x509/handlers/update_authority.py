"""Enables and disables authorities."""

import msgspec

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.policy.values import Grant
from ca_service.x509.accesses import authority_access
from ca_service.x509.authorities import Authority
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.errors import ChangedMeanwhileError
from ca_service.x509.handlers.read_authorities import describe_authority, wanted_authority
from ca_service.x509.operations import DescribedAuthority, UpdateAuthority
from ca_service.x509.storage.authorities import update_authority


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
        draft = describe_authority(self._catalogue, changed, await self._catalogue.above(changed))
        access = authority_access(operation.action, former)
        return Prepared(draft, (access,), {"name": former.name, "status": operation.status.value})

    async def sign(self, call: Call, draft: DescribedAuthority, grant: Grant) -> DescribedAuthority:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(
        self, transaction: Transaction, call: Call, signed: DescribedAuthority
    ) -> DescribedAuthority:
        """Write it over the version it was read at."""
        del call
        if not await update_authority(transaction, self._catalogue.authority_mac, signed.authority):
            self._catalogue.forget()
            raise ChangedMeanwhileError("Another request changed the authority at the same time; try again.")
        transaction.announce()
        transaction.on_commit(self._catalogue.forget)
        return signed
