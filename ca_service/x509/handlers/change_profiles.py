"""Makes and changes profiles."""

import msgspec
from msgspec import Struct

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Grant
from ca_service.x509.accesses import profile_access, project_access
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.errors import ChangedMeanwhileError, ProfileRefusedError
from ca_service.x509.handlers.create_authority import name_taken
from ca_service.x509.handlers.read_profiles import wanted_profile
from ca_service.x509.operations import CreateProfile, ProfileChanges, UpdateProfile
from ca_service.x509.profile_rules import verify_rules
from ca_service.x509.profiles import Lint, Profile, ProfileSettings, ProfileStatus
from ca_service.x509.resource_names import parse_resource_name
from ca_service.x509.storage.profiles import insert_profile, update_profile
from ca_service.x509.thorough_lint import verify_installed


async def verify_settings(catalogue: Catalogue, tenant: Tenant, settings: ProfileSettings) -> None:
    """Refuse settings from which nothing sensible could be issued. Raises ProfileRefusedError."""
    verify_rules(settings)
    if settings.lint is Lint.PKILINT:
        verify_installed()
    for field, name in (
        ("authority", settings.authority),
        *((f"authorities[{place}]", name) for place, name in enumerate(settings.authorities)),
    ):
        authority = await catalogue.authority(tenant, name)
        if authority is None or (authority.is_root and not settings.for_authorities):
            detail = "A profile issues from authorities of its project that are no roots; make one first."
            raise ProfileRefusedError(detail, field=field, rule="profile-authority")


class CreateProfileHandler(Handler[CreateProfile, Profile, Profile, Profile]):
    """Makes one profile."""

    def __init__(self, catalogue: Catalogue, identifiers: Identifiers) -> None:
        self._catalogue = catalogue
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: CreateProfile) -> Prepared[Profile]:
        """Read the settings and ask whether the caller may."""
        parse_resource_name(operation.name)
        await verify_settings(self._catalogue, call.home, operation.settings)
        profile = Profile(
            id=self._identifiers.new("xpf"),
            tenant=call.home,
            name=operation.name,
            status=ProfileStatus.ACTIVE,
            settings=operation.settings,
            version=1,
        )
        return Prepared(profile, (project_access(operation.action, call.home),), {"name": profile.name})

    async def sign(self, call: Call, draft: Profile, grant: Grant) -> Profile:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Profile) -> Profile:
        """Keep it."""
        del call
        try:
            await insert_profile(transaction, self._catalogue.profile_mac, signed)
        except UniqueViolationError as error:
            raise name_taken("profile") from error
        transaction.announce()
        transaction.on_commit(self._catalogue.forget)
        return signed


class ChangedProfile(Struct, frozen=True):
    """A profile before and after."""

    former: Profile
    profile: Profile


class UpdateProfileHandler(Handler[UpdateProfile, ChangedProfile, ChangedProfile, Profile]):
    """Changes one profile."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: UpdateProfile) -> Prepared[ChangedProfile]:
        """Put the changes over what is and ask whether the caller may."""
        former = await wanted_profile(self._catalogue, call.home, operation.name)
        settings = changed_settings(former.settings, operation.changes)
        await verify_settings(self._catalogue, call.home, settings)
        profile: Profile = msgspec.structs.replace(
            former,
            status=operation.changes.status or former.status,
            settings=settings,
            version=former.version + 1,
        )
        draft = ChangedProfile(former, profile)
        return Prepared(draft, (profile_access(operation.action, former),), {"name": former.name})

    async def sign(self, call: Call, draft: ChangedProfile, grant: Grant) -> ChangedProfile:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: ChangedProfile) -> Profile:
        """Write it over the version it was read at, which is kept."""
        del call
        mac = self._catalogue.profile_mac
        if not await update_profile(transaction, mac, signed.profile, signed.former):
            self._catalogue.forget()
            raise ChangedMeanwhileError("Another request changed the profile at the same time; try again.")
        transaction.announce()
        transaction.on_commit(self._catalogue.forget)
        return signed.profile


def changed_settings(settings: ProfileSettings, changes: ProfileChanges) -> ProfileSettings:
    """Return the settings with every change that is not None."""
    given = {
        field: value
        for field, value in msgspec.structs.asdict(changes).items()
        if value is not None and field != "status"
    }
    return msgspec.structs.replace(settings, **given)
