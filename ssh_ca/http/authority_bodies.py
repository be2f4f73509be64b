"""The JSON of authorities."""

from datetime import datetime

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.stores import DATABASE
from ssh_ca.authorities import SshAuthority
from ssh_ca.operations import DescribedSshAuthority, SwitchedSshAuthority
from ssh_ca.public_keys import fingerprint_of
from ssh_ca.signatures import public_key_line


class CreateAuthorityBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make an authority for users or for hosts; one that `succeeds` another signs only once switched to.

    The key is made in `key_store`, and stays there.
    """

    name: str
    type: str
    key_algorithm: str = KeyAlgorithm.ED25519.value
    succeeds: str | None = None
    key_store: str = DATABASE


class SwitchAuthorityBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Have the authority `to` sign from now on."""

    to: str


class RetireAuthorityBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`drops_valid` retires it although certificates of it are valid."""

    drops_valid: bool = False


class AuthorityBody(Struct, frozen=True, kw_only=True):
    """An authority. `public_key` is one line for `TrustedUserCAKeys`, or behind `@cert-authority *`.

    `is_trusted` says that the published files have this key.
    """

    id: str
    name: str
    type: str
    status: str
    status_since: datetime | None
    is_trusted: bool
    key_algorithm: str
    public_key: str
    fingerprint: str
    created_at: datetime


class DescribedAuthorityBody(AuthorityBody, frozen=True, kw_only=True):
    """An authority, the names around it, and how long what it signed is good."""

    succeeds: str | None
    succeeded_by: tuple[str, ...]
    profiles: tuple[str, ...]
    valid_certificates: int
    last_valid_before: datetime | None


class SwitchedAuthorityBody(Struct, frozen=True, kw_only=True):
    """Who signed, who signs now, and for which profiles."""

    former: AuthorityBody
    successor: AuthorityBody
    profiles: tuple[str, ...]


def authority_body(authority: SshAuthority) -> AuthorityBody:
    """Return an authority."""
    return AuthorityBody(
        id=authority.id,
        name=authority.name,
        type=authority.type.value,
        status=authority.status.value,
        status_since=authority.status_since,
        is_trusted=authority.status.is_trusted,
        key_algorithm=authority.key_algorithm.value,
        public_key=public_key_line(authority.public_key, authority.name),
        fingerprint=fingerprint_of(authority.public_key),
        created_at=authority.created_at,
    )


def described_authority_body(described: DescribedSshAuthority) -> DescribedAuthorityBody:
    """Return an authority with what hangs on it."""
    plain = authority_body(described.authority)
    return DescribedAuthorityBody(
        **{name: getattr(plain, name) for name in AuthorityBody.__struct_fields__},
        succeeds=described.succeeds,
        succeeded_by=described.succeeded_by,
        profiles=described.profiles,
        valid_certificates=described.valid_certificates,
        last_valid_before=described.last_valid_before,
    )


def switched_authority_body(switched: SwitchedSshAuthority) -> SwitchedAuthorityBody:
    """Return what a switch did."""
    return SwitchedAuthorityBody(
        former=authority_body(switched.former),
        successor=authority_body(switched.successor),
        profiles=tuple(profile.name for profile in switched.profiles),
    )
