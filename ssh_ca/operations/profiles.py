"""What can be asked about profiles."""

from datetime import timedelta
from typing import ClassVar

from msgspec import UNSET, Struct, UnsetType

from ca_service.gate.operation import ProjectOperation
from ssh_ca.certificates import CertificateType
from ssh_ca.principal_rules import PrincipalRule
from ssh_ca.profiles import ProfileSettings, ProfileStatus, SshProfile
from ssh_ca.value_rules import GivenValue, ValueRule


class ListSshProfiles(ProjectOperation[tuple[SshProfile, ...]], frozen=True, kw_only=True):
    """List the SSH profiles of a project by name."""

    action: ClassVar[str] = "ssh:read"
    reads: ClassVar[bool] = True


class ReadSshProfile(ProjectOperation[SshProfile], frozen=True, kw_only=True):
    """Read one SSH profile by its name."""

    action: ClassVar[str] = "ssh:read"
    reads: ClassVar[bool] = True

    name: str


class CreateSshProfile(ProjectOperation[SshProfile], frozen=True, kw_only=True):
    """Make a profile over an authority of the same type."""

    action: ClassVar[str] = "ssh:manage"
    idempotent: ClassVar[bool] = True

    name: str
    type: CertificateType
    settings: ProfileSettings


class SshProfileChanges(Struct, frozen=True, kw_only=True):
    """What shall be otherwise: the status, and fields of `ProfileSettings`; what is UNSET stays."""

    status: ProfileStatus | UnsetType = UNSET
    authority: str | UnsetType = UNSET
    default_ttl: timedelta | UnsetType = UNSET
    max_ttl: timedelta | UnsetType = UNSET
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


class UpdateSshProfile(ProjectOperation[SshProfile], frozen=True, kw_only=True):
    """Change a profile; certificates already signed stay as they are."""

    action: ClassVar[str] = "ssh:manage"

    name: str
    changes: SshProfileChanges
