"""Rows of key revocation lists: one for each project, with its versions and whether it tells all (S6)."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import and_, bindparam, case, or_, select, update

from ca_service.database.port import Database, Transaction
from ca_service.database.statement import insert_if_absent, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ssh_ca.storage.tables import AUTHORITIES
from ssh_ca.storage.tables import REVOCATION_LISTS as T

_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
_VERSION = T.c.version.type
_INSERT = statement(insert_if_absent(T, *[column.name for column in T.columns]))
_TAKE_VERSION = statement(
    update(T)
    .where(*_MINE)
    .values(
        last_version=case(
            (T.c.last_version >= bindparam("seconds", type_=_VERSION), T.c.last_version + 1),
            else_=bindparam("seconds", type_=_VERSION),
        )
    )
    .returning(T.c.last_version, T.c.wanted)
)
_PUBLISH = statement(
    update(T)
    .where(*_MINE, T.c.version < bindparam("new_version", type_=_VERSION))
    .values(
        version=bindparam("new_version", type_=_VERSION),
        content=bindparam("content"),
        signature=bindparam("signature"),
        published=bindparam("published"),
        published_at=bindparam("published_at"),
    )
)
_WANT = statement(update(T).where(*_MINE).values(wanted=T.c.wanted + 1))
_FIND = statement(
    select(T.c.version, T.c.content, T.c.signature, T.c.published_at, T.c.wanted, T.c.published).where(*_MINE)
)
# Also projects whose authorities an older release made, which left no row.
_LIST_DUE = statement(
    select(AUTHORITIES.c.organization, AUTHORITIES.c.project, T.c.published_at)
    .distinct()
    .select_from(
        AUTHORITIES.outerjoin(
            T,
            and_(T.c.organization == AUTHORITIES.c.organization, T.c.project == AUTHORITIES.c.project),
        )
    )
    .where(or_(T.c.organization.is_(None), T.c.wanted > T.c.published, T.c.published_at < bindparam("old")))
    .order_by(T.c.published_at)
    .limit(100)
)


class RevocationListFacts(Struct, frozen=True):
    """A published list; `is_behind` tells that something was revoked which it does not tell yet."""

    version: int
    content: bytes
    signature: bytes
    published_at: datetime
    is_behind: bool


class TakenVersion(Struct, frozen=True):
    """A version for the next list, which never goes back, and how far the list will tell what was revoked."""

    version: int
    wanted: int


def prepare_revocation_list(transaction: Transaction, tenant: Tenant) -> None:
    """Make the row of a project, unless it is there; its first list is due at once."""
    transaction.send(
        _INSERT,
        last_version=0,
        wanted=1,
        published=0,
        version=0,
        content=b"",
        signature=b"",
        published_at=0,
        **_key(tenant),
    )


def want_publication(transaction: Transaction, tenant: Tenant) -> None:
    """Note, in the transaction that revokes, that the list must tell more than it does."""
    prepare_revocation_list(transaction, tenant)
    transaction.send(_WANT, **_key(tenant))


async def take_version(transaction: Transaction, tenant: Tenant) -> TakenVersion:
    """Return max(last version + 1, seconds since 1970), taken for good (S6)."""
    prepare_revocation_list(transaction, tenant)
    row = await transaction.fetch_one(_TAKE_VERSION, seconds=int(transaction.now.timestamp()), **_key(tenant))
    assert row is not None, "the row was just made"
    return TakenVersion(row[0], row[1])


async def replace_revocation_list(
    transaction: Transaction, tenant: Tenant, taken: TakenVersion, content: bytes, signature: bytes
) -> bool:
    """Publish a list over one with a lower version; False if a later one was published meanwhile."""
    changed = await transaction.execute(
        _PUBLISH,
        new_version=taken.version,
        published=taken.wanted,
        content=content,
        signature=signature,
        published_at=to_microseconds(transaction.now),
        **_key(tenant),
    )
    return changed == 1


async def find_revocation_list(database: Database, tenant: Tenant) -> RevocationListFacts | None:
    """Return the list of a project; its version is 0 before the first is published."""
    row = await database.read_one(_FIND, **_key(tenant))
    if row is None:
        return None
    version, content, signature, published_at, wanted, published = row
    return RevocationListFacts(
        version, content, signature, from_microseconds(published_at), wanted > published
    )


async def list_due(database: Database, old: datetime) -> list[Tenant]:
    """Return the projects whose list is behind, or was published before `old`; at most 100."""
    rows = await database.scan(_LIST_DUE, old=to_microseconds(old))
    return [Tenant(OrganizationId(row[0]), ProjectId(row[1])) for row in rows]


def _key(tenant: Tenant) -> dict[str, str]:
    return {"organization": tenant.organization, "project": tenant.project}
