"""Everything that can be asked of the SSH authority, and what it answers."""

from datetime import datetime, timedelta
from typing import ClassVar

from msgspec import Struct, field

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.gate.operation import ProjectOperation
from ssh_ca.authorities import SshAuthority
from ssh_ca.certificates import Certificate, CertificateStatus, CertificateType
from ssh_ca.profiles import ProfileSettings, SshProfile


class IssuedSshCertificate(Struct, frozen=True, kw_only=True):
    """A certificate that was just issued. `certificate` is one line, as in an `id_ed25519-cert.pub`."""

    id: str
    serial_number: int
    key_id: str
    type: CertificateType
    certificate: str
    principals: tuple[str, ...]
    valid_after: datetime
    valid_before: datetime
    authority: str
    profile: str


class IssueSshCertificate(ProjectOperation[IssuedSshCertificate], frozen=True, kw_only=True):
    """Certify a public key for principals, from a profile.

    `ttl` counts from now and is refused above a ceiling; left out, the profile's default is taken and
    clamped. `key_id` left out is the caller's id, the same over all certificates of an identity.
    `extensions` left out are the profile's; given, they are exactly what is certified.
    """

    action: ClassVar[str] = "ssh:sign"
    idempotent: ClassVar[bool] = True

    profile: str
    public_key: str
    principals: tuple[str, ...] = ()
    ttl: timedelta | None = None
    key_id: str | None = None
    critical_options: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, str] | None = None


class ListedSshCertificate(Struct, frozen=True, kw_only=True):
    """A certificate of the inventory and its status at the time of reading."""

    certificate: Certificate
    status: CertificateStatus


class SshCertificatePage(Struct, frozen=True):
    """A page of the inventory, newest first; `next_key` asks for the page after it."""

    items: tuple[ListedSshCertificate, ...]
    next_key: str | None


class SshCertificateFilter(Struct, frozen=True, kw_only=True):
    """What to list; all that is given must fit. `principal` is exact, in the form that was signed."""

    key_id: str | None = None
    principal: str | None = None
    serial_number: int | None = None
    status: CertificateStatus | None = None
    authority: str | None = None


class ListSshCertificates(ProjectOperation[SshCertificatePage], frozen=True, kw_only=True):
    """List the inventory."""

    action: ClassVar[str] = "ssh:read"
    reads: ClassVar[bool] = True

    filter: SshCertificateFilter = SshCertificateFilter()
    limit: int = 100
    after: str | None = None


class ReadSshCertificate(ProjectOperation[tuple[ListedSshCertificate, str]], frozen=True, kw_only=True):
    """Read one certificate of the inventory by its id; answered with its line."""

    action: ClassVar[str] = "ssh:read"
    reads: ClassVar[bool] = True

    certificate: str


class BySerialNumber(Struct, frozen=True, tag="serial_number"):
    """The certificate with this number of one authority."""

    serial_number: int
    authority: str


class ByKeyId(Struct, frozen=True, tag="key_id"):
    """Every certificate of the inventory with this key id: all of one person or machine.

    `for_good` also those the inventory lost, and the key id is never certified again in the project.
    """

    key_id: str
    for_good: bool = False


class ByPublicKey(Struct, frozen=True, tag="public_key"):
    """Every certificate over this key; it is never certified again in the project."""

    public_key: str


class ByIdentity(Struct, frozen=True, tag="identity"):
    """Every certificate of the inventory that this identity or user asked for, whatever stands in it."""

    identity: str


class ByAuthority(Struct, frozen=True, tag="authority"):
    """Everything an authority ever signed; it signs nothing any more."""

    authority: str


RevocationSelector = BySerialNumber | ByKeyId | ByPublicKey | ByIdentity | ByAuthority


class RevokedSshCertificates(Struct, frozen=True, kw_only=True):
    """The certificates that the revocation covers, those included that were revoked before.

    Those of a whole authority are counted only: `newly_revoked` were valid until now, or had expired.
    """

    certificates: tuple[ListedSshCertificate, ...]
    revoked_at: datetime
    newly_revoked: int


class RevokeSshCertificates(ProjectOperation[RevokedSshCertificates], frozen=True, kw_only=True):
    """Revoke certificates for good; doing it again changes nothing.

    A serial number that the inventory does not know (a restore lost it) can be revoked by those who may
    `ssh:revoke-unknown` (S6), and so can a key id for good; an authority by those who may `ssh:manage` it.
    """

    action: ClassVar[str] = "ssh:revoke"
    takes_away: ClassVar[bool] = True

    selector: RevocationSelector


class PublishedKeyRevocationList(Struct, frozen=True, kw_only=True):
    """A key revocation list that was published; `entries` are numbers, key ids and keys in it."""

    version: int
    entries: int


class PublishKeyRevocationList(ProjectOperation[PublishedKeyRevocationList], frozen=True, kw_only=True):
    """Sign and publish a project's key revocation list as things stand; the publishing job's."""

    action: ClassVar[str] = "ssh:publish"


class ListSshAuthorities(ProjectOperation[tuple[SshAuthority, ...]], frozen=True, kw_only=True):
    """List the SSH authorities of a project by name."""

    action: ClassVar[str] = "ssh:read"
    reads: ClassVar[bool] = True


class CreateSshAuthority(ProjectOperation[SshAuthority], frozen=True, kw_only=True):
    """Make an authority with a key of its own."""

    action: ClassVar[str] = "ssh:manage"
    idempotent: ClassVar[bool] = True

    name: str
    type: CertificateType
    key_algorithm: KeyAlgorithm = KeyAlgorithm.ED25519


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
