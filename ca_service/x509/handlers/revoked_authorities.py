"""What follows when the certificate of an authority is revoked: who must agree, and what stops issuing."""

import msgspec

from ca_service.database.port import Database
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Access
from ca_service.x509.accesses import authority_access
from ca_service.x509.authorities import AUTHORITY_PROFILE, Authority, AuthorityStatus
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.certificates import Certificate
from ca_service.x509.handlers.authority_records import Bystanders
from ca_service.x509.operations.authorities import MANAGE
from ca_service.x509.storage.authorities import list_authorities

_ISSUING = {AuthorityStatus.ACTIVE, AuthorityStatus.PREPARED}


async def accesses_beside(catalogue: Catalogue, certificate: Certificate) -> tuple[Access, ...]:
    """Return what else is asked: to revoke an authority is to manage the one that signed it."""
    if certificate.profile != AUTHORITY_PROFILE:
        return ()
    issuer = await catalogue.authority_by_id(certificate.tenant, certificate.authority_id)
    return () if issuer is None else (authority_access(MANAGE, issuer),)


async def authorities_ended_by(
    catalogue: Catalogue, database: Database, certificate: Certificate
) -> tuple[Authority, ...]:
    """Return the authorities that change with it, each as its next version.

    One whose own certificate it is issues no more, nor do those below it that no other authority signed too:
    nobody would accept what they issue. A cross-certificate leaves the chains it stood in.
    """
    if certificate.profile != AUTHORITY_PROFILE:
        return ()
    changed: list[Authority] = []
    every = await _all_of(catalogue, database, certificate.tenant)
    for authority in every:
        if authority.certificate_der == certificate.der:
            changed.extend(map(_ended, await _standing_or_falling(catalogue, authority, every)))
        elif any(
            cross.certificate == certificate.id for cross in await catalogue.cross_certificates(authority)
        ):
            changed.extend(await Bystanders(catalogue, database).touched(authority))
    return tuple(changed)


async def _standing_or_falling(
    catalogue: Catalogue, authority: Authority, every: list[Authority]
) -> list[Authority]:
    """Return an authority and those below it whose only chains lead over it."""
    falling = [authority]
    for above in falling:
        for one in every:
            if one.parent == above.id and one not in falling and not await catalogue.cross_certificates(one):
                falling.append(one)
    return falling


def _ended(authority: Authority) -> Authority:
    status = AuthorityStatus.DISABLED if authority.status in _ISSUING else authority.status
    changed: Authority = msgspec.structs.replace(authority, status=status, version=authority.version + 1)
    return changed


async def _all_of(catalogue: Catalogue, database: Database, tenant: Tenant) -> list[Authority]:
    return await list_authorities(database, catalogue.authority_mac, tenant)
