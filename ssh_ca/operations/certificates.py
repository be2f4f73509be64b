"""What can be asked about certificates."""

from datetime import datetime, timedelta
from typing import ClassVar

from msgspec import Struct, field

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.secret_value import SecretValue
from ssh_ca.certificates import Certificate, CertificateStatus, CertificateType


class IssuedSshCertificate(Struct, frozen=True, kw_only=True):
    """A certificate that was just issued. `certificate` is one line, as in an `id_ed25519-cert.pub`.

    `private_key` (in OpenSSH's format) and `public_key` (its line) are there for a pair made here only.
    """

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
    private_key: SecretValue[str] | None = None
    public_key: str | None = None


class IssueSshCertificate(ProjectOperation[IssuedSshCertificate], frozen=True, kw_only=True):
    """Certify a public key for principals, from a profile; without one, make a pair of `key_algorithm`.

    `principals` left out are all that the profile names for this caller.
    `ttl` counts from now and is refused above a ceiling; left out, the profile's default is taken and
    clamped. `key_id` left out is the caller's id, the same over all certificates of an identity,
    or what the profile makes of it.
    `extensions` left out are the profile's; given, they are exactly what is certified.
    `vouched_names` are those that the inventory says a host has: its own renewal names them, no door does.
    """

    action: ClassVar[str] = "ssh:sign"
    idempotent: ClassVar[bool] = True

    profile: str
    public_key: str | None = None
    key_algorithm: KeyAlgorithm | None = None
    principals: tuple[str, ...] = ()
    ttl: timedelta | None = None
    key_id: str | None = None
    critical_options: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, str] | None = None
    vouched_names: tuple[str, ...] | None = None


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
