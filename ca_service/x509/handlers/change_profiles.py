"""Makes and changes profiles."""

import msgspec

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.names import NameKind
from ca_service.policy.values import Grant
from ca_service.x509.accesses import profile_access, project_access
from ca_service.x509.authorities import ISSUING_LIFETIME
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.errors import ChangedMeanwhileError, ProfileRefusedError
from ca_service.x509.handlers.create_authority import name_taken
from ca_service.x509.handlers.read_profiles import wanted_profile
from ca_service.x509.operations import CreateProfile, ProfileChanges, UpdateProfile
from ca_service.x509.profiles import Profile, ProfileSettings, ProfileStatus
from ca_service.x509.resource_names import parse_resource_name
from ca_service.x509.storage.profiles import insert_profile, update_profile


async def verify_settings(catalogue: Catalogue, tenant: Tenant, settings: ProfileSettings) -> None:
    """Refuse settings from which nothing sensible could be issued. Raises ProfileRefusedError."""
    for field, name in (
        ("authority", settings.authority),
        *(("authorities", name) for name in settings.authorities),
    ):
        authority = await catalogue.authority(tenant, name)
        if authority is None or authority.is_root:
            detail = "A profile issues from authorities of its project that are no roots; make one first."
            raise ProfileRefusedError(detail, field=field, rule="profile-authority")
    for field, values in (
        ("purposes", settings.purposes),
        ("name_kinds", settings.name_kinds),
        ("key_algorithms", settings.key_algorithms),
    ):
        if not values or len(set(values)) != len(values):
            detail = f"A profile has at least one of {field}, and each of them once."
            raise ProfileRefusedError(detail, field=field, rule="profile-empty")
    if len(set(settings.revocation_pointers)) != len(settings.revocation_pointers):
        detail = "A profile names each of revocation_pointers once."
        raise ProfileRefusedError(detail, field="revocation_pointers", rule="profile-revocation-pointers")
    if NameKind.PRINCIPAL in settings.name_kinds:
        detail = "Principals stand in SSH certificates only; use dns, ip, email or uri."
        raise ProfileRefusedError(detail, field="name_kinds", rule="profile-name-kind")
    if settings.max_ttl > ISSUING_LIFETIME:
        detail = f"No authority lives longer than {ISSUING_LIFETIME.days} days; choose a lower max_ttl."
        raise ProfileRefusedError(detail, field="max_ttl", rule="authority-max-ttl")
    if settings.default_ttl > settings.max_ttl:
        detail = "The default_ttl is above the max_ttl; choose a lower one."
        raise ProfileRefusedError(detail, field="default_ttl", rule="profile-max-ttl")


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


class UpdateProfileHandler(Handler[UpdateProfile, Profile, Profile, Profile]):
    """Changes one profile."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: UpdateProfile) -> Prepared[Profile]:
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
        return Prepared(profile, (profile_access(operation.action, former),), {"name": former.name})

    async def sign(self, call: Call, draft: Profile, grant: Grant) -> Profile:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Profile) -> Profile:
        """Write it over the version it was read at."""
        del call
        if not await update_profile(transaction, self._catalogue.profile_mac, signed):
            self._catalogue.forget()
            raise ChangedMeanwhileError("Another request changed the profile at the same time; try again.")
        transaction.announce()
        transaction.on_commit(self._catalogue.forget)
        return signed


def changed_settings(settings: ProfileSettings, changes: ProfileChanges) -> ProfileSettings:
    """Return the settings with every change that is not None."""
    given = {
        field: value
        for field, value in msgspec.structs.asdict(changes).items()
        if value is not None and field != "status"
    }
    return msgspec.structs.replace(settings, **given)
