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


class CaaMode(StrEnum):
    """What becomes of an identifier whose CAA records forbid us (RFC 8659)."""

    OFF = "off"
    LOG = "log"
    ENFORCE = "enforce"


class DirectoryRules(Struct, frozen=True, omit_defaults=True):
    """What a directory asks and offers beyond its authority and its first profile.

    `further_profiles` may be ordered by name; `challenges` None offers every type there is; `resolvers`
    (`HOST:PORT`) replace the instance's own; `caa_identities` are our names in CAA records.
    """

    further_profiles: tuple[str, ...] = ()
    challenges: tuple[str, ...] | None = None
    caa: CaaMode = CaaMode.OFF
    caa_identities: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    terms_of_service: str | None = None
    website: str | None = None


class Directory(Struct, frozen=True):
    """One directory. `slug` is unique on the instance; `authority` None leaves the choice to the profile.

    `profile` is the one that an order gets when it names none.
    """

    id: DirectoryId
    tenant: Tenant
    slug: str
    profile: str
    authority: str | None
    eab: ExternalAccountRule
    created_at: datetime
    rules: DirectoryRules = DirectoryRules()
    updated_at: datetime | None = None

    @property
    def profiles(self) -> tuple[str, ...]:
        """Return every profile that an order may name, the default first."""
        return (self.profile, *self.rules.further_profiles)
