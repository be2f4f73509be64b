"""Certifies the keys of a host again, and tells it who may log in: what a host may do for itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.port import Child, Gate, Sponsors
from ca_service.kernel.errors import NotFoundError, UnauthenticatedError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Grant
from ssh_ca.authorities import SshAuthority
from ssh_ca.catalogue import Catalogue
from ssh_ca.certificates import CertificateType
from ssh_ca.handlers.enrol_host import certify, changed_meanwhile
from ssh_ca.host_accesses import host_access
from ssh_ca.host_rows import HostRows
from ssh_ca.hosts import HostLogins, HostStatus, LoginMapping, SshHost, permitted_principals
from ssh_ca.operations import IssuedSshCertificate
from ssh_ca.operations.hosts import HostCredentials, ReadHostLogins, RenewSshHost
from ssh_ca.signatures import public_key_line
from ssh_ca.storage.hosts import find_host, require_proof
from ssh_ca.storage.login_mappings import list_mappings_of


class RenewDraft(Struct, frozen=True):
    """A host, and when the challenge was made that it answered."""

    host: SshHost
    proved_at: datetime


class RenewedHost(Struct, frozen=True):
    """A host with its new certificates, signed and not yet released."""

    draft: RenewDraft
    certificates: tuple[Child[IssuedSshCertificate], ...]


class RenewHostHandler(Handler[RenewSshHost, RenewDraft, RenewedHost, HostCredentials]):
    """Renews the certificates of one host."""

    def __init__(self, gate: Gate, database: Database, custody: Custody) -> None:
        self._gate = gate
        self._database = database
        self._rows = HostRows(custody)

    async def prepare(self, call: Call, operation: RenewSshHost) -> Prepared[RenewDraft]:
        """Find the host; it may be none but the caller."""
        host = await active_host(self._database, self._rows, call.home, operation.host)
        access = host_access(operation.action, host, visible_by=operation.action)
        details = {"host": host.id, "name": host.name}
        return Prepared(RenewDraft(host, operation.proved_at), (access,), details)

    async def sign(self, call: Call, draft: RenewDraft, grant: Grant) -> RenewedHost:
        """Have each key certified, in the names that the inventory says."""
        del grant
        return RenewedHost(draft, await certify(self._gate, call, draft.host))

    async def record(self, transaction: Transaction, call: Call, signed: RenewedHost) -> HostCredentials:
        """Keep the certificates, unless the host was removed meanwhile or the proof is an old one."""
        del call
        draft = signed.draft
        require_proof(transaction, draft.host, draft.proved_at, changed_meanwhile)
        issued = [await self._gate.record(transaction, child) for child in signed.certificates]
        return HostCredentials(host=draft.host, certificates=tuple(issued))

    def details(self, answer: HostCredentials) -> Mapping[str, Any]:
        """Return the numbers of the certificates."""
        return {"serial_numbers": [str(each.serial_number) for each in answer.certificates]}


class ReadLoginsReader(Reader[ReadHostLogins, HostLogins]):
    """Reads the login mappings that apply to a host, and the authorities whose users it trusts."""

    def __init__(self, catalogue: Catalogue, custody: Custody, sponsors: Sponsors) -> None:
        self._catalogue = catalogue
        self._sponsors = sponsors
        self._rows = HostRows(custody)

    async def prepare(self, call: Call, operation: ReadHostLogins) -> Prepared[HostLogins]:
        """Read it for the host itself, or for who may read hosts."""
        database = self._catalogue.database
        host = await active_host(database, self._rows, call.home, operation.host)
        mappings = await list_mappings_of(database, self._rows.mapping_mac, host)
        logins = HostLogins(
            host=host,
            accounts=permitted_principals(mappings, await self._active(mappings)),
            user_authorities=await self._authorities(host),
        )
        details = {"host": host.id, "accounts": len(logins.accounts)}
        return Prepared(logins, (host_access(operation.action, host),), details)

    async def _active(self, mappings: list[LoginMapping]) -> frozenset[str]:
        """Return those of the mapped identities that may act now."""
        active = set()
        for identity in {each for mapping in mappings for each in mapping.identities}:
            try:
                active.add((await self._sponsors.sponsor(identity)).id)
            except UnauthenticatedError:
                continue
        return frozenset(active)

    async def _authorities(self, host: SshHost) -> tuple[str, ...]:
        everything = await self._catalogue.authorities(host.tenant)
        found = [each for each in everything if each.type is CertificateType.USER]
        if host.user_authority is not None:
            found = _with_successors(found, host.user_authority)
        found.sort(key=lambda authority: (authority.created_at, authority.id))
        return tuple(public_key_line(each.public_key, each.name) for each in found if each.status.is_trusted)


async def active_host(database: Database, rows: HostRows, tenant: Tenant, host_id: str) -> SshHost:
    """Return a host by its id. Raises NotFoundError("host")."""
    host = await find_host(database, rows.host_mac, tenant, host_id)
    if host is None or host.status is not HostStatus.ACTIVE:
        raise NotFoundError("host")
    return host


def _with_successors(authorities: list[SshAuthority], name: str) -> list[SshAuthority]:
    """Return the authority of this name and those that a rotation put before and behind it."""
    chosen = {each.id for each in authorities if each.name == name}
    for _ in authorities:
        linked = {each.id for each in authorities if each.succeeds in chosen}
        linked |= {each.succeeds for each in authorities if each.id in chosen and each.succeeds is not None}
        if linked <= chosen:
            break
        chosen |= linked
    return [each for each in authorities if each.id in chosen]
