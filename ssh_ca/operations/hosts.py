"""What can be asked about hosts: enrolment, renewal, the inventory, and who may log in where."""

from datetime import datetime, timedelta
from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.secret_value import SecretValue
from ssh_ca.hosts import HostLogins, LoginMapping, MappingScope, SshHost
from ssh_ca.operations.certificates import IssuedSshCertificate


class HostTokenRecord(Struct, frozen=True, kw_only=True):
    """A token as it is shown; its text is shown once, when it is made."""

    id: str
    host: str
    names: tuple[str, ...]
    groups: tuple[str, ...]
    profile: str
    user_authority: str | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    used_by: str | None


class NewHostToken(Struct, frozen=True, kw_only=True):
    """A token that was just made."""

    record: HostTokenRecord
    token: SecretValue[str]


class CreateHostToken(ProjectOperation[NewHostToken], frozen=True, kw_only=True):
    """Make a token that enrols one host, once.

    `host` is its name or address, or `*.example.com` for any below; `names` are further names it may have.
    """

    action: ClassVar[str] = "ssh:manage-host"
    idempotent: ClassVar[bool] = True

    host: str
    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    profile: str = "host"
    user_authority: str | None = None
    ttl: timedelta | None = None


class HostTokenPage(Struct, frozen=True):
    """A page of tokens, newest first; `next_key` asks for the page after it."""

    items: tuple[HostTokenRecord, ...]
    next_key: str | None


class ListHostTokens(ProjectOperation[HostTokenPage], frozen=True, kw_only=True):
    """List the tokens of a project, used ones included."""

    action: ClassVar[str] = "ssh:read-host"
    reads: ClassVar[bool] = True

    limit: int = 100
    after: str | None = None


class RevokeHostToken(ProjectOperation[HostTokenRecord], frozen=True, kw_only=True):
    """Forget a token, used or not."""

    action: ClassVar[str] = "ssh:manage-host"
    takes_away: ClassVar[bool] = True

    token: str


class HostCredentials(Struct, frozen=True, kw_only=True):
    """A host and the certificates it was just given, one for each of its keys."""

    host: SshHost
    certificates: tuple[IssuedSshCertificate, ...]


class EnrolSshHost(ProjectOperation[HostCredentials], frozen=True, kw_only=True):
    """Take a host into the inventory and certify its keys; the caller is the host that proved them.

    It shows a token or an X.509 certificate of ours, each by its id; `proved_at` is when the challenge was
    made. The name of a host that is there already is taken over with a token for that very name, or with a
    certificate for it, which changes nothing of its groups and brings no removed host back.
    """

    action: ClassVar[str] = "ssh:enrol-host"

    names: tuple[str, ...]
    public_keys: tuple[str, ...]
    proved_at: datetime
    token: str | None = None
    certificate: str | None = None


class RenewSshHost(ProjectOperation[HostCredentials], frozen=True, kw_only=True):
    """Certify the keys of a host again; the caller is the host that proved one of them."""

    action: ClassVar[str] = "ssh:renew-host"

    host: str
    proved_at: datetime


class ReadHostLogins(ProjectOperation[HostLogins], frozen=True, kw_only=True):
    """Read who may log in to which account of a host."""

    action: ClassVar[str] = "ssh:read-logins"
    reads: ClassVar[bool] = True

    host: str


class SshHostPage(Struct, frozen=True):
    """A page of hosts by name; `next_key` asks for the page after it."""

    items: tuple[SshHost, ...]
    next_key: str | None


class ListSshHosts(ProjectOperation[SshHostPage], frozen=True, kw_only=True):
    """List the hosts of a project, or those of a group."""

    action: ClassVar[str] = "ssh:read-host"
    reads: ClassVar[bool] = True

    group: str | None = None
    limit: int = 100
    after: str | None = None


class ReadSshHost(ProjectOperation[SshHost], frozen=True, kw_only=True):
    """Read one host, by its id or its name."""

    action: ClassVar[str] = "ssh:read-host"
    reads: ClassVar[bool] = True

    host: str


class RemoveSshHost(ProjectOperation[SshHost], frozen=True, kw_only=True):
    """Take a host out of the inventory and revoke its certificates; it renews nothing any more."""

    action: ClassVar[str] = "ssh:manage-host"
    takes_away: ClassVar[bool] = True

    host: str


class CreateLoginMapping(ProjectOperation[LoginMapping], frozen=True, kw_only=True):
    """Let principals and identities log in to an account of a host, of a group of hosts, or of all."""

    action: ClassVar[str] = "ssh:manage-host"
    idempotent: ClassVar[bool] = True

    scope: MappingScope
    scope_name: str = ""
    account: str
    principals: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()


class LoginMappingPage(Struct, frozen=True):
    """A page of mappings, oldest first; `next_key` asks for the page after it."""

    items: tuple[LoginMapping, ...]
    next_key: str | None


class ListLoginMappings(ProjectOperation[LoginMappingPage], frozen=True, kw_only=True):
    """List the login mappings of a project."""

    action: ClassVar[str] = "ssh:read-host"
    reads: ClassVar[bool] = True

    limit: int = 100
    after: str | None = None


class RemoveLoginMapping(ProjectOperation[LoginMapping], frozen=True, kw_only=True):
    """Take a login mapping away; hosts obey at their next refresh."""

    action: ClassVar[str] = "ssh:manage-host"
    takes_away: ClassVar[bool] = True

    mapping: str
