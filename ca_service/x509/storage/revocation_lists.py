"""Rows of CRLs: one for each authority, with its numbers and whether it tells all that was revoked (S6)."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import bindparam, case, insert, or_, select, update

from ca_service.database.port import Database, Transaction
from ca_service.database.statement import statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.authorities import Authority
from ca_service.x509.storage.tables import REVOCATION_LISTS as T

_MINE = (
    T.c.organization == bindparam("organization"),
    T.c.project == bindparam("project"),
    T.c.authority == bindparam("authority"),
)
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))
_TAKE_NUMBER = statement(
    update(T)
    .where(*_MINE)
    .values(
        last_number=case(
            (T.c.last_number >= bindparam("seconds", type_=T.c.number.type), T.c.last_number + 1),
            else_=bindparam("seconds", type_=T.c.number.type),
        )
    )
    .returning(T.c.last_number, T.c.wanted, T.c.this_update)
)
_PUBLISH = statement(
    update(T)
    .where(*_MINE, T.c.number < bindparam("new_number", type_=T.c.number.type))
    .values(
        number=bindparam("new_number", type_=T.c.number.type),
        der=bindparam("der"),
        published=bindparam("published"),
        this_update=bindparam("this_update"),
        next_update=bindparam("next_update"),
    )
)
_WANT = statement(update(T).where(*_MINE).values(wanted=T.c.wanted + 1))
_FIND_PUBLIC = statement(
    select(T.c.number, T.c.der, T.c.this_update, T.c.next_update, T.c.wanted, T.c.published).where(
        T.c.authority == bindparam("authority")
    )
)
_LIST_DUE = statement(
    select(T.c.organization, T.c.project, T.c.authority)
    .where(or_(T.c.wanted > T.c.published, T.c.this_update < bindparam("old")))
    .order_by(T.c.this_update)
    .limit(100)
)


class RevocationListFacts(Struct, frozen=True):
    """A published CRL; `is_behind` tells that something was revoked which it does not tell yet."""

    number: int
    der: bytes
    this_update: datetime
    next_update: datetime
    is_behind: bool


class TakenNumber(Struct, frozen=True):
    """A number for the next CRL, which never goes back, and how far the CRL will tell what was revoked."""

    number: int
    wanted: int
    former_update: datetime


def _key(authority: Authority) -> dict[str, str]:
    return {
        "organization": authority.tenant.organization,
        "project": authority.tenant.project,
        "authority": authority.id,
    }


async def insert_revocation_list(
    transaction: Transaction, authority: Authority, published: RevocationListFacts
) -> None:
    """Keep the first CRL of a new authority."""
    await transaction.execute(
        _INSERT,
        last_number=published.number,
        wanted=0,
        published=0,
        number=published.number,
        der=published.der,
        this_update=to_microseconds(published.this_update),
        next_update=to_microseconds(published.next_update),
        **_key(authority),
    )


async def take_number(transaction: Transaction, authority: Authority) -> TakenNumber:
    """Return max(last number + 1, seconds since 1970), taken for good (S6)."""
    row = await transaction.fetch_one(
        _TAKE_NUMBER, seconds=int(transaction.now.timestamp()), **_key(authority)
    )
    assert row is not None, "every authority is born with a CRL"
    return TakenNumber(row[0], row[1], from_microseconds(row[2]))


async def replace_revocation_list(
    transaction: Transaction, authority: Authority, taken: TakenNumber, facts: RevocationListFacts
) -> bool:
    """Publish a CRL over one with a lower number; False if a later one was published meanwhile."""
    changed = await transaction.execute(
        _PUBLISH,
        new_number=taken.number,
        published=taken.wanted,
        der=facts.der,
        this_update=to_microseconds(facts.this_update),
        next_update=to_microseconds(facts.next_update),
        **_key(authority),
    )
    return changed == 1


async def want_publication(transaction: Transaction, tenant: Tenant, authority_id: str) -> None:
    """Note, in the transaction that revokes, that the CRL must tell more than it does."""
    await transaction.execute(
        _WANT, organization=tenant.organization, project=tenant.project, authority=authority_id
    )


async def find_public_revocation_list(database: Database, authority_id: str) -> RevocationListFacts | None:
    """Return the CRL of an authority by its opaque id alone: it is for everyone."""
    row = await database.read_one(_FIND_PUBLIC, authority=authority_id)
    if row is None:
        return None
    number, der, this_update, next_update, wanted, published = row
    return RevocationListFacts(
        number, der, from_microseconds(this_update), from_microseconds(next_update), wanted > published
    )


async def list_due(database: Database, old: datetime) -> list[tuple[Tenant, str]]:
    """Return the authorities whose CRL is behind, or was published before `old`; at most 100."""
    rows = await database.scan(_LIST_DUE, old=to_microseconds(old))
    return [
        (Tenant(OrganizationId(organization), ProjectId(project)), authority)
        for organization, project, authority in rows
    ]
