"""What operators do with the inventory of hosts: list, read and remove them."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.port import Child, Gate
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Grant
from ssh_ca.handlers.enrol_host import changed_meanwhile
from ssh_ca.host_accesses import host_access, hosts_access
from ssh_ca.host_rows import HostRows
from ssh_ca.hosts import HostStatus, SshHost
from ssh_ca.operations import ByKeyId, RevokedSshCertificates, RevokeSshCertificates
from ssh_ca.operations.hosts import ListSshHosts, ReadSshHost, RemoveSshHost, SshHostPage
from ssh_ca.storage.certificates import Selection, find_selected
from ssh_ca.storage.hosts import find_host, find_host_by_name, list_hosts, remove_host

_ID = "shh_"


class RemovedHost(Struct, frozen=True):
    """A host to be removed, and the revocation of its certificates, if it has any."""

    host: SshHost
    revocation: Child[RevokedSshCertificates] | None


class ListHostsReader(Reader[ListSshHosts, SshHostPage]):
    """Lists hosts by name."""

    def __init__(self, database: Database, custody: Custody) -> None:
        self._database = database
        self._rows = HostRows(custody)

    async def prepare(self, call: Call, operation: ListSshHosts) -> Prepared[SshHostPage]:
        """Read one page, and one row more to know whether another follows."""
        found = await list_hosts(
            self._database,
            self._rows.host_mac,
            call.home,
            operation.group,
            operation.limit + 1,
            operation.after,
        )
        shown = found[: operation.limit]
        page = SshHostPage(tuple(shown), shown[-1].name if len(found) > len(shown) else None)
        return Prepared(page, (hosts_access(operation.action, call.home),), {"items": len(shown)})


class ReadHostReader(Reader[ReadSshHost, SshHost]):
    """Reads one host."""

    def __init__(self, database: Database, custody: Custody) -> None:
        self._database = database
        self._rows = HostRows(custody)

    async def prepare(self, call: Call, operation: ReadSshHost) -> Prepared[SshHost]:
        """Read it by its id or its name."""
        host = await _find(self._database, self._rows, call.home, operation.host)
        return Prepared(host, (host_access(operation.action, host),), {"host": host.id, "name": host.name})


class RemoveHostHandler(Handler[RemoveSshHost, SshHost, RemovedHost, SshHost]):
    """Removes one host and revokes its certificates."""

    def __init__(self, gate: Gate, database: Database, custody: Custody) -> None:
        self._gate = gate
        self._database = database
        self._rows = HostRows(custody)

    async def prepare(self, call: Call, operation: RemoveSshHost) -> Prepared[SshHost]:
        """Find it by its id or its name."""
        host = await _find(self._database, self._rows, call.home, operation.host)
        return Prepared(host, (host_access(operation.action, host),), {"host": host.id, "name": host.name})

    async def sign(self, call: Call, draft: SshHost, grant: Grant) -> RemovedHost:
        """Ask for the revocation of all its certificates."""
        del grant
        selection = Selection(key_id=draft.id)
        if not await find_selected(self._database, call.home, selection):
            return RemovedHost(draft, None)
        revoke = RevokeSshCertificates(project=draft.tenant.project, selector=ByKeyId(key_id=draft.id))
        return RemovedHost(draft, await self._gate.prepare(call, revoke))

    async def record(self, transaction: Transaction, call: Call, signed: RemovedHost) -> SshHost:
        """Mark it as removed, so that it renews nothing, and revoke."""
        del call
        if not await remove_host(transaction, self._rows.host_mac, signed.host):
            raise changed_meanwhile()
        if signed.revocation is not None:
            await self._gate.record(transaction, signed.revocation)
        return signed.host

    def details(self, answer: SshHost) -> Mapping[str, Any]:
        """Return which host it was."""
        return {"host": answer.id}


async def _find(database: Database, rows: HostRows, tenant: Tenant, named: str) -> SshHost:
    find = find_host if named.startswith(_ID) else find_host_by_name
    host = await find(database, rows.host_mac, tenant, named)
    if host is None or host.status is not HostStatus.ACTIVE:
        raise NotFoundError("host")
    return host
