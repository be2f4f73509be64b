"""Reads profiles."""

from ca_service.database.port import Database
from ca_service.gate.handler import Call, Prepared, Reader
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.accesses import profile_access, project_access
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.operations import ListProfiles, ReadProfile
from ca_service.x509.profiles import Profile
from ca_service.x509.storage.profiles import list_profiles


async def wanted_profile(catalogue: Catalogue, tenant: Tenant, name: str) -> Profile:
    """Return the profile of this name. Raises NotFoundError."""
    profile = await catalogue.profile(tenant, name)
    if profile is None:
        raise NotFoundError("profile")
    return profile


class ReadProfileHandler(Reader[ReadProfile, Profile]):
    """Reads one profile."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ReadProfile) -> Prepared[Profile]:
        """Read it and ask whether the caller may."""
        profile = await wanted_profile(self._catalogue, call.home, operation.name)
        return Prepared(profile, (profile_access(operation.action, profile),))


class ListProfilesHandler(Reader[ListProfiles, tuple[Profile, ...]]):
    """Reads all profiles of a project."""

    def __init__(self, catalogue: Catalogue, database: Database) -> None:
        self._catalogue = catalogue
        self._database = database

    async def prepare(self, call: Call, operation: ListProfiles) -> Prepared[tuple[Profile, ...]]:
        """Read them and ask whether the caller may see those of the project."""
        found = await list_profiles(self._database, self._catalogue.profile_mac, call.home)
        return Prepared(tuple(found), (project_access(operation.action, call.home),))
