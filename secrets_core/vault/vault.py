"""What the handlers of the vault share: the ground they stand on, and how places are found."""

from collections.abc import Sequence

from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.gate.handler import Call
from ca_service.kernel.identifiers import Identifiers
from ca_service.policy.engine import PolicyEngine
from secrets_core.environments import Environments
from secrets_core.paths import parse_path
from secrets_core.vault.places import SecretPlace
from secrets_core.vault.rows import VaultRows
from secrets_core.vault.secrets import parse_name
from secrets_core.vault.storage.secrets import Found, find_named, find_secret


class Vault(Struct, frozen=True):
    """The ground of the vault's handlers."""

    database: Database
    custody: Custody
    identifiers: Identifiers
    policy: PolicyEngine
    environments: Environments
    rows: VaultRows

    async def place(
        self, call: Call, environment: str, path: str, name: str, *, label: str = ""
    ) -> SecretPlace:
        """Return the place of a secret. Raises NotFoundError and MalformedError."""
        where, what = parse_path(path, field=f"{label}path"), parse_name(name, field=f"{label}name")
        return SecretPlace(await self.environments.find(call.home, environment), where, what)

    async def find(self, call: Call, place: SecretPlace) -> Found:
        """Return what lies at a place."""
        return await find_secret(
            self.database, self.rows, call.home, place.environment.id, place.path, place.name
        )

    async def find_all(self, call: Call, places: Sequence[SecretPlace]) -> list[Found]:
        """Return what lies at each of these places: one read for each folder among them."""
        if len(places) == 1:
            return [await self.find(call, places[0])]
        folders: dict[tuple[str, str], list[SecretPlace]] = {}
        for place in places:
            folders.setdefault((place.environment.id, place.path), []).append(place)
        found: dict[SecretPlace, Found] = {}
        for inside in folders.values():
            folder, secrets = await find_named(
                self.database,
                self.rows,
                call.home,
                inside[0].environment.id,
                inside[0].path,
                [place.name for place in inside],
            )
            found |= {place: secrets.get(place.name, Found(folder)) for place in inside}
        return [found[place] for place in places]


def over(database: Database, custody: Custody, identifiers: Identifiers, policy: PolicyEngine) -> Vault:
    """Return the vault over a ground."""
    return Vault(database, custody, identifiers, policy, Environments(database, policy), VaultRows(custody))
