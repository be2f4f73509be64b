"""The vault as one caller may read it, for one read: what is found is decided before it is opened."""

from collections.abc import Collection, Mapping, Sequence

from ca_service.custody.sealing import Sealer
from ca_service.gate.handler import Call
from ca_service.gate.principals import principal_of
from ca_service.governance.places import Environment
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Access, Entity
from secrets_core.paths import FolderPath
from secrets_core.vault.accesses import READ, secret_access
from secrets_core.vault.references import Place
from secrets_core.vault.resolution import Readable
from secrets_core.vault.sealed import open_value
from secrets_core.vault.secrets import Secret
from secrets_core.vault.storage import listing
from secrets_core.vault.storage.imports import ImportRows
from secrets_core.vault.storage.secrets import Held
from secrets_core.vault.vault import Vault


class ReadableVault:
    """Implements `resolution.Folders`. What it permitted is kept, for the gate to decide and audit."""

    def __init__(self, vault: Vault, imports: ImportRows, call: Call, sealer: Sealer) -> None:
        self.vault = vault
        self.sealer = sealer
        self.call = call
        self._import_rows = imports
        self._principal = principal_of(call.caller)
        self._permitted: dict[tuple[str, Entity], Access] = {}
        self._imports: dict[Place, tuple[Place, ...]] = {}

    @property
    def accesses(self) -> tuple[Access, ...]:
        """Return the accesses that were permitted, each once."""
        return tuple(self._permitted.values())

    async def own(self, place: Place, names: Collection[str]) -> Mapping[str, Readable]:
        """Return the secrets of these names that lie in a folder, opened where the caller may read them."""
        environment = await self.environment(place.environment)
        if environment is None:
            return {}
        found = await self.named(environment, place.path, names)
        return {held.secret.name: await self.readable(environment, held) for held in found}

    async def named(self, environment: Environment, path: FolderPath, names: Collection[str]) -> list[Held]:
        """Return the secrets of these names that lie in a folder, sealed."""
        vault = self.vault
        at = self.at(environment, path)
        return await listing.read_named(vault.database, vault.rows, at, sorted(names))

    async def readable(self, environment: Environment, held: Held) -> Readable:
        """Return a secret that was found, opened if the caller may read it."""
        place = Place(environment.slug, held.folder.path)
        is_permitted = await self.permits(READ, environment, held.folder.path, held.secret)
        value = open_value(self.sealer, held.version) if is_permitted else None
        return Readable(place, held.secret.name, value)

    async def permits(self, action: str, environment: Environment, path: FolderPath, secret: Secret) -> bool:
        """Tell whether the caller may do this to a secret without more ado."""
        access = secret_access(action, self.call.home, environment, path, secret.name, secret.tags)
        key = (action, access.resource.entity)
        if key in self._permitted:
            return True
        decision = await self.vault.policy.decide(self._principal, access)
        if not decision.allowed or decision.obligations.approvals:
            return False
        self._permitted[key] = access
        return True

    async def may_read_anything(self) -> bool:
        """Tell whether some policy may let the caller read a secret of this project."""
        return await self.vault.policy.reaches(self._principal, READ, self.call.home)

    async def imports(self, place: Place) -> Sequence[Place]:
        """Return what a folder imports, the winning one last."""
        found = self._imports.get(place)
        if found is None:
            environment = await self.environment(place.environment)
            if environment is not None:
                await self.learn_imports(environment, place.path)
            found = self._imports.setdefault(place, ())
        return found

    async def learn_imports(
        self, environment: Environment, path: FolderPath, *, recursive: bool = False
    ) -> list[FolderPath]:
        """Read the imports of a folder, or of it and all below, at once; return which folders have any."""
        found = await self._import_rows.list_at(
            self.vault.database, self.call.home, environment.id, path, recursive=recursive
        )
        sources: dict[FolderPath, list[Place]] = {}
        for each in found:
            source = await self.environment(each.held.environment)
            if source is not None:
                sources.setdefault(each.folder.path, []).append(Place(source.slug, each.held.path))
        for shows, places in sources.items():
            self._imports[Place(environment.slug, shows)] = tuple(places)
        return sorted(sources)

    async def environment(self, name: str) -> Environment | None:
        """Return an environment by its slug or id, if the project has it."""
        try:
            return await self.vault.environments.find(self.call.home, name)
        except NotFoundError:
            return None

    def at(self, environment: Environment, path: FolderPath) -> listing.Place:
        """Return a folder as its rows know it."""
        return listing.Place(self.call.home, environment.id, path)


async def open_readable(vault: Vault, imports: ImportRows, call: Call) -> ReadableVault:
    """Return the vault as the caller may read it."""
    return ReadableVault(vault, imports, call, await vault.custody.sealer(call.home))
