"""What can be asked about authorities."""

from datetime import datetime, timedelta
from typing import ClassVar

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.stores import DATABASE
from ca_service.gate.operation import ProjectOperation
from ca_service.x509.authorities import Authority, AuthorityStatus
from ca_service.x509.name_constraints import Subtree
from ca_service.x509.operations.certificates import IssuedCertificate

MANAGE = "x509:manage-authority"


class DescribedAuthority(Struct, frozen=True, kw_only=True):
    """An authority with the public addresses of what it publishes.

    `certificate_pem` is None while it waits for one; then `csr_pem` is the request. `chain_pem` is what
    stands above its own certificate, without the root. `alternates` are its other chains as they are sent
    with a leaf of it, without the root: each begins with a certificate of the authority, its own or a
    cross-signed one. At each step upwards an authority's own certificate comes before those that were
    cross-signed later, oldest first. `permitted_names` and so on are what its own certificate says;
    `predecessor` is the name of the authority that it succeeds.
    """

    authority: Authority
    parent: str | None
    certificate_pem: str | None
    chain_pem: tuple[str, ...]
    certificate_url: str
    crl_url: str
    ocsp_url: str
    alternates: tuple[tuple[str, ...], ...] = ()
    csr_pem: str | None = None
    path_length: int | None = None
    permitted_names: tuple[Subtree, ...] = ()
    excluded_names: tuple[Subtree, ...] = ()
    extended_key_usages: tuple[str, ...] = ()
    predecessor: str | None = None


class AuthorityRequest(Struct, frozen=True):
    """A request (PKCS#10, PEM) by which another authority certifies one of ours."""

    csr_pem: str


class AuthorityLimits(Struct, frozen=True, kw_only=True):
    """What an authority is to be limited to. A path length left out is none for a root and 0 for others."""

    path_length: int | None = None
    permitted_names: tuple[Subtree, ...] = ()
    excluded_names: tuple[Subtree, ...] = ()
    extended_key_usages: tuple[str, ...] = ()


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
    """Make an authority with a key of its own: a root, or one that `parent` signs.

    With `has_external_parent` it waits, as pending, for the certificate that an authority elsewhere makes
    from its request. `country` is two letters. The key is made in `key_store`, and stays there.
    """

    action: ClassVar[str] = MANAGE
    idempotent: ClassVar[bool] = True

    name: str
    parent: str | None = None
    has_external_parent: bool = False
    key_algorithm: KeyAlgorithm = KeyAlgorithm.EC_P256
    key_store: str = DATABASE
    common_name: str | None = None
    organization: str | None = None
    country: str | None = None
    ttl: timedelta | None = None
    not_after: datetime | None = None
    limits: AuthorityLimits = AuthorityLimits()


class UpdateAuthority(ProjectOperation[DescribedAuthority], frozen=True, kw_only=True):
    """Enable, disable or retire an authority; it revokes and publishes still. What is retired stays so."""

    action: ClassVar[str] = MANAGE

    name: str
    status: AuthorityStatus


class RequestAuthorityCertificate(ProjectOperation[AuthorityRequest], frozen=True, kw_only=True):
    """Make the request by which an authority elsewhere certifies this one: first, again, or besides."""

    action: ClassVar[str] = MANAGE

    name: str


class ImportAuthorityCertificate(ProjectOperation[DescribedAuthority], frozen=True, kw_only=True):
    """Take the certificate that an authority elsewhere made for this one, and what stands above it.

    It becomes the authority's own, if it waits for one or has an external parent; with `is_alternate` it is a
    further one.
    """

    action: ClassVar[str] = MANAGE

    name: str
    certificate_der: bytes
    chain: tuple[bytes, ...] = ()
    is_alternate: bool = False


class SignAuthority(ProjectOperation[IssuedCertificate], frozen=True, kw_only=True):
    """Certify an authority elsewhere from its CSR, limited as the caller says, never as the CSR does.

    The subject is the CSR's, unless a common name is given. The action is one of its own, so that a policy
    can share an authority with those who need nothing else of it. `profile` is one of authorities; None is
    `intermediate` where the project has that for this issuer.
    """

    action: ClassVar[str] = "x509:sign-authority"
    idempotent: ClassVar[bool] = True

    name: str
    csr_der: bytes
    profile: str | None = None
    common_name: str | None = None
    organization: str | None = None
    country: str | None = None
    ttl: timedelta | None = None
    not_after: datetime | None = None
    limits: AuthorityLimits = AuthorityLimits()


class RenewAuthority(ProjectOperation[DescribedAuthority], frozen=True, kw_only=True):
    """Make a new certificate for the same key, name and limits; the id stays.

    `parent` has another authority of the project sign it from now on.
    """

    action: ClassVar[str] = MANAGE
    idempotent: ClassVar[bool] = True

    name: str
    parent: str | None = None
    ttl: timedelta | None = None
    not_after: datetime | None = None


class CrossSignAuthority(ProjectOperation[DescribedAuthority], frozen=True, kw_only=True):
    """Have `issuer` make a further certificate for the key and name of an authority of the same project."""

    action: ClassVar[str] = MANAGE
    idempotent: ClassVar[bool] = True

    name: str
    issuer: str
    ttl: timedelta | None = None
    not_after: datetime | None = None


class RollOverAuthority(ProjectOperation[DescribedAuthority], frozen=True, kw_only=True):
    """Make the successor of an authority: a new key, the same kind of certificate, an id of its own.

    It is prepared: published at once, issuing nothing. With `at_once` it takes over in the same transaction,
    and `successor` is the name that the authority before keeps on under. No `key_store` is that of the
    authority before.
    """

    action: ClassVar[str] = MANAGE
    idempotent: ClassVar[bool] = True

    name: str
    successor: str | None = None
    key_algorithm: KeyAlgorithm | None = None
    key_store: str | None = None
    parent: str | None = None
    common_name: str | None = None
    ttl: timedelta | None = None
    not_after: datetime | None = None
    at_once: bool = False


class SwitchAuthority(ProjectOperation[DescribedAuthority], frozen=True, kw_only=True):
    """Let the prepared successor take over the name, and so all that issues under it, at once.

    The authority before is called `former` from then on, issues nothing, and publishes CRL and OCSP still.
    """

    action: ClassVar[str] = MANAGE

    name: str
    former: str | None = None
