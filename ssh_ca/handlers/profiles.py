"""Makes and reads SSH profiles."""

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.governance.slugs import parse_slug
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Grant
from ssh_ca.accesses import profile_access, project_access
from ssh_ca.authorities import SshAuthority
from ssh_ca.catalogue import Catalogue
from ssh_ca.certificates import CertificateType
from ssh_ca.errors import ProfileRefusedError
from ssh_ca.handlers.create_authority import name_taken
from ssh_ca.handlers.issue_certificate import found_changed
from ssh_ca.operations import CreateSshProfile, ListSshProfiles, ReadSshProfile, UpdateSshProfile
from ssh_ca.profiles import ProfileStatus, SshProfile, changed_profile, verify_settings
from ssh_ca.storage.profiles import insert_profile, update_profile


async def verify_authority(
    catalogue: Catalogue, tenant: Tenant, name: str, kind: CertificateType
) -> SshAuthority:
    """Return the authority of a profile. Raises ProfileRefusedError unless it is there and of its type."""
    try:
        authority = await catalogue.authority(tenant, name)
    except NotFoundError:
        authority = None
    if authority is None or authority.type is not kind:
        raise ProfileRefusedError(
            f"A {kind.value} profile needs an SSH authority for {kind.value}s; make one first.",
            field="authority",
            rule="profile-authority",
        )
    return authority


class CreateProfileHandler(Handler[CreateSshProfile, SshProfile, SshProfile, SshProfile]):
    """Makes one profile."""

    def __init__(self, catalogue: Catalogue, identifiers: Identifiers) -> None:
        self._catalogue = catalogue
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: CreateSshProfile) -> Prepared[SshProfile]:
        """Read the settings and ask whether the caller may."""
        parse_slug(operation.name, field="name")
        verify_settings(operation.settings, operation.type)
        await verify_authority(self._catalogue, call.home, operation.settings.authority, operation.type)
        profile = SshProfile(
            id=self._identifiers.new("spf"),
            tenant=call.home,
            name=operation.name,
            type=operation.type,
            status=ProfileStatus.ACTIVE,
            settings=operation.settings,
            created_at=call.now,
            version=1,
        )
        details = {"name": profile.name, "type": profile.type.value, "id": profile.id}
        return Prepared(profile, (project_access(operation.action, call.home),), details)

    async def sign(self, call: Call, draft: SshProfile, grant: Grant) -> SshProfile:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: SshProfile) -> SshProfile:
        """Keep it."""
        del call
        try:
            await insert_profile(transaction, self._catalogue.profile_mac, signed)
        except UniqueViolationError as error:
            raise name_taken("profile") from error
        await self._catalogue.announce_change(transaction)
        return signed


class UpdateProfileHandler(Handler[UpdateSshProfile, SshProfile, SshProfile, SshProfile]):
    """Changes one profile."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: UpdateSshProfile) -> Prepared[SshProfile]:
        """Put the changes over what is and ask whether the caller may."""
        former = await self._catalogue.profile(call.home, operation.name)
        changed = changed_profile(former, operation.changes)
        verify_settings(changed.settings, changed.type)
        await verify_authority(self._catalogue, call.home, changed.settings.authority, changed.type)
        return Prepared(changed, (profile_access(operation.action, former),), {"name": former.name})

    async def sign(self, call: Call, draft: SshProfile, grant: Grant) -> SshProfile:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: SshProfile) -> SshProfile:
        """Write it over the version it was read at."""
        del call
        if not await update_profile(transaction, self._catalogue.profile_mac, signed):
            raise found_changed()
        await self._catalogue.announce_change(transaction)
        return signed


class ListProfilesReader(Reader[ListSshProfiles, tuple[SshProfile, ...]]):
    """Lists profiles."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ListSshProfiles) -> Prepared[tuple[SshProfile, ...]]:
        """Read all of the project."""
        found = await self._catalogue.profiles(call.home)
        return Prepared(tuple(found), (project_access(operation.action, call.home),))


class ReadProfileReader(Reader[ReadSshProfile, SshProfile]):
    """Reads one profile."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ReadSshProfile) -> Prepared[SshProfile]:
        """Read it by its name."""
        profile = await self._catalogue.profile(call.home, operation.name)
        return Prepared(profile, (profile_access(operation.action, profile),), {"name": profile.name})
