"""Rows of keys that are never certified, and the condition under which a key is."""

from collections.abc import Callable

from sqlalchemy import bindparam, delete, exists, insert, literal, or_, select

from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import insert_if_absent, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.blocked_keys import BlockedKey, BlockProof, BlockReach
from ca_service.x509.storage.tables import CERTIFICATES
from ca_service.x509.storage.tables import REFUSED_KEYS as T

#: The `proof` of a key that is refused because an ACME account has it.
_ACCOUNT = "account"
_COLUMNS = tuple(column.name for column in T.columns)
_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
_REACHES = or_(T.c.organization == bindparam("organization"), T.c.reach == BlockReach.INSTANCE.value)

#: Finds a row while the key is neither blocked nor an account's: in this organization, or proven anywhere.
_IS_CERTIFIABLE = statement(
    select(literal(1)).where(~exists(select(T.c.id).where(T.c.key_hash == bindparam("key_hash"), _REACHES)))
)
#: The same for the key of an account: an account may have the key of another directory's account.
_IS_NOT_BLOCKED = statement(
    select(literal(1)).where(
        ~exists(select(T.c.id).where(T.c.key_hash == bindparam("key_hash"), _REACHES, T.c.proof != _ACCOUNT))
    )
)
_C = CERTIFICATES
_IS_NOT_CERTIFIED = statement(
    select(literal(1)).where(
        ~exists(
            select(_C.c.id).where(
                _C.c.organization == bindparam("organization"),
                _C.c.project == bindparam("project"),
                _C.c.key_hash == bindparam("key_hash"),
            )
        )
    )
)
_INSERT = statement(insert(T).values({name: bindparam(name) for name in _COLUMNS}))
_INSERT_IF_ABSENT = statement(insert_if_absent(T, *_COLUMNS))
_FIND = statement(select(T).where(*_MINE, T.c.id == bindparam("id"), T.c.proof != _ACCOUNT))
_LIST = statement(
    select(T)
    .where(*_MINE, T.c.proof != _ACCOUNT, T.c.id > bindparam("after"))
    .order_by(T.c.id)
    .limit(bindparam("limit"))
)
_UNBLOCK = statement(
    delete(T).where(*_MINE, T.c.id == bindparam("id"), T.c.reach == BlockReach.ORGANIZATION.value)
)
_RELEASE = statement(delete(T).where(*_MINE, T.c.id == bindparam("id"), T.c.proof == _ACCOUNT))


def require_certifiable(
    transaction: Transaction, tenant: Tenant, key_hash: bytes, otherwise: Callable[[], Exception]
) -> None:
    """End it all with `otherwise()` if a key is blocked or is an account's."""
    transaction.require(_IS_CERTIFIABLE, otherwise, key_hash=key_hash, organization=tenant.organization)


def require_not_blocked(
    transaction: Transaction, tenant: Tenant, key_hash: bytes, otherwise: Callable[[], Exception]
) -> None:
    """End it all with `otherwise()` if a key is blocked."""
    transaction.require(_IS_NOT_BLOCKED, otherwise, key_hash=key_hash, organization=tenant.organization)


def require_not_certified(
    transaction: Transaction, tenant: Tenant, key_hash: bytes, otherwise: Callable[[], Exception]
) -> None:
    """End it all with `otherwise()` if a certificate of this project is for a key."""
    transaction.require(
        _IS_NOT_CERTIFIED,
        otherwise,
        key_hash=key_hash,
        organization=tenant.organization,
        project=tenant.project,
    )


async def insert_blocked(transaction: Transaction, key: BlockedKey) -> None:
    """Block a key. Raises UniqueViolationError if this project blocked it already, on the same proof."""
    await transaction.execute(_INSERT, **_values(key))


def block_if_new(transaction: Transaction, key: BlockedKey) -> None:
    """Block a key, or leave it as it is."""
    transaction.send(_INSERT_IF_ABSENT, **_values(key))


async def unblock(transaction: Transaction, key: BlockedKey) -> bool:
    """Take the block of a key away; False if it is gone already, or proven."""
    changed = await transaction.execute(
        _UNBLOCK, id=key.id, organization=key.tenant.organization, project=key.tenant.project
    )
    return changed == 1


async def find_blocked(database: Database, tenant: Tenant, id_: str) -> BlockedKey | None:
    """Return the blocked key of this id in a project."""
    row = await database.read_one(_FIND, id=id_, organization=tenant.organization, project=tenant.project)
    return None if row is None else _blocked(row)


async def list_blocked(database: Database, tenant: Tenant, after: str, limit: int) -> list[BlockedKey]:
    """Return blocked keys of a project by id, those behind `after`."""
    rows = await database.read(
        _LIST, organization=tenant.organization, project=tenant.project, after=after, limit=limit
    )
    return [_blocked(row) for row in rows]


def hold_for_account(transaction: Transaction, tenant: Tenant, account: str, key_hash: bytes) -> None:
    """Refuse from now on the key that an account has, and no longer the one that it had."""
    place = {"organization": tenant.organization, "project": tenant.project}
    transaction.send(_RELEASE, id=account, **place)
    transaction.send(
        _INSERT,
        id=account,
        key_hash=key_hash,
        reach=BlockReach.ORGANIZATION.value,
        proof=_ACCOUNT,
        holder=account,
        comment="",
        created_by=account,
        created_at=to_microseconds(transaction.now),
        **place,
    )


def _values(key: BlockedKey) -> dict[str, str | int | bytes]:
    return {
        "organization": key.tenant.organization,
        "project": key.tenant.project,
        "id": key.id,
        "key_hash": key.key_hash,
        "reach": key.reach.value,
        "proof": key.proof.value,
        "holder": "",
        "comment": key.comment,
        "created_by": key.created_by,
        "created_at": to_microseconds(key.created_at),
    }


def _blocked(row: Row) -> BlockedKey:
    return BlockedKey(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        key_hash=row[3],
        proof=BlockProof(row[5]),
        comment=row[7],
        created_by=row[8],
        created_at=from_microseconds(row[9]),
    )
