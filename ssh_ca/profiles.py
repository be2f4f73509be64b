"""SSH profiles: which authority signs, whom for, for how long, and with which options."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import UNSET, Struct, structs

from ca_service.kernel.tenancy import Tenant
from ssh_ca.certificates import CertificateType
from ssh_ca.errors import LifetimeRefusedError, ProfileRefusedError
from ssh_ca.key_ids import verify_form
from ssh_ca.options import (
    CRITICAL_OPTIONS,
    DEFAULT_EXTENSIONS,
    NO_TOUCH_REQUIRED,
    VERIFY_REQUIRED,
    is_critical_option,
    is_extension,
)
from ssh_ca.principal_rules import PrincipalRule, verify_principal_rules
from ssh_ca.public_keys import KEY_TYPES, RSA_BITS
from ssh_ca.value_rules import GivenValue, ValueRule, verify_given, verify_value_rules

#: `valid after` lies this much before the signature, for clocks that are behind.
BACKDATING = timedelta(seconds=60)
#: No profile goes beyond; a certificate is never forever.
LONGEST = timedelta(days=3653)


class ProfileStatus(StrEnum):
    """Whether a profile issues."""

    ACTIVE = "active"
    DISABLED = "disabled"


class ProfileSettings(Struct, frozen=True, kw_only=True):
    """What a profile allows. `extensions` and `default_extensions` are given where a request names none.

    `key_types` are the types of subject keys; `critical_options` and `allowed_extensions` may be asked for.
    `principals` None allows every principal that the policy permits. `default_critical_options` are given
    unless the request has another value for them, which `critical_options` must allow; so they are never left
    out. `value_rules` are by the name of a critical option or extension. `key_id` is the form of key ids, the
    caller's id if empty; `allows_key_id` lets a request choose another. What was written before a setting
    existed has its default.
    """

    authority: str
    default_ttl: timedelta
    max_ttl: timedelta
    key_types: tuple[str, ...] = tuple(sorted(KEY_TYPES))
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
        settings = self.settings
        return frozenset((*settings.allowed_extensions, *settings.extensions, *settings.default_extensions))


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


def changed_profile(profile: SshProfile, changes: Struct) -> SshProfile:
    """Return the profile with every change that is not UNSET, one version on."""
    given = {field: value for field, value in structs.asdict(changes).items() if value is not UNSET}
    status = given.pop("status", profile.status)
    settings = structs.replace(profile.settings, **given)
    return structs.replace(profile, status=status, settings=settings, version=profile.version + 1)


def verify_settings(settings: ProfileSettings, kind: CertificateType) -> None:
    """Refuse settings that contradict themselves or OpenSSH. Raises ProfileRefusedError."""
    _verify_lifetimes(settings)
    _verify_keys(settings)
    if kind is CertificateType.HOST and (
        settings.critical_options
        or settings.extensions
        or settings.allowed_extensions
        or settings.default_critical_options
        or settings.default_extensions
    ):
        raise _refused("extensions", "Host certificates have no options and no extensions.")
    _verify_options(settings)
    if settings.principals is not None:
        verify_principal_rules(settings.principals, kind)
    verify_form(settings.key_id)


def _verify_lifetimes(settings: ProfileSettings) -> None:
    if not timedelta(seconds=1) <= settings.max_ttl <= LONGEST:
        raise _refused("max_ttl", f"A ceiling is from 1 s to {LONGEST.days} d.")
    if not timedelta(seconds=1) <= settings.default_ttl <= settings.max_ttl:
        raise _refused("default_ttl", "The default lifetime is from 1 s to the ceiling.")


def _verify_keys(settings: ProfileSettings) -> None:
    if not settings.key_types or not set(settings.key_types) <= KEY_TYPES:
        raise _refused("key_types", f"Key types are some of {', '.join(sorted(KEY_TYPES))}.")
    if settings.minimum_rsa_bits not in RSA_BITS:
        raise _refused("minimum_rsa_bits", f"RSA keys have {RSA_BITS.start} to {RSA_BITS.stop - 1} bits.")


def _verify_options(settings: ProfileSettings) -> None:
    critical_options = (*settings.critical_options, *settings.default_critical_options)
    if not all(is_critical_option(name) for name in critical_options):
        known = ", ".join(sorted(CRITICAL_OPTIONS))
        raise _refused("critical_options", f"Critical options are {known}, or yours as name@your.domain.")
    if VERIFY_REQUIRED in settings.default_critical_options and not all(
        key_type.startswith("sk-") for key_type in settings.key_types
    ):
        raise _refused(
            "key_types", f"{VERIFY_REQUIRED} means something for FIDO keys (sk-…) only; name those."
        )
    for field in ("extensions", "allowed_extensions", "default_extensions"):
        names: tuple[str, ...] = tuple(getattr(settings, field))
        if not all(is_extension(name) for name in names):
            raise _refused(field, "Extensions are OpenSSH's own, or yours written as name@your.domain.")
    if not set(settings.extensions) <= set(DEFAULT_EXTENSIONS):
        raise _refused(
            "extensions",
            f"Given without being asked for are {', '.join(DEFAULT_EXTENSIONS)}; yours with their values are "
            "`default_extensions`.",
        )
    if set(settings.default_extensions) & {*DEFAULT_EXTENSIONS, NO_TOUCH_REQUIRED}:
        raise _refused("default_extensions", "These are extensions of your own; OpenSSH's are `extensions`.")
    names_of_options = frozenset(
        (
            *settings.critical_options,
            *settings.allowed_extensions,
            *settings.default_critical_options,
            *settings.default_extensions,
        )
    )
    verify_value_rules(settings.value_rules, names_of_options)
    verify_given(settings.default_critical_options, settings.value_rules, "default_critical_options")
    verify_given(settings.default_extensions, settings.value_rules, "default_extensions")


def _refused(field: str, detail: str) -> ProfileRefusedError:
    return ProfileRefusedError(detail, field=field, rule="profile-settings")
