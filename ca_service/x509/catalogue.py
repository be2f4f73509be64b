"""Authorities and profiles in memory: read once, verified once, dropped when any process announces a change.

What is issued from a stale fact is never released: the record of a certificate is conditional on the versions
it was decided on (`storage.certificates.insert_issued`), so this cache may be behind without doing harm.
"""

from typing import TypeAlias, TypeVar

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.authorities import Authority
from ca_service.x509.issuers import Issuer, PublicAddresses, ready_issuer
from ca_service.x509.profiles import Profile
from ca_service.x509.storage import authorities, profiles

#: Deeper chains are not made here; the bound keeps a damaged table from looping.
_DEEPEST = 8
_MOST = 4096

#: A project's id is unique on the instance; two texts hash faster than a tenant.
_Key: TypeAlias = tuple[str, str]
K = TypeVar("K")
V = TypeVar("V")


class Catalogue:
    """Finds authorities, profiles and issuers."""

    def __init__(self, database: Database, custody: Custody, addresses: PublicAddresses) -> None:
        self._database = database
        self._custody = custody
        self.addresses = addresses
        self.authority_mac = RowMac(custody, authorities.TABLE)
        self.profile_mac = RowMac(custody, profiles.TABLE)
        self._hint: int | None = None
        self._changes = 0
        self._authorities: dict[_Key, Authority] = {}
        self._by_id: dict[_Key, Authority] = {}
        self._public: dict[str, Authority] = {}
        self._profiles: dict[_Key, Profile] = {}
        #: By id and version, under which nothing ever changes.
        self._issuers: dict[tuple[str, int], Issuer] = {}

    def forget(self) -> None:
        """Read everything anew from now on."""
        self._changes += 1
        self._public.clear()
        self._authorities.clear()
        self._by_id.clear()
        self._profiles.clear()

    def standing(self) -> int | None:
        """Return a number that stays while no process announces a change; None: cannot tell, so read."""
        self._look()
        return None if self._hint is None else self._changes

    async def public_authority(self, authority_id: str) -> Authority | None:
        """Return an authority by its opaque id alone: what it publishes is for everyone."""
        self._look()
        found = self._public.get(authority_id)
        if found is None:
            found = await authorities.find_public_authority(self._database, self.authority_mac, authority_id)
            self._keep(self._public, authority_id, found)
        return found

    async def authority(
        self, tenant: Tenant, name: str, *, looked_just_now: bool = False
    ) -> Authority | None:
        """Return the authority of this name in a project.

        `looked_just_now` spares the look for changes where something else was read at the same moment.
        """
        if not looked_just_now:
            self._look()
        found = self._authorities.get((tenant.project, name))
        if found is None:
            found = await authorities.find_authority(self._database, self.authority_mac, tenant, name)
            self._keep(self._authorities, (tenant.project, name), found)
        return found

    async def authority_by_id(self, tenant: Tenant, authority_id: str) -> Authority | None:
        """Return the authority of this id in a project."""
        self._look()
        found = self._by_id.get((tenant.project, authority_id))
        if found is None:
            found = await authorities.find_authority_by_id(
                self._database, self.authority_mac, tenant, authority_id
            )
            self._keep(self._by_id, (tenant.project, authority_id), found)
        return found

    async def profile(self, tenant: Tenant, name: str) -> Profile | None:
        """Return the profile of this name in a project."""
        self._look()
        found = self._profiles.get((tenant.project, name))
        if found is None:
            found = await profiles.find_profile(self._database, self.profile_mac, tenant, name)
            self._keep(self._profiles, (tenant.project, name), found)
        return found

    async def above(self, authority: Authority) -> tuple[Authority, ...]:
        """Return the issuers of an authority, nearest first, the root last."""
        found: list[Authority] = []
        link = authority
        while link.parent is not None and len(found) < _DEEPEST:
            parent = await self.authority_by_id(authority.tenant, link.parent)
            if parent is None:
                break
            found.append(parent)
            link = parent
        return tuple(found)

    async def issuer(self, authority: Authority) -> Issuer:
        """Return the authority ready to sign."""
        key = (authority.id, authority.version)
        issuer = self._issuers.get(key)
        if issuer is None:
            signer = await self._custody.signer(authority.tenant, authority.key_id)
            issuer = ready_issuer(authority, signer, await self.above(authority), self.addresses)
            self._keep(self._issuers, key, issuer)
        return issuer

    async def chain_pem(self, tenant: Tenant, authority_id: str) -> tuple[str, ...]:
        """Return what stands above a leaf of this authority, without the root."""
        authority = await self.authority_by_id(tenant, authority_id)
        return () if authority is None else (await self.issuer(authority)).chain_pem

    def _look(self) -> None:
        hint = self._database.change_hint()
        if hint is None or hint != self._hint:
            self.forget()
            self._hint = hint

    @staticmethod
    def _keep(cache: dict[K, V], key: K, value: V | None) -> None:
        if value is not None:
            if len(cache) >= _MOST:
                cache.clear()
            cache[key] = value
