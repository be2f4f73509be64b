"""What can be asked about profiles."""

from datetime import timedelta
from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ca_service.x509.profiles import Profile, ProfileSettings, ProfileStatus, RevocationPointer


class ListProfiles(ProjectOperation[tuple[Profile, ...]], frozen=True, kw_only=True):
    """List the profiles of a project."""

    action: ClassVar[str] = "x509:read-profile"
    reads: ClassVar[bool] = True


class ReadProfile(ProjectOperation[Profile], frozen=True, kw_only=True):
    """Read one profile by its name."""

    action: ClassVar[str] = "x509:read-profile"
    reads: ClassVar[bool] = True

    name: str


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


class UpdateProfile(ProjectOperation[Profile], frozen=True, kw_only=True):
    """Change a profile; certificates that were issued from it stay as they are."""

    action: ClassVar[str] = "x509:manage-profile"

    name: str
    changes: ProfileChanges
