"""What can be asked about revocation."""

from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ssh_ca.operations.certificates import ListedSshCertificate


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


class ByCertificate(Struct, frozen=True, tag="certificate"):
    """The certificate of this line, as somebody found it: read, verified, and looked up by its number."""

    certificate: str


class ByAuthority(Struct, frozen=True, tag="authority"):
    """Everything an authority ever signed; it signs nothing any more."""

    authority: str


RevocationSelector = BySerialNumber | ByKeyId | ByPublicKey | ByIdentity | ByCertificate | ByAuthority


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
