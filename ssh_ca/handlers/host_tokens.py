"""Makes, lists and forgets the tokens by which hosts are enrolled."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Transaction
from ca_service.gate.caller import Caller, CallerKind
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.identity.tokens import INSTANCE_ADMINISTRATOR
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.names import Name, parse_dns_name
from ca_service.policy.values import Access, Grant
from ssh_ca.authorities import SshAuthority
from ssh_ca.catalogue import Catalogue
from ssh_ca.certificates import CertificateType
from ssh_ca.errors import HostRefusedError
from ssh_ca.host_accesses import hosts_access
from ssh_ca.host_rows import HostRows
from ssh_ca.host_tokens import PREFIX, HostTokenHash
from ssh_ca.hosts import HostToken, lifetime_of_token, parse_groups, parse_host_names, parse_pattern
from ssh_ca.operations.hosts import (
    CreateHostToken,
    HostTokenPage,
    HostTokenRecord,
    ListHostTokens,
    NewHostToken,
    RevokeHostToken,
)
from ssh_ca.storage.host_tokens import (
    delete_host_token,
    find_host_token,
    insert_host_token,
    list_host_tokens,
)


class MintedHostToken(Struct, frozen=True):
    """A token to be recorded, and its text to be answered after that."""

    kept: HostToken
    text: SecretValue[str]


class CreateHostTokenHandler(Handler[CreateHostToken, HostToken, MintedHostToken, NewHostToken]):
    """Makes one token."""

    def __init__(
        self, catalogue: Catalogue, custody: Custody, identifiers: Identifiers, randomness: Randomness
    ) -> None:
        self._catalogue = catalogue
        self._identifiers = identifiers
        self._hash = HostTokenHash(custody, randomness)
        self._rows = HostRows(custody)

    async def prepare(self, call: Call, operation: CreateHostToken) -> Prepared[HostToken]:
        """Read whom it is for, and ask for each name that it may enrol."""
        host = parse_pattern(operation.host)
        names = parse_host_names(operation.names) if operation.names else ()
        await self._verify_issuers(call, operation)
        draft = HostToken(
            id=self._identifiers.new(PREFIX),
            tenant=call.home,
            host=host,
            names=tuple(name.value for name in names),
            groups=parse_groups(operation.groups),
            profile=operation.profile,
            user_authority=operation.user_authority,
            tag=b"",
            owner=_owner(call.caller),
            created_at=call.now,
            expires_at=call.now + lifetime_of_token(operation.ttl),
        )
        details = {"token": draft.id, "host": host, "names": [*draft.names], "groups": [*draft.groups]}
        return Prepared(draft, _accesses(call, operation.action, host, names), details)

    async def _verify_issuers(self, call: Call, operation: CreateHostToken) -> None:
        """Refuse a profile or an authority for users that is not there, before a host finds out."""
        profiles = {each.name: each for each in await self._catalogue.profiles(call.home)}
        profile = profiles.get(operation.profile)
        if profile is None or profile.type is not CertificateType.HOST:
            raise HostRefusedError(
                "There is no host profile of this name in the project; choose one of its profiles.",
                field="profile",
                rule="host-profile",
            )
        trusted = operation.user_authority
        authorities = await self._catalogue.authorities(call.home)
        if trusted is not None and not any(_vouches_for_users(each, trusted) for each in authorities):
            raise HostRefusedError(
                "There is no authority for users of this name in the project; leave it out to trust all.",
                field="user_authority",
                rule="host-user-authority",
            )

    async def sign(self, call: Call, draft: HostToken, grant: Grant) -> MintedHostToken:
        """Mint the text, and keep its hash."""
        del call, grant
        text, tag = self._hash.mint(draft.id)
        return MintedHostToken(msgspec.structs.replace(draft, tag=tag), text)

    async def record(self, transaction: Transaction, call: Call, signed: MintedHostToken) -> NewHostToken:
        """Keep it."""
        del call
        await insert_host_token(transaction, self._rows.token_mac, signed.kept)
        return NewHostToken(record=record_of(signed.kept), token=signed.text)

    def details(self, answer: NewHostToken) -> Mapping[str, Any]:
        """Return when it ends."""
        return {"expires_at": answer.record.expires_at.isoformat()}


class ListHostTokensReader(Reader[ListHostTokens, HostTokenPage]):
    """Lists tokens, newest first."""

    def __init__(self, catalogue: Catalogue, custody: Custody) -> None:
        self._database = catalogue.database
        self._rows = HostRows(custody)

    async def prepare(self, call: Call, operation: ListHostTokens) -> Prepared[HostTokenPage]:
        """Read one page, and one row more to know whether another follows."""
        found = await list_host_tokens(
            self._database, self._rows.token_mac, call.home, operation.limit + 1, operation.after
        )
        shown = found[: operation.limit]
        next_key = shown[-1].id if len(found) > len(shown) else None
        page = HostTokenPage(tuple(record_of(each) for each in shown), next_key)
        return Prepared(page, (hosts_access(operation.action, call.home),), {"items": len(shown)})


class RevokeHostTokenHandler(Handler[RevokeHostToken, HostToken, HostToken, HostTokenRecord]):
    """Forgets one token."""

    def __init__(self, catalogue: Catalogue, custody: Custody) -> None:
        self._database = catalogue.database
        self._rows = HostRows(custody)

    async def prepare(self, call: Call, operation: RevokeHostToken) -> Prepared[HostToken]:
        """Find it."""
        token = await find_host_token(self._database, self._rows.token_mac, call.home, operation.token)
        if token is None:
            raise NotFoundError("token")
        access = hosts_access(operation.action, call.home, noun="token")
        return Prepared(token, (access,), {"token": token.id, "host": token.host})

    async def sign(self, call: Call, draft: HostToken, grant: Grant) -> HostToken:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: HostToken) -> HostTokenRecord:
        """Forget it."""
        if not await delete_host_token(transaction, call.home, signed.id):
            raise NotFoundError("token")
        return record_of(signed)


def record_of(token: HostToken) -> HostTokenRecord:
    """Return a token as it is shown."""
    return HostTokenRecord(
        id=token.id,
        host=token.host,
        names=token.names,
        groups=token.groups,
        profile=token.profile,
        user_authority=token.user_authority,
        created_at=token.created_at,
        expires_at=token.expires_at,
        used_at=token.used_at,
        used_by=token.used_by,
    )


def _owner(caller: Caller) -> str:
    """Return the identity in whose name the token stands; "" where no row says that it is active."""
    has_row = caller.kind is CallerKind.IDENTITY and caller.id != INSTANCE_ADMINISTRATOR
    return caller.id if has_row else ""


def _vouches_for_users(authority: SshAuthority, name: str) -> bool:
    return authority.name == name and authority.type is CertificateType.USER


def _accesses(call: Call, action: str, host: str, names: tuple[Name, ...]) -> tuple[Access, ...]:
    first = parse_dns_name(host) if host.startswith("*.") else parse_host_names((host,))[0]
    return tuple(
        hosts_access(
            action,
            call.home,
            context={"name": name.context()},
            field="host" if i == 0 else f"names[{i - 1}]",
        )
        for i, name in enumerate((first, *names))
    )
