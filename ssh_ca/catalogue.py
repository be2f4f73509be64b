"""Authorities and profiles in memory: read once in a policy generation, which their changes raise (S14).

What is signed from a stale fact is never released: the record of a certificate is conditional on the versions
it was decided on (`storage.certificates.insert_issued`), so this cache may be behind without doing harm.
"""

from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.custody.errors import IntegrityError
from ca_service.custody.signers import Signer
from ca_service.database.port import Database, Transaction
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.engine import PolicyEngine
from ssh_ca.authorities import AuthorityStatus, SshAuthority
from ssh_ca.errors import DisabledError, ProfileUnknownError
from ssh_ca.profiles import ProfileStatus, SshProfile
from ssh_ca.public_keys import fingerprint_of
from ssh_ca.signatures import public_key_blob
from ssh_ca.storage import authorities, profiles

_MOST = 4096


class Issuer(Struct, frozen=True):
    """A profile with the authority that signs for it; `fingerprint` is of the authority's key."""

    profile: SshProfile
    authority: SshAuthority
    signer: Signer
    fingerprint: str


class Catalogue:
    """Finds issuers, authorities and profiles."""

    def __init__(self, database: Database, custody: Custody, policy: PolicyEngine) -> None:
        self.database = database
        self._policy = policy
        self._custody = custody
        self.authority_mac = RowMac(custody, authorities.TABLE)
        self.profile_mac = RowMac(custody, profiles.TABLE)
        self._generation = -1
        self._issuers: dict[tuple[Tenant, str], Issuer] = {}

    def forget(self) -> None:
        """Read everything anew from now on."""
        self._issuers.clear()

    async def announce_change(self, transaction: Transaction) -> None:
        """Have every process read everything anew from this transaction's commit on."""
        await self._policy.raise_generation(transaction)

    async def issuer(self, tenant: Tenant, profile_name: str) -> Issuer:
        """Return the issuer behind a profile.

        Raises ProfileUnknownError, and DisabledError if the profile or its authority no longer issues.
        """
        generation = await self._policy.current_generation()
        if generation != self._generation:
            self._issuers.clear()
            self._generation = generation
        issuer = self._issuers.get((tenant, profile_name))
        if issuer is None:
            issuer = await self._load(tenant, profile_name)
            if len(self._issuers) >= _MOST:
                self._issuers.clear()
            self._issuers[tenant, profile_name] = issuer
        return issuer

    async def profile(self, tenant: Tenant, name: str) -> SshProfile:
        """Return a profile as it stands. Raises NotFoundError("profile")."""
        profile = await profiles.find_profile(self.database, self.profile_mac, tenant, name)
        if profile is None:
            raise NotFoundError("profile")
        return profile

    async def authority(self, tenant: Tenant, name: str) -> SshAuthority:
        """Return an authority as it stands. Raises NotFoundError("authority")."""
        authority = await authorities.find_authority(self.database, self.authority_mac, tenant, name)
        if authority is None:
            raise NotFoundError("authority")
        return authority

    async def authorities(self, tenant: Tenant) -> list[SshAuthority]:
        """Return the authorities of a project by name."""
        return await authorities.list_authorities(self.database, self.authority_mac, tenant)

    async def profiles(self, tenant: Tenant) -> list[SshProfile]:
        """Return the profiles of a project by name."""
        return await profiles.list_profiles(self.database, self.profile_mac, tenant)

    async def signer(self, authority: SshAuthority) -> Signer:
        """Return the signer of an authority. Raises IntegrityError if it has another key."""
        signer = await self._custody.signer(authority.tenant, authority.key_id)
        if public_key_blob(signer.public_key) != authority.public_key:
            raise IntegrityError(f"The key of the authority {authority.id} is not the one it was made with.")
        return signer

    async def _load(self, tenant: Tenant, profile_name: str) -> Issuer:
        profile = await profiles.find_profile(self.database, self.profile_mac, tenant, profile_name)
        if profile is None:
            raise ProfileUnknownError(
                "There is no SSH profile of this name in the project; choose one of its profiles.",
                field="profile",
                rule="profile-unknown",
            )
        authority = await self.authority(tenant, profile.settings.authority)
        _verify_signing(profile, authority)
        return Issuer(profile, authority, await self.signer(authority), fingerprint_of(authority.public_key))


def _verify_signing(profile: SshProfile, authority: SshAuthority) -> None:
    if profile.status is not ProfileStatus.ACTIVE:
        raise DisabledError(
            f"The profile {profile.name} is disabled; choose another profile, or ask who administers this "
            "project.",
            field="profile",
            rule="profile-disabled",
        )
    if authority.status is not AuthorityStatus.ACTIVE:
        raise DisabledError(
            f"The authority {authority.name} behind the profile {profile.name} is {authority.status.value} "
            "and signs nothing; choose another profile, or ask who administers this project.",
            field="profile",
            rule="authority-status",
        )
