"""Shows, lists and deletes dynamic secrets."""

import msgspec
from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Grant
from secrets_core.dynamic.accesses import dynamic_access, project_access
from secrets_core.dynamic.catalogue import Catalogue
from secrets_core.dynamic.dynamic_secrets import DynamicSecret
from secrets_core.dynamic.errors import LeasesLiveError
from secrets_core.dynamic.operations import (
    DeleteDynamicSecret,
    DynamicSecretPage,
    DynamicSecretView,
    ListDynamicSecrets,
    ReadDynamicSecret,
)
from secrets_core.dynamic.storage.dynamic_secrets import change_dynamic_secret, list_dynamic_secrets
from secrets_core.dynamic.storage.leases import bring_forward, has_live_leases
from secrets_core.paths import parse_path


class ReadDynamicSecretReader(Reader[ReadDynamicSecret, DynamicSecretView]):
    """Shows one."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ReadDynamicSecret) -> Prepared[DynamicSecretView]:
        """Find it."""
        found = await self._catalogue.find(call.home, operation.environment, operation.path, operation.name)
        view = await self._catalogue.show(found)
        access = dynamic_access(operation.action, found)
        return Prepared(view, (access,), {"dynamic_secret": found.id, "name": found.name})


class ListDynamicSecretsReader(Reader[ListDynamicSecrets, DynamicSecretPage]):
    """Lists those of a folder that the caller may see."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ListDynamicSecrets) -> Prepared[DynamicSecretPage]:
        """Read one page, and one row more to know whether another follows."""
        catalogue = self._catalogue
        place = await catalogue.environments.find(call.home, operation.environment)
        found = await list_dynamic_secrets(
            catalogue.database,
            catalogue.secret_mac,
            call.home,
            place.id,
            parse_path(operation.path),
            operation.limit + 1,
            operation.after or "",
        )
        read = found[: operation.limit]
        asked = [(each, dynamic_access(operation.action, each)) for each in read]
        shown = [(each, access) for each, access in asked if await catalogue.permits(call, access)]
        page = DynamicSecretPage(
            tuple([await catalogue.show(each) for each, _ in shown]),
            read[-1].name if len(found) > len(read) else None,
        )
        accesses = (project_access(call.home), *(access for _, access in shown))
        return Prepared(page, accesses, {"items": len(shown)})


class Deletion(Struct, frozen=True):
    """What is to be deleted, and whether its leases are ended."""

    secret: DynamicSecret
    revoke: bool


class DeleteDynamicSecretHandler(Handler[DeleteDynamicSecret, Deletion, Deletion, None]):
    """Makes a dynamic secret a tombstone: its live leases are in the way, or are ended by what they hold."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: DeleteDynamicSecret) -> Prepared[Deletion]:
        """Find it."""
        found = await self._catalogue.find(call.home, operation.environment, operation.path, operation.name)
        details = {"dynamic_secret": found.id, "name": found.name, "revoke": operation.revoke}
        access = dynamic_access(operation.action, found)
        return Prepared(Deletion(found, operation.revoke), (access,), details)

    async def sign(self, call: Call, draft: Deletion, grant: Grant) -> Deletion:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Deletion) -> None:
        """Delete it first, so that no lease begins behind the look for live ones."""
        del call
        before, mac = signed.secret, self._catalogue.secret_mac
        after = msgspec.structs.replace(before, deleted_at=transaction.now)
        if not await change_dynamic_secret(transaction, mac, before, after):
            raise NotFoundError("dynamic secret")
        if signed.revoke:
            await bring_forward(transaction, before.tenant, before.id)
        elif await has_live_leases(transaction, before.tenant, before.id):
            raise LeasesLiveError(
                "There are leases that have not ended. Revoke them first, or delete with ?revoke=true, which "
                "ends them.",
                rule="live-leases",
            )
