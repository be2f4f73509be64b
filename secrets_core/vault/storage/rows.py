"""From rows of folders, secrets and versions to values and back. Tags are verified on the way (S5)."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from ca_service.database.port import Row, Value
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from secrets_core.paths import FolderPath
from secrets_core.vault.folders import Folder
from secrets_core.vault.secrets import Secret, SecretVersion
from secrets_core.vault.storage.tables import FOLDERS, SECRETS, VERSIONS

#: What the functions below read, in this order.
FOLDER_COLUMNS = tuple(FOLDERS.c[:11])
SECRET_COLUMNS = tuple(SECRETS.c)
VERSION_COLUMNS = tuple(VERSIONS.c)
#: Where each begins in a row of all three.
SECRET_AT = len(FOLDER_COLUMNS)
VERSION_AT = SECRET_AT + len(SECRET_COLUMNS)

_decode_tags: Callable[[bytes], tuple[str, ...]] = msgspec.json.Decoder(tuple[str, ...]).decode
_encode = msgspec.json.Encoder().encode


def owner(tenant: Tenant) -> dict[str, Value]:
    """Return the parameters that say whose row it is."""
    return {"organization": tenant.organization, "project": tenant.project}


def folder_of(row: Row, mac: RowMac) -> Folder:
    """Return the folder at the front of a row. Raises IntegrityError if it was changed outside."""
    mac.verify(row[10], *row[:9])
    return Folder(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        environment=row[3],
        path=FolderPath(row[4]),
        description=row[5],
        created_at=from_microseconds(row[6]),
        updated_at=from_microseconds(row[7]),
        deleted_at=_time(row[8]),
        mac=row[10],
    )


def folder_values(folder: Folder, mac: RowMac) -> dict[str, Value]:
    """Return the columns of a folder's row, with its tag."""
    columns: dict[str, str | int | bytes | None] = {
        "organization": folder.tenant.organization,
        "project": folder.tenant.project,
        "id": folder.id,
        "environment": folder.environment,
        "path": folder.path,
        "description": folder.description,
        "created_at": to_microseconds(folder.created_at),
        "updated_at": to_microseconds(folder.updated_at),
        "deleted_at": _microseconds(folder.deleted_at),
    }
    live_in = folder.environment if folder.is_live else None
    return {**columns, "mac_version": mac.version, "mac": mac.tag(*columns.values()), "live_in": live_in}


def secret_of(row: Row, mac: RowMac, at: int = 0) -> Secret:
    """Return the secret whose columns begin at `at`. Raises IntegrityError if it was changed outside."""
    row = row[at : at + len(SECRET_COLUMNS)]
    mac.verify(row[11], *row[:10])
    return Secret(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        folder=row[3],
        name=row[4],
        version=row[5],
        tags=_decode_tags(row[6]),
        created_at=from_microseconds(row[7]),
        updated_at=from_microseconds(row[8]),
        deleted_at=_time(row[9]),
        mac=row[11],
    )


def secret_values(secret: Secret, mac: RowMac) -> dict[str, Value]:
    """Return the columns of a secret's row, with its tag."""
    columns: dict[str, str | int | bytes | None] = {
        "organization": secret.tenant.organization,
        "project": secret.tenant.project,
        "id": secret.id,
        "folder": secret.folder,
        "name": secret.name,
        "version": secret.version,
        "tags": _encode(secret.tags),
        "created_at": to_microseconds(secret.created_at),
        "updated_at": to_microseconds(secret.updated_at),
        "deleted_at": _microseconds(secret.deleted_at),
    }
    return {**columns, "mac_version": mac.version, "mac": mac.tag(*columns.values())}


def version_of(row: Row, at: int = 0) -> SecretVersion:
    """Return the version whose columns begin at `at`; its seals are verified by whoever opens them."""
    row = row[at : at + len(VERSION_COLUMNS)]
    return SecretVersion(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        secret=row[2],
        version=row[3],
        value=row[4],
        notes=row[5],
        digest=row[6],
        created_at=from_microseconds(row[7]),
        created_by=row[8],
        commit=row[9],
        destroyed_at=_time(row[10]),
    )


def version_values(version: SecretVersion) -> dict[str, Value]:
    """Return the columns of a version's row."""
    return {
        "organization": version.tenant.organization,
        "project": version.tenant.project,
        "secret": version.secret,
        "version": version.version,
        "value": version.value,
        "notes": version.notes,
        "digest": version.digest,
        "created_at": to_microseconds(version.created_at),
        "created_by": version.created_by,
        "commit_id": version.commit,
        "destroyed_at": _microseconds(version.destroyed_at),
    }


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_microseconds(microseconds)


def _microseconds(time: datetime | None) -> int | None:
    return None if time is None else to_microseconds(time)
