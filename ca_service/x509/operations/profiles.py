"""What can be asked about profiles."""

from datetime import timedelta
from typing import ClassVar

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.gate.operation import ProjectOperation
from ca_service.policy.names import NameKind
from ca_service.x509.profiles import (
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


class ListProfiles(ProjectOperation[tuple[Profile, ...]], frozen=True, kw_only=True):
    """List the profiles of a project."""

    action: ClassVar[str] = "x509:read-profile"
    reads: ClassVar[bool] = True


class ReadProfile(ProjectOperation[Profile], frozen=True, kw_only=True):
    """Read one profile by its name."""

    action: ClassVar[str] = "x509:read-profile"
    reads: ClassVar[bool] = True

    name: str


class ProfileVersionPage(Struct, frozen=True):
    """One page of the versions of a profile, the newest first; `next_key` is None on the last one."""

    items: tuple[ProfileVersion, ...]
    next_key: str | None


class ListProfileVersions(ProjectOperation[ProfileVersionPage], frozen=True, kw_only=True):
    """List every version that a profile has had, the newest first."""

    action: ClassVar[str] = "x509:read-profile"
    reads: ClassVar[bool] = True

    name: str
    limit: int = 100
    after: str | None = None


class ReadProfileVersion(ProjectOperation[ProfileVersion], frozen=True, kw_only=True):
    """Read one version of a profile, as the certificates that were born under it remember it."""

    action: ClassVar[str] = "x509:read-profile"
    reads: ClassVar[bool] = True

    name: str
    version: int


class CreateProfile(ProjectOperation[Profile], frozen=True, kw_only=True):
    """Make a profile."""

    action: ClassVar[str] = "x509:manage-profile"
    idempotent: ClassVar[bool] = True

    name: str
    settings: ProfileSettings


class ProfileChanges(Struct, frozen=True, kw_only=True):
    """What of a profile changes; what is None stays."""

    status: ProfileStatus | None = None
    authority: str | None = None
    authorities: tuple[str, ...] | None = None
    default_ttl: timedelta | None = None
    max_ttl: timedelta | None = None
    allows_wildcards: bool | None = None
    allows_other_common_name: bool | None = None
    revocation_pointers: tuple[RevocationPointer, ...] | None = None
    purposes: tuple[Purpose, ...] | None = None
    name_kinds: tuple[NameKind, ...] | None = None
    key_algorithms: tuple[KeyAlgorithm, ...] | None = None
    names_issuer: bool | None = None
    names_allowed: tuple[str, ...] | None = None
    names_denied: tuple[str, ...] | None = None
    names_required: tuple[str, ...] | None = None
    names_computed: tuple[str, ...] | None = None
    common_name: CommonNameRule | None = None
    subject: SubjectFields | None = None
    key_usages: tuple[KeyUsage, ...] | None = None
    further_purposes: tuple[str, ...] | None = None
    policies: tuple[str, ...] | None = None
    must_staple: MustStaple | None = None
    lint: Lint | None = None
    keeps_keys: bool | None = None
    renew_before: timedelta | None = None


class UpdateProfile(ProjectOperation[Profile], frozen=True, kw_only=True):
    """Change a profile; certificates that were issued from it stay as they are."""

    action: ClassVar[str] = "x509:manage-profile"

    name: str
    changes: ProfileChanges
