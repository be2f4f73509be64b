"""Which profile and which authority a request means."""

from ca_service.kernel.tenancy import Tenant
from ca_service.x509.authorities import Authority, AuthorityStatus
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.profiles import Profile, ProfileStatus


async def select_profile(catalogue: Catalogue, tenant: Tenant, name: str) -> Profile:
    """Return the profile of this name. Raises ProfileRefusedError."""
    profile = await catalogue.profile(tenant, name)
    if profile is None:
        detail = "There is no such profile in this project; list them with GET …/x509/profiles."
        raise ProfileRefusedError(detail, field="profile", rule="profile-unknown")
    if profile.settings.for_authorities:
        detail = (
            f"Authorities alone are issued from the profile {profile.name}, and they come from "
            "…/x509/authorities; choose another profile."
        )
        raise ProfileRefusedError(detail, field="profile", rule="profile-for-authorities")
    if profile.status is not ProfileStatus.ACTIVE:
        detail = f"The profile {profile.name} is disabled; choose another or have it enabled."
        raise ProfileRefusedError(detail, field="profile", rule="profile-disabled")
    return profile


async def select_authority(catalogue: Catalogue, profile: Profile, name: str | None) -> Authority:
    """Return the profile's own authority, or another that it allows. Raises ProfileRefusedError.

    To be asked right after `select_profile`.
    """
    settings = profile.settings
    chosen = settings.authority if name is None else name
    authority = None
    if chosen == settings.authority or chosen in settings.authorities:
        authority = await catalogue.authority(profile.tenant, chosen, looked_just_now=True)
    elif (former := await catalogue.authority(profile.tenant, chosen)) is not None:
        # What an authority issued before it was succeeded is renewed by its successor.
        allowed = (settings.authority, *settings.authorities)
        authority = await catalogue.successor_among(former, allowed)
    if authority is None:
        detail = (
            f"The profile {profile.name} does not issue from that authority; leave it out or choose another."
        )
        raise ProfileRefusedError(detail, field="authority", rule="profile-authority")
    if authority.status is not AuthorityStatus.ACTIVE:
        detail = f"The authority {authority.name} is disabled; choose another or have it enabled."
        raise ProfileRefusedError(detail, field="authority", rule="authority-disabled")
    if authority.is_root:
        detail = f"The authority {authority.name} is a root and signs authorities only; choose another."
        raise ProfileRefusedError(detail, field="authority", rule="authority-root")
    return authority
