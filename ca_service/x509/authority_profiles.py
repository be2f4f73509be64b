"""Profiles of authorities: the ceilings of those that are signed for others."""

from datetime import datetime, timedelta

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.authorities import Authority
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.errors import CsrRefusedError, ProfileRefusedError
from ca_service.x509.profiles import Profile, ProfileStatus
from ca_service.x509.validity import verify_ttl

#: The one that counts unless another is asked for.
INTERMEDIATE = "intermediate"


async def governing_profile(
    catalogue: Catalogue, tenant: Tenant, name: str | None, issuer: Authority
) -> Profile | None:
    """Return the profile by which an authority signs others: the one asked for, else `intermediate`.

    None where nothing is asked for and the project has no `intermediate`, or has it for other issuers.
    Raises ProfileRefusedError.
    """
    profile = await catalogue.profile(tenant, INTERMEDIATE if name is None else name)
    if profile is None and name is None:
        return None
    if profile is None or not profile.settings.for_authorities:
        detail = (
            "Authorities are signed by a profile that is for_authorities; leave it out or choose another."
        )
        raise ProfileRefusedError(detail, field="profile", rule="profile-for-authorities")
    settings = profile.settings
    if issuer.name not in {settings.authority, *settings.authorities}:
        if name is None:
            return None
        detail = f"The profile {profile.name} does not sign from that authority; choose another profile."
        raise ProfileRefusedError(detail, field="profile", rule="profile-authority")
    if profile.status is not ProfileStatus.ACTIVE:
        detail = f"The profile {profile.name} is disabled; choose another or have it enabled."
        raise ProfileRefusedError(detail, field="profile", rule="profile-disabled")
    return profile


def governed_ttl(
    profile: Profile,
    algorithm: KeyAlgorithm,
    ttl: timedelta | None,
    not_after: datetime | None,
    *,
    now: datetime,
) -> timedelta | None:
    """Return the lifetime of an authority inside its profile; None if an exact end says it.

    Raises CsrRefusedError or ProfileRefusedError for what lies outside.
    """
    settings = profile.settings
    if algorithm not in settings.key_algorithms:
        detail = f"The profile {profile.name} does not certify keys of the algorithm {algorithm.value}."
        raise CsrRefusedError(detail, field="csr", rule="profile-key-algorithm")
    if ttl is not None:
        verify_ttl(ttl, settings, profile.name)
        return ttl
    if not_after is None:
        return settings.default_ttl
    if not_after - now > settings.max_ttl:
        days = settings.max_ttl.total_seconds() / 86400
        detail = f"The profile {profile.name} allows {days:g} days at most; choose an earlier not_after."
        raise ProfileRefusedError(detail, field="not_after", rule="profile-max-ttl")
    return None
