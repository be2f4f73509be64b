"""The keys between the root key and the records: one per organization, one per project, in versions.

Each is 32 random bytes, wrapped by AES-KWP (RFC 5649) under a key derived from the one above it for exactly
this organization, project and version. A row that is edited or put in another's place does not unwrap.
"""

from collections.abc import Mapping

from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)

from ca_service.custody import storage
from ca_service.custody.derivation import KEY_SIZE, derive
from ca_service.custody.errors import IntegrityError
from ca_service.custody.root_key import RootKey
from ca_service.custody.sealing import SealingKey, sealing_key
from ca_service.custody.storage import WrappedKey
from ca_service.database.port import Database, Transaction
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.tenancy import OrganizationId, Tenant

_FIRST = 1


class KeyRing:
    """Finds the keys of a tenant and makes them at their first use; races end with one key for all."""

    def __init__(self, root: RootKey, database: Database, randomness: Randomness) -> None:
        self._root = root
        self._database = database
        self._randomness = randomness

    async def project_keys(self, tenant: Tenant) -> Mapping[int, SealingKey]:
        """Return all versions of a project's key. Raises IntegrityError if a row does not unwrap.

        Not for use within a transaction: it reads, and the first time it writes in one of its own.
        """
        wrapped = await storage.list_project_keys(self._database, tenant)
        organization_keys = await self._organization_keys(tenant.organization)
        if not wrapped:
            wrapped = await self._make_project_key(tenant, organization_keys)
        keys: dict[int, SealingKey] = {}
        for row in wrapped:
            parent = organization_keys.get(row.parent_version)
            if parent is None:
                raise _broken(tenant.organization, tenant.project)
            key = _unwrap(_project_wrapping(parent, tenant, row.version), row.wrapped, tenant)
            keys[row.version] = sealing_key(row.version, key)
        return keys

    async def _organization_keys(self, organization: OrganizationId) -> dict[int, bytes]:
        wrapped = await storage.list_organization_keys(self._database, organization)
        if not wrapped:
            wrapped = await self._make_organization_key(organization)
        tenantless = Tenant(organization, storage.NO_PROJECT)
        return {
            row.version: _unwrap(
                self._organization_wrapping(organization, row.version), row.wrapped, tenantless
            )
            for row in wrapped
        }

    async def _make_organization_key(self, organization: OrganizationId) -> list[WrappedKey]:
        wrapping = self._organization_wrapping(organization, _FIRST)
        key = WrappedKey(_FIRST, 0, self._wrap_new(wrapping))

        async def keep(transaction: Transaction) -> None:
            now = to_microseconds(transaction.now)
            await storage.insert_organization_key(transaction, organization, key, now)

        await self._database.begin(keep)
        return await storage.list_organization_keys(self._database, organization)

    async def _make_project_key(self, tenant: Tenant, parents: Mapping[int, bytes]) -> list[WrappedKey]:
        newest = max(parents)
        key = WrappedKey(_FIRST, newest, self._wrap_new(_project_wrapping(parents[newest], tenant, _FIRST)))

        async def keep(transaction: Transaction) -> None:
            await storage.insert_project_key(transaction, tenant, key, to_microseconds(transaction.now))

        await self._database.begin(keep)
        return await storage.list_project_keys(self._database, tenant)

    def _wrap_new(self, wrapping_key: bytes) -> bytes:
        return aes_key_wrap_with_padding(wrapping_key, self._randomness.token_bytes(KEY_SIZE))

    def _organization_wrapping(self, organization: OrganizationId, version: int) -> bytes:
        return self._root.derive("wrap organization key", organization, version)


def _project_wrapping(parent: bytes, tenant: Tenant, version: int) -> bytes:
    return derive(parent, "wrap project key", tenant.organization, tenant.project, version)


def _unwrap(wrapping_key: bytes, wrapped: bytes, tenant: Tenant) -> bytes:
    try:
        key = aes_key_unwrap_with_padding(wrapping_key, wrapped)
    except InvalidUnwrap:
        raise _broken(tenant.organization, tenant.project) from None
    if len(key) != KEY_SIZE:
        raise _broken(tenant.organization, tenant.project)
    return key


def _broken(organization: str, project: str) -> IntegrityError:
    whose = f"project {project}" if project else f"organization {organization}"
    return IntegrityError(f"The key of {whose} does not unwrap: its row was changed, moved or damaged.")
