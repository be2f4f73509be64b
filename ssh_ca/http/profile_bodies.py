"""The JSON of profiles, and how it becomes settings and comes back from them."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType, structs

from ca_service.web.durations import parse_duration, whole_seconds
from ssh_ca.http.words import parse_word
from ssh_ca.operations import SshProfileChanges
from ssh_ca.principal_rules import PrincipalRule
from ssh_ca.profiles import ProfileSettings, ProfileStatus, SshProfile
from ssh_ca.public_keys import KEY_TYPES, RSA_BITS
from ssh_ca.value_rules import GivenValue, ValueRule


class CreateProfileBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a profile. `principals` null allows every principal that the policy permits."""

    name: str
    type: str
    authority: str
    default_ttl: str | int
    max_ttl: str | int
    key_types: tuple[str, ...] | None = None
    critical_options: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    allowed_extensions: tuple[str, ...] = ()
    principals: tuple[PrincipalRule, ...] | None = None
    default_critical_options: dict[str, GivenValue] = {}
    default_extensions: dict[str, GivenValue] = {}
    value_rules: dict[str, ValueRule] = {}
    minimum_rsa_bits: int = RSA_BITS.start
    key_id: str = ""
    allows_key_id: bool = True


class UpdateProfileBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change a profile: what is left out stays; `principals` null allows every principal."""

    status: str | UnsetType = UNSET
    authority: str | UnsetType = UNSET
    default_ttl: str | int | UnsetType = UNSET
    max_ttl: str | int | UnsetType = UNSET
    key_types: tuple[str, ...] | UnsetType = UNSET
    critical_options: tuple[str, ...] | UnsetType = UNSET
    extensions: tuple[str, ...] | UnsetType = UNSET
    allowed_extensions: tuple[str, ...] | UnsetType = UNSET
    principals: tuple[PrincipalRule, ...] | UnsetType | None = UNSET
    default_critical_options: dict[str, GivenValue] | UnsetType = UNSET
    default_extensions: dict[str, GivenValue] | UnsetType = UNSET
    value_rules: dict[str, ValueRule] | UnsetType = UNSET
    minimum_rsa_bits: int | UnsetType = UNSET
    key_id: str | UnsetType = UNSET
    allows_key_id: bool | UnsetType = UNSET


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
    principals: tuple[PrincipalRule, ...] | None
    default_critical_options: dict[str, GivenValue]
    default_extensions: dict[str, GivenValue]
    value_rules: dict[str, ValueRule]
    minimum_rsa_bits: int
    key_id: str
    allows_key_id: bool
    created_at: datetime


_LIFETIMES = ("default_ttl", "max_ttl")


def parse_settings(body: CreateProfileBody) -> ProfileSettings:
    """Return the settings of a new profile. Raises MalformedError."""
    given = structs.asdict(body)
    del given["name"], given["type"]
    for field in _LIFETIMES:
        given[field] = parse_duration(given[field], field=field)
    given["key_types"] = tuple(sorted(KEY_TYPES)) if body.key_types is None else body.key_types
    return ProfileSettings(**given)


def parse_changes(body: UpdateProfileBody) -> SshProfileChanges:
    """Return what shall change. Raises MalformedError."""
    given = {field: value for field, value in structs.asdict(body).items() if value is not UNSET}
    for field in _LIFETIMES:
        if field in given:
            given[field] = parse_duration(given[field], field=field)
    if "status" in given:
        given["status"] = parse_word(ProfileStatus, given["status"], field="status")
    return SshProfileChanges(**given)


def profile_body(profile: SshProfile) -> ProfileBody:
    """Return a profile."""
    settings = structs.asdict(profile.settings)
    for field in _LIFETIMES:
        settings[field] = whole_seconds(settings[field])
    return ProfileBody(
        id=profile.id,
        name=profile.name,
        type=profile.type.value,
        status=profile.status.value,
        created_at=profile.created_at,
        **settings,
    )
