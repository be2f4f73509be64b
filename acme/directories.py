"""ACME directories: each binds a URL to a project, an authority and a certificate profile."""

import re
from datetime import datetime
from enum import StrEnum
from typing import NewType

from msgspec import Struct

from ca_service.kernel.tenancy import Tenant

DirectoryId = NewType("DirectoryId", str)

#: Slugs are unique on the instance and stand in URLs as they are.
SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


class ExternalAccountRule(StrEnum):
    """Whether an account must be bound to an external one (RFC 8555 section 7.3.4)."""

    OFF = "off"
    REQUIRED = "required"


class Directory(Struct, frozen=True):
    """One directory. `slug` is unique on the instance; `authority` None leaves the choice to the profile."""

    id: DirectoryId
    tenant: Tenant
    slug: str
    profile: str
    authority: str | None
    eab: ExternalAccountRule
    created_at: datetime
