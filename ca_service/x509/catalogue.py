"""Authorities and profiles in memory: read once, verified once, dropped when any process announces a change.

What is issued from a stale fact is never released: the record of a certificate is conditional on the versions
it was decided on (`storage.certificates.insert_issued`), so this cache may be behind without doing harm.
"""

from typing import TypeAlias, TypeVar

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.authorities import Authority, AuthorityStatus, CrossCertificate
from ca_service.x509.chains import chains_from, links_of
from ca_service.x509.issuers import Issuer, PublicAddresses, ready_issuer
from ca_service.x509.profiles import Profile
from ca_service.x509.storage import authorities, cross_certificates, profiles, publishing
from ca_service.x509.storage.publishing import find_publishing

#: Authorities above one another, with all that cross-signed them; keeps a damaged table from looping.
_MOST_ABOVE = 64
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
        self.cross_mac = RowMac(custody, cross_certificates.TABLE)
        self.publishing_mac = RowMac(custody, publishing.TABLE)
        self._hint: int | None = None
        self._changes = 0
        self._authorities: dict[_Key, Authority] = {}
        self._by_id: dict[_Key, Authority] = {}
        self._public: dict[str, Authority] = {}
        self._profiles: dict[_Key, Profile] = {}
        self._crosses: dict[str, dict[str, tuple[CrossCertificate, ...]]] = {}
        #: By id and version, under which nothing ever changes.
        self._issuers: dict[tuple[str, int], Issuer] = {}

    def forget(self) -> None:
        """Read everything anew from now on."""
        self._changes += 1
        self._public.clear()
        self._authorities.clear()
        self._by_id.clear()
        self._profiles.clear()
        self._crosses.clear()

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

    async def successor_among(self, authority: Authority, names: tuple[str, ...]) -> Authority | None:
        """Return who succeeded an authority, at once or one after the other, under one of these names."""
        waiting, seen = [authority], {authority.id}
        while waiting and len(seen) < _MOST_ABOVE:
            link = waiting.pop(0)
            for found in await authorities.list_successors(self._database, self.authority_mac, link):
                if found.name in names:
                    return found
                if found.id not in seen:
                    seen.add(found.id)
                    waiting.append(found)
        return None

    async def trust_anchors(self) -> tuple[Authority, ...]:
        """Return the root that first start made and the roots that succeed it, the first one first.

        A successor is published from the moment it is prepared; one that is retired or has ended is not, as
        long as another remains.
        """
        first = await authorities.find_first_root(self._database, self.authority_mac)
        found = [] if first is None else [first]
        for root in found:
            if len(found) < _MOST_ABOVE:
                successors = await authorities.list_successors(self._database, self.authority_mac, root)
                found.extend(one for one in successors if one.is_root and one not in found)
        now = self._database.clock_reading()
        standing = [
            root for root in found if root.status is not AuthorityStatus.RETIRED and root.not_after > now
        ]
        return tuple(standing or found[-1:])

    async def above(self, authority: Authority) -> tuple[Authority, ...]:
        """Return the issuers of an authority, nearest first, the root last."""
        found: list[Authority] = []
        link = authority
        while link.parent is not None and len(found) < _MOST_ABOVE:
            parent = await self.authority_by_id(authority.tenant, link.parent)
            if parent is None:
                break
            found.append(parent)
            link = parent
        return tuple(found)

    async def cross_certificates(self, authority: Authority) -> tuple[CrossCertificate, ...]:
        """Return the certificates that others made for this authority and that stand, oldest first."""
        self._look()
        project = authority.tenant.project
        found = self._crosses.get(project)
        if found is None:
            found = await cross_certificates.list_standing(self._database, self.cross_mac, authority.tenant)
            self._keep(self._crosses, project, found)
        return found.get(authority.id, ())

    async def chains(
        self, authority: Authority, *, further: CrossCertificate | None = None
    ) -> tuple[tuple[bytes, ...], ...]:
        """Return the chains of an authority in DER, its own first, roots included as far as known.

        `further` is a cross-certificate of it that is not written down yet.
        """
        crosses = await self.cross_certificates(authority)
        links = {authority.id: links_of(authority, crosses if further is None else (*crosses, further))}
        wanted = [link.issuer for link in links[authority.id]]
        while wanted and len(links) < _MOST_ABOVE:
            issuer_id = wanted.pop(0)
            if issuer_id is None or issuer_id in links:
                continue
            issuer = await self.authority_by_id(authority.tenant, issuer_id)
            if issuer is not None:
                links[issuer_id] = links_of(issuer, await self.cross_certificates(issuer))
                wanted.extend(link.issuer for link in links[issuer_id])
        return chains_from(authority.id, links)

    async def issuer(self, authority: Authority) -> Issuer:
        """Return the authority ready to sign; a pending one never is. Raises NotFoundError."""
        key = (authority.id, authority.version)
        issuer = self._issuers.get(key)
        if issuer is None:
            if authority.is_pending:
                raise NotFoundError("authority")
            signer = await self._custody.signer(authority.tenant, authority.key_id)
            how = await find_publishing(self._database, self.publishing_mac, authority)
            issuer = ready_issuer(authority, signer, await self.chains(authority), self.addresses, how)
            self._keep(self._issuers, key, issuer)
        return issuer

    async def chains_pem(
        self, tenant: Tenant, authority_id: str
    ) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """Return what stands above a leaf of this authority, without the root, and its other chains."""
        authority = await self.authority_by_id(tenant, authority_id)
        if authority is None:
            return (), ()
        issuer = await self.issuer(authority)
        return issuer.chain_pem, issuer.alternates

    async def chain_pem(self, tenant: Tenant, authority_id: str) -> tuple[str, ...]:
        """Return what stands above a leaf of this authority, without the root."""
        return (await self.chains_pem(tenant, authority_id))[0]

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
