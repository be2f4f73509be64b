"""What can be asked about authorities."""

from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.stores import DATABASE
from ca_service.gate.operation import ProjectOperation
from ssh_ca.authorities import SshAuthority
from ssh_ca.certificates import CertificateType
from ssh_ca.profiles import SshProfile


class ListSshAuthorities(ProjectOperation[tuple[SshAuthority, ...]], frozen=True, kw_only=True):
    """List the SSH authorities of a project by name."""

    action: ClassVar[str] = "ssh:read"
    reads: ClassVar[bool] = True


class DescribedSshAuthority(Struct, frozen=True, kw_only=True):
    """An authority and what hangs on it: the names around it, and how long what it signed is good.

    `valid_certificates` have neither expired nor been revoked; the last of them ends at `last_valid_before`.
    """

    authority: SshAuthority
    succeeds: str | None
    succeeded_by: tuple[str, ...]
    profiles: tuple[str, ...]
    valid_certificates: int
    last_valid_before: datetime | None


class ReadSshAuthority(ProjectOperation[DescribedSshAuthority], frozen=True, kw_only=True):
    """Read one SSH authority and where it stands in a rotation."""

    action: ClassVar[str] = "ssh:read"
    reads: ClassVar[bool] = True

    name: str


class CreateSshAuthority(ProjectOperation[SshAuthority], frozen=True, kw_only=True):
    """Make an authority with a key of its own.

    One that `succeeds` another, of the same type, is published and signs nothing until it is switched to.
    The key is made in `key_store`, and stays there.
    """

    action: ClassVar[str] = "ssh:manage"
    idempotent: ClassVar[bool] = True

    name: str
    type: CertificateType
    key_algorithm: KeyAlgorithm = KeyAlgorithm.ED25519
    succeeds: str | None = None
    key_store: str = DATABASE


class SwitchedSshAuthority(Struct, frozen=True, kw_only=True):
    """The authority that signs now, the one that did, and the profiles that went over."""

    former: SshAuthority
    successor: SshAuthority
    profiles: tuple[SshProfile, ...]


class SwitchSshAuthority(ProjectOperation[SwitchedSshAuthority], frozen=True, kw_only=True):
    """Have another authority sign for all profiles of this one, which is still trusted and signs no more.

    Switching back is the same the other way round.
    """

    action: ClassVar[str] = "ssh:manage"

    name: str
    to: str


class RetireSshAuthority(ProjectOperation[SshAuthority], frozen=True, kw_only=True):
    """Publish the key of an authority no more; what it signed is accepted until hosts have fetched the rest.

    Refused while a profile signs by it, and while certificates of it are valid unless `drops_valid`.
    """

    action: ClassVar[str] = "ssh:manage"

    name: str
    drops_valid: bool = False
