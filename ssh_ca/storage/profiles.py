"""Rows of profiles. A MAC covers the columns that grant power (S5)."""

import msgspec
from sqlalchemy import bindparam, insert, select, update

from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ssh_ca.certificates import CertificateType
from ssh_ca.profiles import ProfileSettings, ProfileStatus, SshProfile
from ssh_ca.storage.tables import PROFILES as T

TABLE = T.name
_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
_FIND = statement(select(T).where(*_MINE, T.c.name == bindparam("name")))
_LIST = statement(select(T).where(*_MINE).order_by(T.c.name))
_REPLACE = statement(
    update(T)
    .where(*_MINE, T.c.id == bindparam("of_id"), T.c.version == bindparam("former_version"))
    .values(
        status=bindparam("new_status"),
        settings=bindparam("new_settings"),
        version=bindparam("new_version"),
        mac_version=bindparam("new_mac_version"),
        mac=bindparam("new_mac"),
    )
)
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))


def _protected(profile: SshProfile, settings: bytes) -> tuple[str | int | bytes, ...]:
    return (
        profile.tenant.organization,
        profile.tenant.project,
        profile.id,
        profile.name,
        profile.type.value,
        profile.status.value,
        settings,
        profile.version,
    )


def _profile(row: Row, mac: RowMac) -> SshProfile:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    profile = SshProfile(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        name=row[3],
        type=CertificateType(row[4]),
        status=ProfileStatus(row[5]),
        settings=msgspec.json.decode(row[6], type=ProfileSettings),
        created_at=from_microseconds(row[7]),
        version=row[8],
    )
    mac.verify(row[10], *_protected(profile, row[6]))
    return profile


async def find_profile(database: Database, mac: RowMac, tenant: Tenant, name: str) -> SshProfile | None:
    """Return the profile of this name in a project."""
    row = await database.read_one(_FIND, name=name, organization=tenant.organization, project=tenant.project)
    return None if row is None else _profile(row, mac)


async def list_profiles(database: Database, mac: RowMac, tenant: Tenant) -> list[SshProfile]:
    """Return the profiles of a project by name."""
    rows = await database.read(_LIST, organization=tenant.organization, project=tenant.project)
    return [_profile(row, mac) for row in rows]


async def insert_profile(transaction: Transaction, mac: RowMac, profile: SshProfile) -> None:
    """Keep a new profile. Raises UniqueViolationError if its name is taken."""
    settings = msgspec.json.encode(profile.settings)
    await transaction.execute(
        _INSERT,
        organization=profile.tenant.organization,
        project=profile.tenant.project,
        id=profile.id,
        name=profile.name,
        type=profile.type.value,
        status=profile.status.value,
        settings=settings,
        created_at=to_microseconds(profile.created_at),
        version=profile.version,
        mac_version=mac.version,
        mac=mac.tag(*_protected(profile, settings)),
    )


async def update_profile(transaction: Transaction, mac: RowMac, profile: SshProfile) -> bool:
    """Write status and settings over the version before; False if that is not what is there."""
    settings = msgspec.json.encode(profile.settings)
    changed = await transaction.execute(
        _REPLACE,
        organization=profile.tenant.organization,
        project=profile.tenant.project,
        of_id=profile.id,
        former_version=profile.version - 1,
        new_status=profile.status.value,
        new_settings=settings,
        new_version=profile.version,
        new_mac_version=mac.version,
        new_mac=mac.tag(*_protected(profile, settings)),
    )
    return changed == 1
