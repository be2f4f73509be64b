"""Custody with a root key that is the same in every test."""

from collections.abc import Iterable

from ca_service.custody.custody import Custody
from ca_service.custody.key_stores import KeyStore
from ca_service.custody.root_key import RootKey
from ca_service.database.port import Database
from ca_service.kernel.identifiers import Identifiers, RandomIdentifiers
from ca_service.kernel.randomness import Randomness, SystemRandomness
from ca_service.kernel.secret_value import SecretValue
from tests.support.fakes.kernel import FakeClock

ROOT = RootKey(SecretValue(bytes(range(32))))


def custody_for(
    database: Database,
    *,
    root: RootKey = ROOT,
    identifiers: Identifiers | None = None,
    randomness: Randomness | None = None,
    stores: Iterable[KeyStore] = (),
) -> Custody:
    """Return custody over `database`; asks for the same database are answered alike, as after a restart."""
    randomness = randomness or SystemRandomness()
    return Custody(
        root, database, identifiers or RandomIdentifiers(FakeClock(), randomness), randomness, stores
    )
