"""Takes hosts into the inventory and certifies their keys; every certificate is a child of `ssh:sign`."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import CallerKind
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.port import Child, Gate
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.names import Name
from ca_service.policy.values import Access, ContextValue, Grant
from ssh_ca.errors import HostRefusedError, ProofUsedError
from ssh_ca.host_accesses import own_access
from ssh_ca.host_certificates import find_holder
from ssh_ca.host_rows import HostRows
from ssh_ca.hosts import (
    HostStatus,
    HostToken,
    SshHost,
    parse_host_keys,
    parse_host_names,
    verify_names,
)
from ssh_ca.operations import IssuedSshCertificate, IssueSshCertificate
from ssh_ca.operations.hosts import EnrolSshHost, HostCredentials
from ssh_ca.storage.host_tokens import find_host_token, use_host_token
from ssh_ca.storage.hosts import find_host_by_name, insert_host, replace_host


class Belonging(Struct, frozen=True, kw_only=True):
    """What a new host is that comes with a certificate: no token says it."""

    groups: tuple[str, ...] = ()
    profile: str = "host"
    user_authority: str | None = None


_NOWHERE = Belonging()


class EnrolDraft(Struct, frozen=True, kw_only=True):
    """The host as it will stand in the inventory, over the former row of its name, and what lets it in."""

    host: SshHost
    former: SshHost | None
    token: HostToken | None


class EnrolledHost(Struct, frozen=True, kw_only=True):
    """A host with its certificates, signed and not yet released."""

    draft: EnrolDraft
    certificates: tuple[Child[IssuedSshCertificate], ...]


class EnrolHostHandler(Handler[EnrolSshHost, EnrolDraft, EnrolledHost, HostCredentials]):
    """Enrols one host with a token, used up in the same transaction, or with an X.509 certificate."""

    def __init__(self, gate: Gate, database: Database, custody: Custody) -> None:
        self._gate = gate
        self._database = database
        self._rows = HostRows(custody)

    async def prepare(self, call: Call, operation: EnrolSshHost) -> Prepared[EnrolDraft]:
        """Read names and keys; ask for each name, as the host that proved them."""
        if call.caller.kind is not CallerKind.SSH_HOST:
            raise NotFoundError("host")
        names = parse_host_names(operation.names)
        keys = parse_host_keys(operation.public_keys)
        former = await find_host_by_name(self._database, self._rows.host_mac, call.home, names[0].value)
        token, context = await self._why(call, operation, names, former)
        # A certificate says nothing of where its holder belongs: what an operator once said stays.
        belongs = token or former or _NOWHERE
        host = SshHost(
            id=call.caller.id if former is None else former.id,
            tenant=call.home,
            name=names[0].value,
            names=tuple(name.value for name in names),
            groups=belongs.groups,
            profile=belongs.profile,
            user_authority=belongs.user_authority,
            keys=tuple(key.line for key in keys),
            status=HostStatus.ACTIVE,
            enrolled_by=operation.token or operation.certificate or "",
            created_at=call.now,
            proved_at=operation.proved_at,
            version=1 if former is None else former.version + 1,
        )
        details = {
            "host": host.id,
            "name": host.name,
            "names": [*host.names],
            "public_keys": [key.fingerprint for key in keys],
            "method": context["method"],
            "credential": host.enrolled_by,
        }
        draft = EnrolDraft(host=host, former=former, token=token)
        return Prepared(draft, _accesses(operation.action, host, names, context), details)

    async def _why(
        self, call: Call, operation: EnrolSshHost, names: tuple[Name, ...], former: SshHost | None
    ) -> tuple[HostToken | None, dict[str, ContextValue]]:
        """Return the token, if it is one, and what the policy is told of it."""
        database = self._database
        if operation.token is not None:
            token = await find_host_token(database, self._rows.token_mac, call.home, operation.token)
            if token is None:
                raise NotFoundError("token")
            verify_names(token, names)
            if not token.is_exact and former is not None:
                raise HostRefusedError(
                    f"There is a host {former.name} already, and this token is for new ones; ask for a token "
                    f"for {former.name} itself.",
                    field="name",
                    rule="host-taken-over",
                )
            return token, {"method": "token"}
        certificate = await find_holder(database, call.home, operation.certificate or "")
        if certificate is None:
            raise NotFoundError("certificate")
        if former is not None and former.status is not HostStatus.ACTIVE:
            raise HostRefusedError(
                f"{former.name} was removed, and comes back with a token for its name only; ask for one.",
                field="name",
                rule="host-removed",
            )
        for i, name in enumerate(names):
            if name not in certificate.names:
                raise HostRefusedError(
                    f"The certificate is not for {name.value}; enrol with names that stand in it.",
                    field=f"names[{i}]",
                    rule="host-certificate-name",
                )
        return None, {"method": "x509", "profile": certificate.profile}

    async def sign(self, call: Call, draft: EnrolDraft, grant: Grant) -> EnrolledHost:
        """Have each key certified."""
        del grant
        return EnrolledHost(draft=draft, certificates=await certify(self._gate, call, draft.host))

    async def record(self, transaction: Transaction, call: Call, signed: EnrolledHost) -> HostCredentials:
        """Use the token up and keep the host with its certificates: all of it, or nothing."""
        del call
        host, former = signed.draft.host, signed.draft.former
        if signed.draft.token is not None:
            use_host_token(
                transaction,
                self._rows.token_mac,
                signed.draft.token,
                host.id,
                token_was_used,
            )
        if former is None:
            try:
                await insert_host(transaction, self._rows.host_mac, host)
            except UniqueViolationError as error:
                raise changed_meanwhile() from error
        elif not await replace_host(transaction, self._rows.host_mac, former, host):
            raise changed_meanwhile()
        issued = [await self._gate.record(transaction, child) for child in signed.certificates]
        return HostCredentials(host=host, certificates=tuple(issued))

    def details(self, answer: HostCredentials) -> Mapping[str, Any]:
        """Return the numbers of the certificates."""
        return {"serial_numbers": [str(each.serial_number) for each in answer.certificates]}


async def certify(gate: Gate, call: Call, host: SshHost) -> tuple[Child[IssuedSshCertificate], ...]:
    """Decide and sign a certificate for each key of a host, in the names that its row says."""
    children = []
    for line in host.keys:
        operation = IssueSshCertificate(
            project=host.tenant.project,
            profile=host.profile,
            public_key=line,
            principals=host.names,
            key_id=host.id,
            vouched_names=host.names,
        )
        children.append(await gate.prepare(call, operation))
    return tuple(children)


def changed_meanwhile() -> ProofUsedError:
    """Return the error for a host that changed, or answered a later challenge, since this one was made."""
    return ProofUsedError(
        "This host changed meanwhile, or has answered a later challenge; ask for a new one.",
        rule="host-proof-used",
    )


def token_was_used() -> ProofUsedError:
    """Return the error for a token that another used first, or that has just expired."""
    return ProofUsedError(
        "This token was used by another host, or has just expired; ask for another.", rule="host-token-used"
    )


def _accesses(
    action: str, host: SshHost, names: tuple[Name, ...], context: Mapping[str, ContextValue]
) -> tuple[Access, ...]:
    return tuple(
        own_access(action, host.id, host.tenant, {**context, "name": name.context()}, f"names[{i}]")
        for i, name in enumerate(names)
    )
