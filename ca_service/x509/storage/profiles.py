"""Rows of profiles. Each carries a MAC over the columns that grant power (S5)."""

import msgspec
from sqlalchemy import bindparam, insert, select, update

from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import insert_if_absent, statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.profiles import Profile, ProfileSettings, ProfileStatus, ProfileVersion
from ca_service.x509.storage.tables import PROFILE_VERSIONS as V
from ca_service.x509.storage.tables import PROFILES as T

TABLE = T.name
_COLUMNS = tuple(column.name for column in T.columns)
_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))

_FIND = statement(select(T).where(*_MINE, T.c.name == bindparam("name")))
_LIST = statement(select(T).where(*_MINE).order_by(T.c.name))
_INSERT = statement(insert(T).values({name: bindparam(name) for name in _COLUMNS}))
_UPDATE = statement(
    update(T)
    .where(*_MINE, T.c.id == bindparam("id"), T.c.version == bindparam("former_version"))
    .values(
        status=bindparam("status"),
        settings=bindparam("settings"),
        version=bindparam("version"),
        mac=bindparam("mac"),
    )
)
_ITS_VERSIONS = (
    V.c.organization == bindparam("organization"),
    V.c.project == bindparam("project"),
    V.c.profile == bindparam("profile"),
)
_KEEP_VERSION = statement(insert_if_absent(V, *(column.name for column in V.columns)))
_LIST_VERSIONS = statement(
    select(V)
    .where(*_ITS_VERSIONS, V.c.version < bindparam("below"))
    .order_by(V.c.version.desc())
    .limit(bindparam("limit"))
)
_FIND_VERSION = statement(select(V).where(*_ITS_VERSIONS, V.c.version == bindparam("version")))


def _protected(profile: Profile, settings: bytes) -> tuple[str | int | bytes, ...]:
    return (
        profile.tenant.organization,
        profile.tenant.project,
        profile.id,
        profile.name,
        profile.status.value,
        settings,
        profile.version,
    )


def _profile(row: Row, mac: RowMac) -> Profile:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    profile = Profile(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        name=row[3],
        status=ProfileStatus(row[4]),
        settings=msgspec.json.decode(row[5], type=ProfileSettings),
        version=row[7],
    )
    mac.verify(row[9], *_protected(profile, row[5]))
    return profile


async def find_profile(database: Database, mac: RowMac, tenant: Tenant, name: str) -> Profile | None:
    """Return the profile of this name in a project."""
    row = await database.read_one(_FIND, name=name, organization=tenant.organization, project=tenant.project)
    return None if row is None else _profile(row, mac)


async def list_profiles(database: Database, mac: RowMac, tenant: Tenant) -> list[Profile]:
    """Return the profiles of a project by name."""
    rows = await database.read(_LIST, organization=tenant.organization, project=tenant.project)
    return [_profile(row, mac) for row in rows]


async def list_versions(
    database: Database, mac: RowMac, profile: Profile, below: int, limit: int
) -> list[ProfileVersion]:
    """Return versions of a profile that were kept, the newest first."""
    rows = await database.read(
        _LIST_VERSIONS,
        organization=profile.tenant.organization,
        project=profile.tenant.project,
        profile=profile.id,
        below=below,
        limit=limit,
    )
    return [_version(row, mac) for row in rows]


async def find_version(
    database: Database, mac: RowMac, profile: Profile, version: int
) -> ProfileVersion | None:
    """Return one version of a profile that was kept."""
    row = await database.read_one(
        _FIND_VERSION,
        organization=profile.tenant.organization,
        project=profile.tenant.project,
        profile=profile.id,
        version=version,
    )
    return None if row is None else _version(row, mac)


def _version(row: Row, mac: RowMac) -> ProfileVersion:
    """Return the row as a value; it has the MAC that the profile's own row had at this version."""
    profile = _profile((*row[:3], row[4], row[5], row[6], 0, row[3], row[8], row[9]), mac)
    return ProfileVersion(profile=profile, kept_at=from_microseconds(row[7]))


def keep_version(transaction: Transaction, mac: RowMac, profile: Profile) -> None:
    """Keep what a profile is at its version, for good."""
    settings = msgspec.json.encode(profile.settings)
    transaction.send(
        _KEEP_VERSION,
        organization=profile.tenant.organization,
        project=profile.tenant.project,
        profile=profile.id,
        version=profile.version,
        name=profile.name,
        status=profile.status.value,
        settings=settings,
        kept_at=to_microseconds(transaction.now),
        mac_version=mac.version,
        mac=mac.tag(*_protected(profile, settings)),
    )


async def insert_profile(transaction: Transaction, mac: RowMac, profile: Profile) -> None:
    """Keep a new profile. Raises UniqueViolationError if its name is taken."""
    settings = msgspec.json.encode(profile.settings)
    await transaction.execute(
        _INSERT,
        organization=profile.tenant.organization,
        project=profile.tenant.project,
        id=profile.id,
        name=profile.name,
        status=profile.status.value,
        settings=settings,
        created_at=to_microseconds(transaction.now),
        version=profile.version,
        mac_version=mac.version,
        mac=mac.tag(*_protected(profile, settings)),
    )
    keep_version(transaction, mac, profile)


async def update_profile(transaction: Transaction, mac: RowMac, profile: Profile, former: Profile) -> bool:
    """Write a profile over the version before and keep both; False if another changed it first."""
    settings = msgspec.json.encode(profile.settings)
    changed = await transaction.execute(
        _UPDATE,
        organization=profile.tenant.organization,
        project=profile.tenant.project,
        id=profile.id,
        former_version=profile.version - 1,
        version=profile.version,
        status=profile.status.value,
        settings=settings,
        mac=mac.tag(*_protected(profile, settings)),
    )
    if changed == 1:
        # One that a former release made was not kept yet.
        keep_version(transaction, mac, former)
        keep_version(transaction, mac, profile)
    return changed == 1
