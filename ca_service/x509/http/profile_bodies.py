"""The JSON of profiles."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from ca_service.custody.algorithms import WIDELY_KNOWN, KeyAlgorithm
from ca_service.policy.names import (
    NameKind,
)
from ca_service.web.durations import whole_seconds
from ca_service.x509.http.words import Duration, parse_ttl, parse_word, parse_words
from ca_service.x509.operations import ProfileChanges
from ca_service.x509.profiles import (
    DEFAULT_TTL,
    MAX_TTL,
    CommonNameRule,
    KeyUsage,
    Lint,
    MustStaple,
    Profile,
    ProfileSettings,
    ProfileStatus,
    ProfileVersion,
    Purpose,
    RevocationPointer,
    SubjectFields,
)

W = TypeVar("W", bound=StrEnum)


class SubjectBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What stands in every subject beside the common name."""

    country: str | None = None
    state: str | None = None
    locality: str | None = None
    organization: str | None = None
    organizational_unit: str | None = None


class UpdateProfileBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`PATCH profiles/{name}`: what is left out stays; a list or subject that is given replaces the whole."""

    status: str | None = None
    authority: str | None = None
    authorities: list[str] | None = None
    purposes: list[str] | None = None
    further_purposes: list[str] | None = None
    key_usages: list[str] | None = None
    name_kinds: list[str] | None = None
    names_allowed: list[str] | None = None
    names_denied: list[str] | None = None
    names_required: list[str] | None = None
    names_computed: list[str] | None = None
    key_algorithms: list[str] | None = None
    default_ttl: Duration | None = None
    max_ttl: Duration | None = None
    allows_wildcards: bool | None = None
    common_name: str | None = None
    allows_other_common_name: bool | None = None
    subject: SubjectBody | None = None
    policies: list[str] | None = None
    must_staple: str | None = None
    revocation_pointers: list[str] | None = None
    names_issuer: bool | None = None
    keeps_keys: bool | None = None
    renew_before: Duration | None = None
    lint: str | None = None


class CreateProfileBody(UpdateProfileBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST profiles`: `for_authorities` makes one from which authorities alone are issued."""

    name: str
    authority: str = "issuing"
    purposes: list[str]
    name_kinds: list[str]
    key_algorithms: list[str] = field(default_factory=lambda: [algorithm.value for algorithm in WIDELY_KNOWN])
    default_ttl: Duration = "47d"
    max_ttl: Duration = "200d"
    revocation_pointers: list[str] = field(default_factory=lambda: [RevocationPointer.CRL.value])
    for_authorities: bool = False


class ProfileBody(Struct, frozen=True, kw_only=True):
    """A profile; `notes` say what elsewhere refuses certificates as wide as it allows."""

    id: str
    name: str
    version: int
    status: str
    authority: str
    authorities: tuple[str, ...]
    purposes: tuple[str, ...]
    further_purposes: tuple[str, ...]
    key_usages: tuple[str, ...]
    name_kinds: tuple[str, ...]
    names_allowed: tuple[str, ...]
    names_denied: tuple[str, ...]
    names_required: tuple[str, ...]
    names_computed: tuple[str, ...]
    key_algorithms: tuple[str, ...]
    default_ttl: int
    max_ttl: int
    allows_wildcards: bool
    common_name: str
    allows_other_common_name: bool
    subject: SubjectBody
    policies: tuple[str, ...]
    must_staple: str
    revocation_pointers: tuple[str, ...]
    names_issuer: bool
    keeps_keys: bool
    renew_before: int | None
    lint: str
    for_authorities: bool
    notes: tuple[str, ...]


class ProfileVersionBody(Struct, frozen=True, kw_only=True):
    """A profile as it was at one version; `kept_at` is when it became that, null if nobody noted it."""

    version: int
    kept_at: datetime | None
    profile: ProfileBody


def parse_changes(body: UpdateProfileBody) -> ProfileChanges:
    """Return what a body changes. Raises errors that name the field and the rule."""
    subject = body.subject
    return ProfileChanges(
        status=_word(ProfileStatus, body.status, "status", "profile-status"),
        authority=body.authority,
        authorities=_texts(body.authorities),
        purposes=_words(Purpose, body.purposes, "purposes", "purpose"),
        further_purposes=_texts(body.further_purposes),
        key_usages=_words(KeyUsage, body.key_usages, "key_usages", "key-usage"),
        name_kinds=_words(NameKind, body.name_kinds, "name_kinds", "name-kind"),
        names_allowed=_texts(body.names_allowed),
        names_denied=_texts(body.names_denied),
        names_required=_texts(body.names_required),
        names_computed=_texts(body.names_computed),
        key_algorithms=_words(KeyAlgorithm, body.key_algorithms, "key_algorithms", "key-algorithm"),
        default_ttl=parse_ttl(body.default_ttl, field="default_ttl"),
        max_ttl=parse_ttl(body.max_ttl, field="max_ttl"),
        allows_wildcards=body.allows_wildcards,
        common_name=_word(CommonNameRule, body.common_name, "common_name", "profile-common-name"),
        allows_other_common_name=body.allows_other_common_name,
        subject=None if subject is None else SubjectFields(**msgspec.structs.asdict(subject)),
        policies=_texts(body.policies),
        must_staple=_word(MustStaple, body.must_staple, "must_staple", "profile-must-staple"),
        revocation_pointers=_words(
            RevocationPointer, body.revocation_pointers, "revocation_pointers", "profile-revocation-pointers"
        ),
        names_issuer=body.names_issuer,
        keeps_keys=body.keeps_keys,
        renew_before=parse_ttl(body.renew_before, field="renew_before"),
        lint=_word(Lint, body.lint, "lint", "profile-lint"),
    )


def parse_settings(body: CreateProfileBody) -> ProfileSettings:
    """Return the settings of a new profile. Raises errors that name the field and the rule."""
    given = msgspec.structs.asdict(parse_changes(body))
    del given["status"]
    settings: dict[str, Any] = {"default_ttl": DEFAULT_TTL, "max_ttl": MAX_TTL}
    settings |= {name: value for name, value in given.items() if value is not None}
    return ProfileSettings(**settings, for_authorities=body.for_authorities)


def _texts(texts: list[str] | None) -> tuple[str, ...] | None:
    return None if texts is None else tuple(texts)


def _word(kind: type[W], text: str | None, field: str, rule: str) -> W | None:
    return None if text is None else parse_word(kind, text, field=field, rule=rule)


def _words(kind: type[W], texts: list[str] | None, field: str, rule: str) -> tuple[W, ...] | None:
    return None if texts is None else parse_words(kind, texts, field=field, rule=rule)


def profile_body(profile: Profile) -> ProfileBody:
    """Return a profile."""
    settings: dict[str, Any] = {
        name: whole_seconds(value) if isinstance(value, timedelta) else value
        for name, value in msgspec.structs.asdict(profile.settings).items()
    }
    settings["subject"] = SubjectBody(**msgspec.structs.asdict(profile.settings.subject))
    return ProfileBody(
        id=profile.id,
        name=profile.name,
        version=profile.version,
        status=profile.status.value,
        notes=_notes(profile.settings),
        **settings,
    )


def version_body(found: ProfileVersion) -> ProfileVersionBody:
    """Return a version of a profile."""
    return ProfileVersionBody(
        version=found.profile.version, kept_at=found.kept_at, profile=profile_body(found.profile)
    )


def _notes(settings: ProfileSettings) -> tuple[str, ...]:
    if Purpose.SERVER in settings.purposes and settings.max_ttl > MAX_TTL:
        return (f"Apple's and other clients refuse server certificates of more than {MAX_TTL.days} days.",)
    return ()
