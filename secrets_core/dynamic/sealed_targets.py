"""Configurations and recipes as custody seals them: bound to their row, and read back without a parser.

So that no rule that a later release adds to configurations can keep an account from being ended.
"""

import msgspec
from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.custody.sealing import RecordName
from ca_service.kernel.secret_value import SecretValue
from ca_service.kernel.tenancy import Tenant
from secrets_core.dynamic import dynamic_secrets, leases
from secrets_core.dynamic.dynamic_secrets import DynamicSecret
from secrets_core.dynamic.leases import Lease
from secrets_core.dynamic.providers.port import Recipe, Target


class _Document(Struct, frozen=True, array_like=True):
    provider: str
    key: str
    settings: bytes
    username: str = ""


class SealedTargets:
    """Seals and opens them."""

    def __init__(self, custody: Custody) -> None:
        self._custody = custody

    async def seal_target(self, tenant: Tenant, secret_id: str, version: int, target: Target) -> bytes:
        """Return a configuration sealed for a version of its dynamic secret."""
        record = RecordName(dynamic_secrets.TABLE, secret_id, version)
        return (await self._custody.sealer(tenant)).seal(record, _encode(target))

    async def target(self, secret: DynamicSecret) -> Target:
        """Return the configuration of a dynamic secret. Raises IntegrityError."""
        record = RecordName(dynamic_secrets.TABLE, secret.id, secret.version)
        return _decode((await self._custody.sealer(secret.tenant)).open(record, secret.sealed)).target

    async def seal_recipe(self, tenant: Tenant, lease_id: str, recipe: Recipe) -> bytes:
        """Return a recipe sealed for its lease."""
        record = RecordName(leases.TABLE, lease_id, 1)
        return (await self._custody.sealer(tenant)).seal(record, _encode(recipe.target, recipe.username))

    async def recipe(self, lease: Lease) -> Recipe:
        """Return the recipe of a lease. Raises IntegrityError."""
        record = RecordName(leases.TABLE, lease.id, 1)
        return _decode((await self._custody.sealer(lease.tenant)).open(record, lease.recipe))


def _encode(target: Target, username: str = "") -> bytes:
    document = _Document(target.provider, target.key, target.settings.reveal(), username)
    return msgspec.msgpack.encode(document)


def _decode(document: bytes) -> Recipe:
    found = msgspec.msgpack.decode(document, type=_Document)
    return Recipe(Target(found.provider, found.key, SecretValue(found.settings)), found.username)
