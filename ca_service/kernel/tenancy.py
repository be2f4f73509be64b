"""Who owns a row: every table of a tenant carries both ids, every statement binds both (S12)."""

from typing import NewType

from msgspec import Struct

OrganizationId = NewType("OrganizationId", str)
ProjectId = NewType("ProjectId", str)


class Tenant(Struct, frozen=True):
    """A project inside its organization."""

    organization: OrganizationId
    project: ProjectId
