"""The JSON of the SSH doors, and how it becomes operations and comes back from answers."""

import re
from datetime import datetime
from typing import TypeVar

from msgspec import UNSET, Struct, UnsetType

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.gate.caller import CallerKind
from ca_service.gate.principals import cedar_name
from ca_service.kernel.errors import MalformedError
from ca_service.policy.values import Entity
from ca_service.web.durations import parse_duration, whole_seconds
from ssh_ca.authorities import SshAuthority
from ssh_ca.certificates import CertificateStatus, CertificateType
from ssh_ca.encoder import public_key_line
from ssh_ca.errors import SelectorRefusedError
from ssh_ca.operations import (
    ByAuthority,
    ByIdentity,
    ByKeyId,
    ByPublicKey,
    BySerialNumber,
    IssuedSshCertificate,
    ListedSshCertificate,
    RevocationSelector,
)
from ssh_ca.profiles import ProfileSettings, SshProfile
from ssh_ca.public_keys import KEY_TYPES, fingerprint_of

W = TypeVar("W", CertificateType, CertificateStatus, KeyAlgorithm)

_ASKER = re.compile(r"[a-z]{2,8}_[0-9A-Za-z_-]{1,64}")
_MOST_SERIAL_NUMBER = 2**63 - 1


class IssueBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for a certificate. `extensions` left out are the profile's."""

    profile: str
    public_key: str
    principals: tuple[str, ...] = ()
    ttl: str | int | None = None
    key_id: str | None = None
    critical_options: dict[str, str] = {}
    extensions: dict[str, str] | None = None


class IssuedBody(Struct, frozen=True, kw_only=True):
    """A certificate that was just issued."""

    id: str
    serial_number: str
    key_id: str
    type: str
    certificate: str
    principals: tuple[str, ...]
    valid_after: datetime
    valid_before: datetime
    authority: str
    profile: str


class CertificateBody(Struct, frozen=True, kw_only=True):
    """A certificate of the inventory. `public_key` is the fingerprint of the key under it."""

    id: str
    serial_number: str
    key_id: str
    type: str
    status: str
    principals: tuple[str, ...]
    public_key: str
    authority: str
    profile: str
    valid_after: datetime
    valid_before: datetime
    revoked_at: datetime | None
    certificate: str | UnsetType = UNSET


class RevokeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Name certificates in one way: `authority` with `serial_number`, or with `everything` said outright.

    `for_good` is of `key_id`.
    """

    serial_number: str | int | None = None
    authority: str | None = None
    key_id: str | None = None
    public_key: str | None = None
    identity: str | None = None
    for_good: bool = False
    everything: bool = False


class RevokedBody(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked for, and every certificate it covers; those of a whole authority are only counted."""

    revoked_at: datetime
    items: tuple[CertificateBody, ...]
    newly_revoked: int
    serial_number: str | None = None
    authority: str | None = None
    key_id: str | None = None
    public_key: str | None = None
    identity: str | None = None


class CreateAuthorityBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make an authority for users or for hosts."""

    name: str
    type: str
    key_algorithm: str = KeyAlgorithm.ED25519.value


class AuthorityBody(Struct, frozen=True, kw_only=True):
    """An authority. `public_key` is one line for `TrustedUserCAKeys`, or behind `@cert-authority *`."""

    id: str
    name: str
    type: str
    status: str
    key_algorithm: str
    public_key: str
    fingerprint: str
    created_at: datetime


class CreateProfileBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a profile."""

    name: str
    type: str
    authority: str
    default_ttl: str | int
    max_ttl: str | int
    key_types: tuple[str, ...] | None = None
    critical_options: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    allowed_extensions: tuple[str, ...] = ()


class ProfileBody(Struct, frozen=True, kw_only=True):
    """A profile; lifetimes are in seconds."""

    id: str
    name: str
    type: str
    status: str
    authority: str
    default_ttl: int
    max_ttl: int
    key_types: tuple[str, ...]
    critical_options: tuple[str, ...]
    extensions: tuple[str, ...]
    allowed_extensions: tuple[str, ...]
    created_at: datetime


def parse_word(kind: type[W], text: str, *, field: str) -> W:
    """Return the member whose wire word this is. Raises MalformedError."""
    try:
        return kind(text)
    except ValueError:
        raise MalformedError(
            f"{field} is one of {', '.join(member.value for member in kind)}.", field=field, rule="choice"
        ) from None


def parse_serial_number(value: str | int, *, field: str = "serial_number") -> int:
    """Return a serial number written in decimal. Raises MalformedError."""
    text = str(value)
    if (
        not (text.isascii() and text.isdigit() and len(text) <= 19)
        or not 0 < int(text) <= _MOST_SERIAL_NUMBER
    ):
        raise MalformedError(
            "An SSH serial number is a decimal number from 1 on, as sshd logs it.", field=field, rule="serial"
        )
    return int(text)


def parse_selector(body: RevokeBody) -> RevocationSelector:
    """Return what a revocation is of. Raises SelectorRefusedError unless exactly one way is given."""
    match body:
        case RevokeBody(serial_number=str() | int() as number, authority=str() as authority):
            selector: RevocationSelector = BySerialNumber(parse_serial_number(number), authority)
        case RevokeBody(serial_number=None, authority=str() as authority, everything=True):
            selector = ByAuthority(authority)
        case RevokeBody(key_id=str() as key_id):
            selector = ByKeyId(key_id, body.for_good)
        case RevokeBody(public_key=str() as public_key):
            selector = ByPublicKey(public_key)
        case RevokeBody(identity=str() as identity):
            selector = ByIdentity(parse_asker(identity))
        case _:
            raise _refused_selector(body)
    given = (body.serial_number or body.authority, body.key_id, body.public_key, body.identity)
    is_everything_misplaced = body.everything and not isinstance(selector, ByAuthority)
    is_for_good_misplaced = body.for_good and body.key_id is None
    if sum(way is not None for way in given) != 1 or is_everything_misplaced or is_for_good_misplaced:
        raise _refused_selector(body)
    return selector


def _refused_selector(body: RevokeBody) -> SelectorRefusedError:
    is_number_alone = body.serial_number is not None and body.authority is None
    return SelectorRefusedError(
        'Give one of `{"serial_number", "authority"}`, `{"key_id"}`, `{"key_id", "for_good"}`, '
        '`{"public_key"}`, `{"identity"}` and `{"authority", "everything"}`.',
        field="authority" if is_number_alone else None,
        rule="selector",
    )


def parse_asker(text: str) -> str:
    """Return an identity or user as the inventory names who asked. Raises MalformedError."""
    if not _ASKER.fullmatch(text):
        raise MalformedError(
            "identity is the id of an identity or user, such as idn_…, as the trail shows it.",
            field="identity",
            rule="id",
        )
    kind = CallerKind.USER if text.startswith("usr_") else CallerKind.IDENTITY
    return cedar_name(Entity(kind.value, text))


def parse_settings(body: CreateProfileBody) -> ProfileSettings:
    """Return the settings of a new profile. Raises MalformedError."""
    return ProfileSettings(
        authority=body.authority,
        default_ttl=parse_duration(body.default_ttl, field="default_ttl"),
        max_ttl=parse_duration(body.max_ttl, field="max_ttl"),
        key_types=tuple(sorted(KEY_TYPES)) if body.key_types is None else body.key_types,
        critical_options=body.critical_options,
        extensions=body.extensions,
        allowed_extensions=body.allowed_extensions,
    )


def issued_body(issued: IssuedSshCertificate) -> IssuedBody:
    """Return a certificate that was just issued."""
    return IssuedBody(
        id=issued.id,
        serial_number=str(issued.serial_number),
        key_id=issued.key_id,
        type=issued.type.value,
        certificate=issued.certificate,
        principals=issued.principals,
        valid_after=issued.valid_after,
        valid_before=issued.valid_before,
        authority=issued.authority,
        profile=issued.profile,
    )


def certificate_body(listed: ListedSshCertificate, line: str | UnsetType = UNSET) -> CertificateBody:
    """Return a certificate of the inventory."""
    certificate = listed.certificate
    return CertificateBody(
        id=certificate.id,
        serial_number=str(certificate.serial_number),
        key_id=certificate.key_id,
        type=certificate.type.value,
        status=listed.status.value,
        principals=certificate.principals,
        public_key=certificate.fingerprint,
        authority=certificate.authority,
        profile=certificate.profile,
        valid_after=certificate.valid_after,
        valid_before=certificate.valid_before,
        revoked_at=certificate.revoked_at,
        certificate=line,
    )


def authority_body(authority: SshAuthority) -> AuthorityBody:
    """Return an authority."""
    return AuthorityBody(
        id=authority.id,
        name=authority.name,
        type=authority.type.value,
        status=authority.status.value,
        key_algorithm=authority.key_algorithm.value,
        public_key=public_key_line(authority.public_key, authority.name),
        fingerprint=fingerprint_of(authority.public_key),
        created_at=authority.created_at,
    )


def profile_body(profile: SshProfile) -> ProfileBody:
    """Return a profile."""
    settings = profile.settings
    return ProfileBody(
        id=profile.id,
        name=profile.name,
        type=profile.type.value,
        status=profile.status.value,
        authority=settings.authority,
        default_ttl=whole_seconds(settings.default_ttl),
        max_ttl=whole_seconds(settings.max_ttl),
        key_types=settings.key_types,
        critical_options=settings.critical_options,
        extensions=settings.extensions,
        allowed_extensions=settings.allowed_extensions,
        created_at=profile.created_at,
    )
