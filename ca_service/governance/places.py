"""Organizations, their projects, and the environments of these, as values."""

from datetime import datetime

from msgspec import Struct

from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant

#: The slug of the organization and the project that first start makes.
DEFAULT = "default"
#: The environments that a project has unless it is told otherwise.
USUAL_ENVIRONMENTS = ("dev", "staging", "prod")


class Organization(Struct, frozen=True, kw_only=True):
    """A tenant of the instance."""

    id: OrganizationId
    slug: str
    name: str
    created_at: datetime
    created_by: str


class Project(Struct, frozen=True, kw_only=True):
    """A project of an organization. A deleted one keeps its row, so that its slug is never used again."""

    id: ProjectId
    organization: OrganizationId
    slug: str
    name: str
    created_at: datetime
    created_by: str
    deleted_at: datetime | None = None

    @property
    def tenant(self) -> Tenant:
        """Return the project as the owner of rows."""
        return Tenant(self.organization, self.id)


class Environment(Struct, frozen=True, kw_only=True):
    """A stage of a project's life: `dev`, `prod`."""

    id: str
    organization: OrganizationId
    project: ProjectId
    slug: str
    name: str
    created_at: datetime
    created_by: str
