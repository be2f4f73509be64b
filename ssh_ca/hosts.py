"""Hosts as values: the inventory, the tokens by which hosts come into it, and who may log in where."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from ca_service.governance.slugs import parse_slug
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.names import Name, NameKind, parse_dns_name, parse_principal
from ssh_ca.certificates import CertificateType
from ssh_ca.errors import HostRefusedError, LifetimeRefusedError
from ssh_ca.principals import parse_principals
from ssh_ca.public_keys import SubjectKey, parse_public_key

#: How long a token opens the inventory at most, and unless told otherwise.
LONGEST_TOKEN = timedelta(days=1)
DEFAULT_TOKEN = timedelta(hours=1)
_MOST_NAMES = 32
_MOST_GROUPS = 32
_MOST_KEYS = 4
_MOST_PRINCIPALS = 256
#: Types of keys that sshd has by itself; keys in FIDO tokens prove nothing unattended.
HOST_KEY_TYPES = frozenset(
    {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"}
)
#: A Unix account, which is also the name of a file on the host.
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", re.ASCII)
_IDENTITY = re.compile(r"idn_[0-9a-v]{26}", re.ASCII)


class HostStatus(StrEnum):
    """Whether a host is one of ours."""

    ACTIVE = "active"
    REMOVED = "removed"


class SshHost(Struct, frozen=True, kw_only=True):
    """A host of the inventory; `version` rises with every change of the row.

    `names` are what its certificates say, `name` the first of them. `keys` are lines of its public host keys.
    `user_authority` is the one authority whose users it trusts, None all of the project. `proved_at` is when
    the challenge was made that the host answered last: no answer to an older one counts.
    """

    id: str
    tenant: Tenant
    name: str
    names: tuple[str, ...]
    groups: tuple[str, ...]
    profile: str
    user_authority: str | None
    keys: tuple[str, ...]
    status: HostStatus
    enrolled_by: str
    created_at: datetime
    proved_at: datetime
    version: int


class HostToken(Struct, frozen=True, kw_only=True):
    """A token that enrols one host, once. `owner` is the identity that made it, "" for who has no row.

    `host` is a name or address, or `*.` and a DNS name: any name below. `names` are further ones the host may
    have, each as it is.
    """

    id: str
    tenant: Tenant
    host: str
    names: tuple[str, ...]
    groups: tuple[str, ...]
    profile: str
    user_authority: str | None
    tag: bytes
    owner: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    used_by: str | None = None

    @property
    def is_exact(self) -> bool:
        """Tell whether the token is for one host by its name."""
        return not self.host.startswith("*.")

    def is_usable(self, now: datetime) -> bool:
        """Tell whether the token enrols anything at `now`."""
        return self.used_at is None and now < self.expires_at


class MappingScope(StrEnum):
    """Which hosts a login mapping is for."""

    HOST = "host"
    GROUP = "group"
    PROJECT = "project"


class LoginMapping(Struct, frozen=True, kw_only=True):
    """Who may log in to an account: principals as certificates say them, and identities by their ids.

    An identity is permitted while it is active; its certificate must name the identity's id as a principal.
    `scope_name` is the name of the host or group, "" for all hosts of the project.
    """

    id: str
    tenant: Tenant
    scope: MappingScope
    scope_name: str
    account: str
    principals: tuple[str, ...]
    identities: tuple[str, ...]
    created_by: str
    created_at: datetime


class HostLogins(Struct, frozen=True, kw_only=True):
    """What sshd on a host must know: principals by account, and the lines of the authorities for users."""

    host: SshHost
    accounts: dict[str, tuple[str, ...]]
    user_authorities: tuple[str, ...]


def parse_host_names(names: Sequence[str], *, field: str = "names") -> tuple[Name, ...]:
    """Return DNS names or addresses in the form that is signed. Raises NameRefusedError, HostRefusedError."""
    if len(names) > _MOST_NAMES:
        raise HostRefusedError(
            f"A host has at most {_MOST_NAMES} names; leave some out.", field=field, rule="host-names"
        )
    return parse_principals(names, CertificateType.HOST)


def parse_pattern(text: str) -> str:
    """Return the host of a token: a name, an address, or `*.` and a DNS name. Raises NameRefusedError."""
    if text.startswith("*."):
        return parse_dns_name(text, field="host").value
    return parse_host_names((text,), field="host")[0].value


def parse_groups(groups: Iterable[str]) -> tuple[str, ...]:
    """Return names of groups, each once. Raises MalformedError or HostRefusedError."""
    parsed = tuple(dict.fromkeys(parse_slug(text, field=f"groups[{i}]") for i, text in enumerate(groups)))
    if len(parsed) > _MOST_GROUPS:
        raise HostRefusedError(
            f"A host is in at most {_MOST_GROUPS} groups.", field="groups", rule="host-groups"
        )
    return parsed


def parse_host_keys(lines: Sequence[str]) -> tuple[SubjectKey, ...]:
    """Return the public host keys, each once. Raises HostRefusedError and what `parse_public_key` does."""
    if not 1 <= len(lines) <= _MOST_KEYS:
        raise HostRefusedError(
            f"Send 1 to {_MOST_KEYS} public host keys, each of a type of its own.",
            field="public_keys",
            rule="host-keys",
        )
    keys = tuple(parse_public_key(line, field=f"public_keys[{i}]") for i, line in enumerate(lines))
    if len({key.type for key in keys}) != len(keys) or not {key.type for key in keys} <= HOST_KEY_TYPES:
        raise HostRefusedError(
            f"Each host key is of another type, out of {', '.join(sorted(HOST_KEY_TYPES))}.",
            field="public_keys",
            rule="host-keys",
        )
    return keys


def parse_account(text: str) -> str:
    """Return the name of a Unix account, which is safe as the name of a file. Raises HostRefusedError."""
    if not _ACCOUNT.fullmatch(text):
        raise HostRefusedError(
            "An account has 1 to 32 letters, digits, `_`, `-` and `.`, and begins with a letter or `_`.",
            field="account",
            rule="account",
        )
    return text


def parse_permitted(
    principals: Sequence[str], identities: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return principals and identities of a mapping, each once. Raises NameRefusedError, HostRefusedError."""
    if not 1 <= len(principals) + len(identities) <= _MOST_PRINCIPALS:
        raise HostRefusedError(
            f"Name 1 to {_MOST_PRINCIPALS} principals and identities that may log in.",
            field="principals",
            rule="mapping-empty",
        )
    for i, identity in enumerate(identities):
        if not _IDENTITY.fullmatch(identity):
            raise HostRefusedError(
                "An identity is named by its id: idn_….", field=f"identities[{i}]", rule="identity-id"
            )
    named = (parse_principal(text, field=f"principals[{i}]").value for i, text in enumerate(principals))
    return tuple(dict.fromkeys(named)), tuple(dict.fromkeys(identities))


def lifetime_of_token(asked: timedelta | None) -> timedelta:
    """Return how long a token lives. Raises LifetimeRefusedError above the ceiling."""
    if asked is None:
        return DEFAULT_TOKEN
    if asked > LONGEST_TOKEN:
        raise LifetimeRefusedError(
            f"A token for a host lives at most {LONGEST_TOKEN // timedelta(hours=1)} h.",
            field="ttl",
            rule="host-token-ttl",
        )
    return asked


def covers(token: HostToken, name: Name) -> bool:
    """Tell whether a host with this name may be enrolled by the token."""
    if name.value == token.host or name.value in token.names:
        return True
    return not token.is_exact and name.kind is NameKind.DNS and name.value.endswith(token.host[1:])


def verify_names(token: HostToken, names: Sequence[Name]) -> None:
    """Refuse names that the token is not for. Raises HostRefusedError."""
    for i, name in enumerate(names):
        if not covers(token, name):
            raise HostRefusedError(
                f"The token is for {token.host} and not for {name.value}; ask for one that names it.",
                field="name" if i == 0 else f"names[{i - 1}]",
                rule="host-token-name",
            )


def permitted_principals(
    mappings: Iterable[LoginMapping], active_identities: frozenset[str]
) -> dict[str, tuple[str, ...]]:
    """Return the principals of each account, sorted; an account that nobody may enter is left out."""
    found: dict[str, set[str]] = {}
    for mapping in mappings:
        permitted = {*mapping.principals, *active_identities.intersection(mapping.identities)}
        if permitted:
            found.setdefault(mapping.account, set()).update(permitted)
    return {account: tuple(sorted(found[account])) for account in sorted(found)}
