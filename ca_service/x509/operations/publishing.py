"""What can be asked about how an authority tells the status of what it issued."""

from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ca_service.x509.publishing import Publishing, ResponderKind


class DescribedPublishing(Struct, frozen=True, kw_only=True):
    """How an authority publishes. `responder_until` is the end of its responder's certificate, if any."""

    authority: str
    publishing: Publishing
    crl_url: str
    shard_urls: tuple[str, ...]
    ocsp_url: str
    responder_until: datetime | None


class ReadPublishing(ProjectOperation[DescribedPublishing], frozen=True, kw_only=True):
    """Read how an authority publishes."""

    action: ClassVar[str] = "x509:read-authority"
    reads: ClassVar[bool] = True

    name: str


class ConfigurePublishing(ProjectOperation[DescribedPublishing], frozen=True, kw_only=True):
    """Choose how an authority publishes; what is left out stays. New certificates follow from then on.

    Certificates that name a shard keep it: a shard is published for good, also when there are fewer.
    """

    action: ClassVar[str] = "x509:manage-authority"

    name: str
    crl_shards: int | None = None
    crl_urls: tuple[str, ...] | None = None
    responder: ResponderKind | None = None


class RotatedResponder(Struct, frozen=True, kw_only=True):
    """A new responder, by its certificate in the inventory."""

    authority_id: str
    generation: int
    certificate: str
    serial_number: str
    not_after: datetime


class RotateResponder(ProjectOperation[RotatedResponder], frozen=True, kw_only=True):
    """Give an authority a new OCSP responder: a key, and a short certificate for nothing else.

    Source: RFC 6960 section 4.2.2.2. Jobs perform it as `System::"x509-publish"`. `former` is the generation
    that it follows, 0 for the first.
    """

    action: ClassVar[str] = "x509:publish"

    authority_id: str
    former: int
