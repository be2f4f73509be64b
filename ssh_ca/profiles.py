"""SSH profiles: which authority signs, for how long, and with which options."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from ca_service.kernel.tenancy import Tenant
from ssh_ca.certificates import CertificateType
from ssh_ca.errors import LifetimeRefusedError, ProfileRefusedError
from ssh_ca.options import CRITICAL_OPTIONS, DEFAULT_EXTENSIONS, is_extension
from ssh_ca.public_keys import KEY_TYPES

#: `valid after` lies this much before the signature, for clocks that are behind.
BACKDATING = timedelta(seconds=60)
#: No profile goes beyond; a certificate is never forever.
LONGEST = timedelta(days=3653)


class ProfileStatus(StrEnum):
    """Whether a profile issues."""

    ACTIVE = "active"
    DISABLED = "disabled"


class ProfileSettings(Struct, frozen=True, kw_only=True):
    """What a profile allows. `extensions` are given where a request names none.

    `key_types` are the types of subject keys; `critical_options` and `allowed_extensions` may be asked for.
    """

    authority: str
    default_ttl: timedelta
    max_ttl: timedelta
    key_types: tuple[str, ...] = tuple(sorted(KEY_TYPES))
    critical_options: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    allowed_extensions: tuple[str, ...] = ()


class SshProfile(Struct, frozen=True, kw_only=True):
    """A profile; `version` rises with every change of the row."""

    id: str
    tenant: Tenant
    name: str
    type: CertificateType
    status: ProfileStatus
    settings: ProfileSettings
    created_at: datetime
    version: int

    @property
    def extensions_on_offer(self) -> frozenset[str]:
        """Return every extension that may be asked for."""
        return frozenset(self.settings.allowed_extensions) | frozenset(self.settings.extensions)


#: First start's profile `user`: a working hour by default, a day at most, what `ssh-keygen -s` would grant.
USER_SETTINGS = ProfileSettings(
    authority="ssh-user",
    default_ttl=timedelta(hours=1),
    max_ttl=timedelta(hours=24),
    critical_options=tuple(sorted(CRITICAL_OPTIONS)),
    extensions=DEFAULT_EXTENSIONS,
)
#: First start's profile `host`: a month by default, a year at most.
HOST_SETTINGS = ProfileSettings(
    authority="ssh-host", default_ttl=timedelta(days=30), max_ttl=timedelta(days=365)
)


def lifetime_asked(profile: SshProfile, ttl: timedelta | None) -> timedelta:
    """Return the lifetime asked for, or the default. Raises LifetimeRefusedError above the ceiling."""
    settings = profile.settings
    if ttl is None:
        return settings.default_ttl
    if not timedelta(seconds=1) <= ttl <= settings.max_ttl:
        raise LifetimeRefusedError(
            f"The profile {profile.name} allows 1 s to {settings.max_ttl // timedelta(seconds=1)} s.",
            field="ttl",
            rule="profile-max-ttl",
        )
    return ttl


def verify_settings(settings: ProfileSettings, kind: CertificateType) -> None:
    """Refuse settings that contradict themselves or OpenSSH. Raises ProfileRefusedError."""
    if not timedelta(seconds=1) <= settings.max_ttl <= LONGEST:
        raise _refused("max_ttl", f"A ceiling is from 1 s to {LONGEST.days} d.")
    if not timedelta(seconds=1) <= settings.default_ttl <= settings.max_ttl:
        raise _refused("default_ttl", "The default lifetime is from 1 s to the ceiling.")
    if not settings.key_types or not set(settings.key_types) <= KEY_TYPES:
        raise _refused("key_types", f"Key types are some of {', '.join(sorted(KEY_TYPES))}.")
    if kind is CertificateType.HOST and (
        settings.critical_options or settings.extensions or settings.allowed_extensions
    ):
        raise _refused("extensions", "Host certificates have no options and no extensions.")
    if not set(settings.critical_options) <= CRITICAL_OPTIONS:
        raise _refused("critical_options", f"Critical options are {', '.join(sorted(CRITICAL_OPTIONS))}.")
    for field in ("extensions", "allowed_extensions"):
        names: tuple[str, ...] = getattr(settings, field)
        if not all(is_extension(name) for name in names):
            raise _refused(field, "Extensions are OpenSSH's own, or yours written as name@your.domain.")
    if not set(settings.extensions) <= set(DEFAULT_EXTENSIONS):
        raise _refused(
            "extensions", f"Given without being asked for are {', '.join(DEFAULT_EXTENSIONS)} only."
        )


def _refused(field: str, detail: str) -> ProfileRefusedError:
    return ProfileRefusedError(detail, field=field, rule="profile-settings")
