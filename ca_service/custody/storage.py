"""The tables of custody: wrapped keys and sealed keys, nothing that opens without the root key."""

from msgspec import Struct
from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text, bindparam, select

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.database.metadata import METADATA
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import insert_if_absent, statement
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant

#: The one row of `custody_roots`: which root key this database belongs to.
CURRENT_ROOT = "current"
#: The project of what belongs to a whole organization.
NO_PROJECT = ProjectId("")
#: The one row of `custody_slots` so far: the root key under the recovery code.
RECOVERY_SLOT = "recovery"

ROOTS = Table(
    "custody_roots",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("tag", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
SLOTS = Table(
    "custody_slots",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
ORGANIZATION_KEYS = Table(
    "custody_organization_keys",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
PROJECT_KEYS = Table(
    "custody_project_keys",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("organization_version", BigInteger, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
KEYS = Table(
    "custody_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("organization", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("store", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

_FIND_ROOT = statement(select(ROOTS.c.key_id, ROOTS.c.tag).where(ROOTS.c.id == bindparam("id")))
_INSERT_ROOT = statement(insert_if_absent(ROOTS, "id", "key_id", "tag", "created_at", conflict=("id",)))
_FIND_SLOT = statement(select(SLOTS.c.wrapped).where(SLOTS.c.kind == bindparam("kind")))
_DELETE_SLOT = statement(SLOTS.delete().where(SLOTS.c.kind == bindparam("kind")))
_INSERT_SLOT = statement(insert_if_absent(SLOTS, "kind", "wrapped", "created_at", conflict=("kind",)))
_LIST_ORGANIZATION_KEYS = statement(
    select(ORGANIZATION_KEYS.c.version, ORGANIZATION_KEYS.c.wrapped)
    .where(ORGANIZATION_KEYS.c.organization == bindparam("organization"))
    .order_by(ORGANIZATION_KEYS.c.version)
)
_INSERT_ORGANIZATION_KEY = statement(
    insert_if_absent(
        ORGANIZATION_KEYS,
        "organization",
        "version",
        "wrapped",
        "created_at",
        conflict=("organization", "version"),
    )
)
_LIST_PROJECT_KEYS = statement(
    select(PROJECT_KEYS.c.version, PROJECT_KEYS.c.organization_version, PROJECT_KEYS.c.wrapped)
    .where(
        PROJECT_KEYS.c.organization == bindparam("organization"),
        PROJECT_KEYS.c.project == bindparam("project"),
    )
    .order_by(PROJECT_KEYS.c.version)
)
_INSERT_PROJECT_KEY = statement(
    insert_if_absent(
        PROJECT_KEYS,
        "organization",
        "project",
        "version",
        "organization_version",
        "wrapped",
        "created_at",
        conflict=("organization", "project", "version"),
    )
)
_FIND_KEY = statement(
    select(KEYS.c.algorithm, KEYS.c.store, KEYS.c.public_key, KEYS.c.sealed).where(
        KEYS.c.id == bindparam("id"),
        KEYS.c.organization == bindparam("organization"),
        KEYS.c.project == bindparam("project"),
    )
)
_INSERT_KEY = statement(
    KEYS.insert().values(
        id=bindparam("id"),
        organization=bindparam("organization"),
        project=bindparam("project"),
        algorithm=bindparam("algorithm"),
        store=bindparam("store"),
        public_key=bindparam("public_key"),
        sealed=bindparam("sealed"),
        created_at=bindparam("created_at"),
    )
)


class WrappedKey(Struct, frozen=True):
    """A key wrapped by a version of the key above it (0: the root key)."""

    version: int
    parent_version: int
    wrapped: bytes


class KeptKey(Struct, frozen=True):
    """A row of `custody_keys`."""

    id: str
    tenant: Tenant
    algorithm: KeyAlgorithm
    store: str
    public_key: bytes
    sealed: bytes


async def find_root(database: Database) -> tuple[str, bytes] | None:
    """Return id and tag of the root key this database belongs to, or None before first start."""
    row = await database.read_one(_FIND_ROOT, id=CURRENT_ROOT)
    return None if row is None else (row[0], row[1])


async def insert_root(transaction: Transaction, key_id: str, tag: bytes, now: int) -> None:
    """Tie the database to a root key unless it is tied to one."""
    await transaction.execute(_INSERT_ROOT, id=CURRENT_ROOT, key_id=key_id, tag=tag, created_at=now)


async def find_slot(database: Database, kind: str) -> bytes | None:
    """Return the root key as this slot wraps it."""
    row = await database.read_one(_FIND_SLOT, kind=kind)
    return None if row is None else row[0]


async def replace_slot(transaction: Transaction, kind: str, wrapped: bytes, now: int) -> None:
    """Put a slot in the place of the one of its kind, if any."""
    await transaction.execute(_DELETE_SLOT, kind=kind)
    await transaction.execute(_INSERT_SLOT, kind=kind, wrapped=wrapped, created_at=now)


async def list_organization_keys(database: Database, organization: OrganizationId) -> list[WrappedKey]:
    """Return all versions, oldest first."""
    rows = await database.read(_LIST_ORGANIZATION_KEYS, organization=organization)
    return [WrappedKey(version, 0, wrapped) for version, wrapped in rows]


async def insert_organization_key(
    transaction: Transaction, organization: OrganizationId, key: WrappedKey, now: int
) -> None:
    """Keep this version unless another writer already made it."""
    await transaction.execute(
        _INSERT_ORGANIZATION_KEY,
        organization=organization,
        version=key.version,
        wrapped=key.wrapped,
        created_at=now,
    )


async def list_project_keys(database: Database, tenant: Tenant) -> list[WrappedKey]:
    """Return all versions, oldest first."""
    rows = await database.read(_LIST_PROJECT_KEYS, organization=tenant.organization, project=tenant.project)
    return [WrappedKey(version, parent, wrapped) for version, parent, wrapped in rows]


async def insert_project_key(transaction: Transaction, tenant: Tenant, key: WrappedKey, now: int) -> None:
    """Keep this version unless another writer already made it."""
    await transaction.execute(
        _INSERT_PROJECT_KEY,
        organization=tenant.organization,
        project=tenant.project,
        version=key.version,
        organization_version=key.parent_version,
        wrapped=key.wrapped,
        created_at=now,
    )


async def find_key(database: Database, tenant: Tenant, key_id: str) -> KeptKey | None:
    """Return a kept key of this tenant."""
    row = await database.read_one(
        _FIND_KEY, id=key_id, organization=tenant.organization, project=tenant.project
    )
    if row is None:
        return None
    algorithm, store, public_key, sealed = row
    return KeptKey(key_id, tenant, KeyAlgorithm(algorithm), store, public_key, sealed)


async def insert_key(transaction: Transaction, key: KeptKey, now: int) -> None:
    """Keep a key."""
    await transaction.execute(
        _INSERT_KEY,
        id=key.id,
        organization=key.tenant.organization,
        project=key.tenant.project,
        algorithm=key.algorithm.value,
        store=key.store,
        public_key=key.public_key,
        sealed=key.sealed,
        created_at=now,
    )
