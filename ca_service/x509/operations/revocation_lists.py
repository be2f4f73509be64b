"""What can be asked about CRLs."""

from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation


class PublishedRevocationList(Struct, frozen=True, kw_only=True):
    """A CRL that was published, by its number; `entries` is how many certificates stand in it."""

    authority_id: str
    part: str
    number: int
    entries: int
    next_update: datetime


class PublishRevocationList(ProjectOperation[PublishedRevocationList], frozen=True, kw_only=True):
    """Sign and publish a CRL of an authority: the complete one, or its shard `part` (RFC 5280 section 5).

    Jobs perform it as `System::"x509-publish"`.
    """

    action: ClassVar[str] = "x509:publish"

    authority_id: str
    part: str = ""
