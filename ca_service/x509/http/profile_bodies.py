"""The JSON of profiles."""

from msgspec import Struct, field

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.policy.names import (
    NameKind,
)
from ca_service.web.durations import whole_seconds
from ca_service.x509.http.words import Duration, parse_ttl, parse_words
from ca_service.x509.profiles import (
    MAX_TTL,
    Profile,
    ProfileSettings,
    Purpose,
    RevocationPointer,
)


class CreateProfileBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST profiles`."""

    name: str
    authority: str = "issuing"
    authorities: list[str] = []
    purposes: list[str]
    name_kinds: list[str]
    key_algorithms: list[str] = field(default_factory=lambda: [algorithm.value for algorithm in KeyAlgorithm])
    default_ttl: Duration = "47d"
    max_ttl: Duration = "200d"
    allows_wildcards: bool = True
    allows_other_common_name: bool = False
    revocation_pointers: list[str] = field(default_factory=lambda: [RevocationPointer.CRL.value])


class UpdateProfileBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`PATCH profiles/{name}`: what is left out stays."""

    status: str | None = None
    authority: str | None = None
    authorities: list[str] | None = None
    default_ttl: Duration | None = None
    max_ttl: Duration | None = None
    allows_wildcards: bool | None = None
    allows_other_common_name: bool | None = None
    revocation_pointers: list[str] | None = None


class ProfileBody(Struct, frozen=True, kw_only=True):
    """A profile; `notes` say what elsewhere refuses certificates as wide as it allows."""

    id: str
    name: str
    status: str
    authority: str
    authorities: tuple[str, ...]
    purposes: tuple[str, ...]
    name_kinds: tuple[str, ...]
    key_algorithms: tuple[str, ...]
    default_ttl: int
    max_ttl: int
    allows_wildcards: bool
    allows_other_common_name: bool
    revocation_pointers: tuple[str, ...]
    notes: tuple[str, ...]


def parse_settings(body: CreateProfileBody) -> ProfileSettings:
    """Return the settings of a new profile. Raises errors that name the field and the rule."""
    default_ttl = parse_ttl(body.default_ttl, field="default_ttl")
    max_ttl = parse_ttl(body.max_ttl, field="max_ttl")
    assert default_ttl is not None and max_ttl is not None, "both have defaults"  # noqa: PT018
    return ProfileSettings(
        authority=body.authority,
        authorities=tuple(body.authorities),
        purposes=parse_words(Purpose, body.purposes, field="purposes", rule="purpose"),
        name_kinds=parse_words(NameKind, body.name_kinds, field="name_kinds", rule="name-kind"),
        key_algorithms=parse_words(
            KeyAlgorithm, body.key_algorithms, field="key_algorithms", rule="key-algorithm"
        ),
        default_ttl=default_ttl,
        max_ttl=max_ttl,
        allows_wildcards=body.allows_wildcards,
        allows_other_common_name=body.allows_other_common_name,
        revocation_pointers=parse_pointers(body.revocation_pointers),
    )


def parse_pointers(texts: list[str]) -> tuple[RevocationPointer, ...]:
    """Return the pointers that certificates carry. Raises ProfileRefusedError."""
    return parse_words(
        RevocationPointer, texts, field="revocation_pointers", rule="profile-revocation-pointers"
    )


def profile_body(profile: Profile) -> ProfileBody:
    """Return a profile."""
    settings = profile.settings
    return ProfileBody(
        id=profile.id,
        name=profile.name,
        status=profile.status.value,
        authority=settings.authority,
        authorities=settings.authorities,
        purposes=tuple(purpose.value for purpose in settings.purposes),
        name_kinds=tuple(kind.value for kind in settings.name_kinds),
        key_algorithms=tuple(algorithm.value for algorithm in settings.key_algorithms),
        default_ttl=whole_seconds(settings.default_ttl),
        max_ttl=whole_seconds(settings.max_ttl),
        allows_wildcards=settings.allows_wildcards,
        allows_other_common_name=settings.allows_other_common_name,
        revocation_pointers=tuple(pointer.value for pointer in settings.revocation_pointers),
        notes=_notes(settings),
    )


def _notes(settings: ProfileSettings) -> tuple[str, ...]:
    if Purpose.SERVER in settings.purposes and settings.max_ttl > MAX_TTL:
        return (f"Apple's and other clients refuse server certificates of more than {MAX_TTL.days} days.",)
    return ()
