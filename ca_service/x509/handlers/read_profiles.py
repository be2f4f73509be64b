"""Reads profiles."""

from ca_service.database.port import Database
from ca_service.gate.handler import Call, Prepared, Reader
from ca_service.kernel.errors import MalformedError, NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.accesses import profile_access, project_access
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.operations import (
    ListProfiles,
    ListProfileVersions,
    ProfileVersionPage,
    ReadProfile,
    ReadProfileVersion,
)
from ca_service.x509.profiles import Profile, ProfileVersion
from ca_service.x509.storage.profiles import find_version, list_profiles, list_versions


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


class ListProfileVersionsHandler(Reader[ListProfileVersions, ProfileVersionPage]):
    """Reads a page of the versions of a profile."""

    def __init__(self, catalogue: Catalogue, database: Database) -> None:
        self._catalogue = catalogue
        self._database = database

    async def prepare(self, call: Call, operation: ListProfileVersions) -> Prepared[ProfileVersionPage]:
        """Read them and ask whether the caller may see the profile."""
        profile = await wanted_profile(self._catalogue, call.home, operation.name)
        below = _version_number(operation.after, profile.version + 1)
        found = await list_versions(
            self._database, self._catalogue.profile_mac, profile, below, operation.limit + 1
        )
        if below > profile.version and not any(each.profile.version == profile.version for each in found):
            # A former release made it, and it was never changed since.
            found.insert(0, ProfileVersion(profile=profile, kept_at=None))
        items = tuple(found[: operation.limit])
        next_key = str(items[-1].profile.version) if len(found) > len(items) else None
        page = ProfileVersionPage(items, next_key)
        return Prepared(page, (profile_access(operation.action, profile),))


class ReadProfileVersionHandler(Reader[ReadProfileVersion, ProfileVersion]):
    """Reads one version of a profile."""

    def __init__(self, catalogue: Catalogue, database: Database) -> None:
        self._catalogue = catalogue
        self._database = database

    async def prepare(self, call: Call, operation: ReadProfileVersion) -> Prepared[ProfileVersion]:
        """Read it and ask whether the caller may see the profile."""
        profile = await wanted_profile(self._catalogue, call.home, operation.name)
        found = None
        if 0 < operation.version <= profile.version:
            mac = self._catalogue.profile_mac
            found = await find_version(self._database, mac, profile, operation.version)
            if found is None and operation.version == profile.version:
                found = ProfileVersion(profile=profile, kept_at=None)
        if found is None:
            raise NotFoundError("profile version")
        return Prepared(found, (profile_access(operation.action, profile),))


def _version_number(text: str | None, otherwise: int) -> int:
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise MalformedError("This cursor is not one of ours; leave it out.", field="cursor", rule="cursor")
    return int(text)
