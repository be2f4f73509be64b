"""Reads keys, their versions and public keys."""

from ca_service.custody.public_keys import public_key_pem
from ca_service.gate.handler import Call, Prepared, Reader, Revealer
from ca_service.gate.principals import principal_of
from ca_service.kernel.errors import MalformedError
from ca_service.policy.values import Access
from secrets_core.kms.accesses import SEE, key_access, project_access
from secrets_core.kms.catalogue import Catalogue, FoundKey
from secrets_core.kms.errors import KeyUseError, KeyVersionError
from secrets_core.kms.keys import MOST_VERSIONS, KeyVersion, KmsKey
from secrets_core.kms.operations import (
    KmsKeyPage,
    KmsKeyVersionPage,
    KmsKeyVersionView,
    KmsPublicKey,
    ListKmsKeys,
    ListKmsKeyVersions,
    ReadKmsKey,
    ReadKmsPublicKey,
)
from secrets_core.kms.storage.keys import list_keys
from secrets_core.kms.storage.versions import list_versions


class ListKeysReader(Reader[ListKmsKeys, KmsKeyPage]):
    """Lists those keys that the caller may see."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ListKmsKeys) -> Prepared[KmsKeyPage]:
        """Read one page, and one row more to know whether another follows."""
        catalogue = self._catalogue
        found = await list_keys(
            catalogue.database, catalogue.key_mac, call.home, operation.limit + 1, operation.after
        )
        read, principal = found[: operation.limit], principal_of(call.caller)
        shown: list[KmsKey] = []
        accesses = [project_access(operation.action, call.home)]
        for key in read:
            access = key_access(operation.action, key)
            if (await catalogue.policy.decide(principal, access)).allowed:
                shown.append(key)
                accesses.append(access)
        next_key = read[-1].name if len(found) > len(read) else None
        return Prepared(KmsKeyPage(tuple(shown), next_key), tuple(accesses), {"items": len(shown)})


class ReadKeyReader(Reader[ReadKmsKey, KmsKey]):
    """Reads one key."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ReadKmsKey) -> Prepared[KmsKey]:
        """Find it."""
        key = await self._catalogue.read(call.home, operation.key)
        return Prepared(key, (key_access(operation.action, key),), {"key": key.name})


class ListVersionsReader(Reader[ListKmsKeyVersions, KmsKeyVersionPage]):
    """Lists the versions of one key."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ListKmsKeyVersions) -> Prepared[KmsKeyVersionPage]:
        """Read one page, and one row more to know whether another follows."""
        catalogue, before = self._catalogue, _parse_before(operation.after)
        key = await catalogue.read(call.home, operation.key)
        found = await list_versions(
            catalogue.database, catalogue.version_mac, key, operation.limit + 1, before
        )
        shown = found[: operation.limit]
        next_key = str(shown[-1].version) if len(found) > len(shown) else None
        views = tuple(_view(key, version) for version in shown)
        details = {"key": key.name, "items": len(views)}
        return Prepared(KmsKeyVersionPage(views, next_key), (key_access(operation.action, key),), details)


class ReadPublicKeyHandler(Revealer[ReadKmsPublicKey, tuple[FoundKey, int | None], KmsPublicKey]):
    """Reads the public key of one version."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ReadKmsPublicKey) -> Prepared[tuple[FoundKey, int | None]]:
        """Find the key."""
        found = await self._catalogue.find(call.home, operation.key)
        access = Access(operation.action, found.resource, SEE)
        return Prepared((found, operation.version), (access,), {"key": found.key.name})

    async def reveal(self, call: Call, draft: tuple[FoundKey, int | None]) -> KmsPublicKey:
        """Write it in PEM. Raises KeyUseError for a key that has none, KeyVersionError."""
        del call
        found, asked = draft
        key = found.key
        if key.algorithm.pair is None:
            raise KeyUseError(
                f"The key {key.name} is {key.algorithm.value} and has no public key.",
                field="name",
                rule="key-algorithm",
            )
        version = key.version if asked is None else asked
        if not 1 <= version <= key.version:
            raise KeyVersionError(
                f"The key {key.name} has no such version; its newest is {key.version}.",
                field="version",
                rule="key-version",
            )
        pem = public_key_pem(await self._catalogue.public_key(found, version))
        return KmsPublicKey(key=key, version=version, public_key=pem)


def _view(key: KmsKey, version: KeyVersion) -> KmsKeyVersionView:
    state = "refused" if version.version < key.minimum_version else "usable"
    return KmsKeyVersionView(
        version=version.version,
        state="current" if version.version == key.version else state,
        created_at=version.created_at,
        created_by=version.created_by,
    )


def _parse_before(after: str | None) -> int:
    if after is None:
        return MOST_VERSIONS + 1
    if not (after.isascii() and after.isdigit() and len(after) <= 9):
        raise MalformedError(
            "This cursor is not one of ours; take `next_cursor` of the page before, or leave it out.",
            field="cursor",
            rule="cursor",
        )
    return int(after)
