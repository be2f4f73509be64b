"""What can be asked about authorities."""

from datetime import timedelta
from typing import ClassVar

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.gate.operation import ProjectOperation
from ca_service.x509.authorities import Authority, AuthorityStatus


class DescribedAuthority(Struct, frozen=True, kw_only=True):
    """An authority with the public addresses of what it publishes."""

    authority: Authority
    parent: str | None
    certificate_pem: str
    chain_pem: tuple[str, ...]
    certificate_url: str
    crl_url: str
    ocsp_url: str


class ListAuthorities(ProjectOperation[tuple[DescribedAuthority, ...]], frozen=True, kw_only=True):
    """List the authorities of a project, roots first."""

    action: ClassVar[str] = "x509:read-authority"
    reads: ClassVar[bool] = True


class ReadAuthority(ProjectOperation[DescribedAuthority], frozen=True, kw_only=True):
    """Read one authority by its name."""

    action: ClassVar[str] = "x509:read-authority"
    reads: ClassVar[bool] = True

    name: str


class CreateAuthority(ProjectOperation[DescribedAuthority], frozen=True, kw_only=True):
    """Make an authority with a key of its own: a root, or one that `parent` signs."""

    action: ClassVar[str] = "x509:manage-authority"
    idempotent: ClassVar[bool] = True

    name: str
    parent: str | None = None
    key_algorithm: KeyAlgorithm = KeyAlgorithm.EC_P256
    common_name: str | None = None
    ttl: timedelta | None = None


class UpdateAuthority(ProjectOperation[DescribedAuthority], frozen=True, kw_only=True):
    """Enable or disable an authority; disabled it issues nothing, but revokes and publishes still."""

    action: ClassVar[str] = "x509:manage-authority"

    name: str
    status: AuthorityStatus
