"""Rows of CRLs: the complete one of each authority and its shards, with their numbers (S6).

A list tells the revocations up to the position `published`. Positions are taken under the lock of the
complete list's row, so that whoever reads `wanted` finds every entry below it committed.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Table, bindparam, case, insert, or_, select, update
from sqlalchemy.sql.elements import BindParameter, ColumnElement

from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import Statement, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.authorities import Authority
from ca_service.x509.storage.tables import REVOCATION_LIST_PARTS as PARTS
from ca_service.x509.storage.tables import REVOCATION_LISTS as T

TABLE = T.name
#: The part that is the whole.
WHOLE = ""
_STATE = ("published", "number", "this_update", "rebuilt_at", "entries", "mac")


class ListKey(Struct, frozen=True):
    """Which list of which authority; `part` is empty for the complete one."""

    tenant: Tenant
    authority_id: str
    part: str = WHOLE


class RevocationListFacts(Struct, frozen=True):
    """A published CRL; `is_behind` tells that something was revoked which it does not tell yet."""

    number: int
    der: bytes
    this_update: datetime
    next_update: datetime
    is_behind: bool


class ListState(Struct, frozen=True):
    """What is published: how far it tells, and when it was last put together from all entries.

    `wanted` is how far it could tell; `has_news` whether something in between is its own.
    """

    wanted: int
    has_news: bool
    published: int
    number: int
    this_update: datetime
    rebuilt_at: datetime | None
    entries: int | None
    mac: bytes | None


class TakenNumber(Struct, frozen=True):
    """A number for the next list, which never goes back, and the state that the list continues."""

    number: int
    state: ListState


def _mine(table: Table) -> tuple[ColumnElement[bool], ...]:
    columns = ["organization", "project", "authority"] + (["part"] if table is PARTS else [])
    return tuple(table.c[name] == bindparam(name) for name in columns)


def _over(table: Table) -> dict[str, Statement]:
    mine, integer = _mine(table), table.c.number.type
    seconds, new_number = bindparam("seconds", type_=integer), bindparam("new_number", type_=integer)
    now = bindparam("now", type_=integer)
    state = [table.c[name] for name in _STATE]
    published: dict[str, Any] = {
        name: bindparam(name)
        for name in ("der", "published", "this_update", "next_update", "rebuilt_at", "entries", "mac")
    }
    return {
        "insert": statement(insert(table).values({c.name: bindparam(c.name) for c in table.columns})),
        "find_state": statement(select(table.c.wanted, *state).where(*mine)),
        "find_der": statement(select(table.c.number, table.c.der).where(*mine)),
        "take": statement(
            update(table)
            .where(*mine)
            .values(
                last_number=case((table.c.last_number >= seconds, table.c.last_number + 1), else_=seconds)
            )
            .returning(table.c.last_number, table.c.wanted, *state)
        ),
        "publish": statement(
            update(table).where(*mine, table.c.number < new_number).values(number=new_number, **published)
        ),
        "claim": statement(
            update(table)
            .where(*mine, or_(table.c.leased_until.is_(None), table.c.leased_until <= now))
            .values(leased_until=bindparam("leased_until"))
        ),
        "release": statement(
            update(table)
            .where(*mine, table.c.leased_until == bindparam("held_until", type_=integer))
            .values(leased_until=None)
        ),
    }


_COMPLETE = _over(T)
_SHARDS = _over(PARTS)
_INTEGER = T.c.wanted.type
_WANT = statement(
    update(T)
    .where(*_mine(T))
    .values(wanted=T.c.wanted + bindparam("more", type_=_INTEGER))
    .returning(T.c.wanted)
)
_WANT_PART = statement(
    update(PARTS)
    .where(*_mine(PARTS), PARTS.c.wanted < bindparam("position", type_=_INTEGER))
    .values(wanted=bindparam("position", type_=_INTEGER))
)
_FIND_WANTED = statement(select(T.c.wanted).where(*_mine(T)))
_LIST_SHARDS = statement(select(PARTS.c.part).where(*_mine(PARTS)[:3]).order_by(PARTS.c.part))
_PUBLIC = ("number", "this_update", "next_update", "wanted", "published")
_OF_AUTHORITY: BindParameter[str] = bindparam("authority")
_OF_PART = (PARTS.c.authority == _OF_AUTHORITY, PARTS.c.part == bindparam("part"))
_FIND_PUBLIC = statement(select(*(T.c[name] for name in _PUBLIC)).where(T.c.authority == _OF_AUTHORITY))
_FIND_PUBLIC_DER = statement(select(T.c.number, T.c.der).where(T.c.authority == _OF_AUTHORITY))
_FIND_PUBLIC_PART = statement(select(*(PARTS.c[name] for name in _PUBLIC)).where(*_OF_PART))
_FIND_PUBLIC_PART_DER = statement(select(PARTS.c.number, PARTS.c.der).where(*_OF_PART))
_LIST_DUE = statement(
    select(T.c.organization, T.c.project, T.c.authority)
    .where(or_(T.c.wanted > T.c.published, T.c.this_update < bindparam("old")))
    .order_by(T.c.this_update)
    .limit(100)
)
_LIST_DUE_PARTS = statement(
    select(PARTS.c.organization, PARTS.c.project, PARTS.c.authority, PARTS.c.part)
    .where(or_(PARTS.c.wanted > PARTS.c.published, PARTS.c.this_update < bindparam("old")))
    .order_by(PARTS.c.this_update)
    .limit(1000)
)
_FIRST = bindparam("first", type_=_INTEGER)
_RAISE_NUMBERS = statement(update(T).where(T.c.last_number < _FIRST).values(last_number=_FIRST))
_RAISE_NUMBERS_OF_PARTS = statement(
    update(PARTS).where(PARTS.c.last_number < _FIRST).values(last_number=_FIRST)
)


def _statements(key: ListKey) -> dict[str, Statement]:
    return _SHARDS if key.part else _COMPLETE


def _values(key: ListKey) -> dict[str, str]:
    values = _authority(key.tenant, key.authority_id)
    return values | {"part": key.part} if key.part else values


def _authority(tenant: Tenant, authority_id: str) -> dict[str, str]:
    return {"organization": tenant.organization, "project": tenant.project, "authority": authority_id}


async def insert_revocation_list(
    transaction: Transaction, authority: Authority, published: RevocationListFacts
) -> None:
    """Keep the first complete CRL of a new authority."""
    await transaction.execute(
        _COMPLETE["insert"],
        last_number=published.number,
        wanted=0,
        published=0,
        number=published.number,
        der=published.der,
        this_update=to_microseconds(published.this_update),
        next_update=to_microseconds(published.next_update),
        rebuilt_at=None,
        entries=None,
        leased_until=None,
        mac=None,
        **_authority(authority.tenant, authority.id),
    )


async def insert_missing_shards(
    transaction: Transaction, tenant: Tenant, authority_id: str, shards: int
) -> list[str]:
    """Make the rows of shards 1 to `shards` that are not there, due at once; return which these are."""
    known = set(await list_shards_in(transaction, tenant, authority_id))
    missing = [str(number) for number in range(1, shards + 1) if str(number) not in known]
    for part in missing:
        await transaction.execute(
            _SHARDS["insert"],
            part=part,
            last_number=0,
            wanted=0,
            published=-1,
            number=0,
            der=b"",
            this_update=0,
            next_update=0,
            rebuilt_at=None,
            entries=None,
            leased_until=None,
            mac=None,
            **_authority(tenant, authority_id),
        )
    return missing


async def list_shards_in(transaction: Transaction, tenant: Tenant, authority_id: str) -> list[str]:
    """Return the shards of an authority as they stand in this transaction."""
    return [row[0] for row in await transaction.fetch_all(_LIST_SHARDS, **_authority(tenant, authority_id))]


async def want_publication(transaction: Transaction, tenant: Tenant, authority_id: str, more: int = 1) -> int:
    """Note, in the transaction that revokes, that the CRL must tell more; return the last position taken.

    The publisher finds out itself what was revoked where no entry was kept at a position.
    """
    row = await transaction.fetch_one(_WANT, more=more, **_authority(tenant, authority_id))
    return -1 if row is None else int(row[0])


async def want_part(transaction: Transaction, key: ListKey, position: int) -> None:
    """Note that a shard must tell what stands at this position."""
    await transaction.execute(_WANT_PART, position=position, **_values(key))


async def find_state(database: Database, key: ListKey) -> ListState | None:
    """Return what is published of a list."""
    row = await database.read_one(_statements(key)["find_state"], **_values(key))
    if row is None or not key.part:
        return None if row is None else _state(row, row[0])
    whole = await database.read_one(_FIND_WANTED, **_authority(key.tenant, key.authority_id))
    return None if whole is None else _state(row, whole[0])


async def find_der(database: Database, key: ListKey) -> tuple[int, bytes]:
    """Return number and bytes of a published list that is known to exist."""
    row = await database.read_one(_statements(key)["find_der"], **_values(key))
    assert row is not None, "rows of lists are never deleted"
    return row[0], row[1]


async def take_number(transaction: Transaction, key: ListKey) -> TakenNumber:
    """Return max(last number + 1, seconds since 1970), taken for good (S6)."""
    row = await transaction.fetch_one(
        _statements(key)["take"], seconds=int(transaction.now.timestamp()), **_values(key)
    )
    assert row is not None, "every authority is born with a CRL, every shard with its row"
    wanted = row[1]
    if key.part:
        whole = await transaction.fetch_one(_FIND_WANTED, **_authority(key.tenant, key.authority_id))
        assert whole is not None, "every authority is born with a CRL"
        wanted = whole[0]
    return TakenNumber(row[0], _state(row[1:], wanted))


async def claim_turn(transaction: Transaction, key: ListKey, until: datetime) -> bool:
    """Become the one process that publishes a list until then; False while another one does."""
    changed = await transaction.execute(
        _statements(key)["claim"],
        now=to_microseconds(transaction.now),
        leased_until=to_microseconds(until),
        **_values(key),
    )
    return changed == 1


async def release_turn(transaction: Transaction, key: ListKey, until: datetime) -> None:
    """Let another process publish, unless it does already."""
    await transaction.execute(_statements(key)["release"], held_until=to_microseconds(until), **_values(key))


async def replace_revocation_list(
    transaction: Transaction,
    key: ListKey,
    taken: TakenNumber,
    facts: RevocationListFacts,
    *,
    rebuilt_at: datetime,
    entries: int,
    mac: bytes,
) -> bool:
    """Publish a CRL over one with a lower number; False if a later one was published meanwhile."""
    changed = await transaction.execute(
        _statements(key)["publish"],
        new_number=taken.number,
        published=taken.state.wanted,
        der=facts.der,
        this_update=to_microseconds(facts.this_update),
        next_update=to_microseconds(facts.next_update),
        rebuilt_at=to_microseconds(rebuilt_at),
        entries=entries,
        mac=mac,
        **_values(key),
    )
    return changed == 1


class PublishedState(Struct, frozen=True):
    """What everyone may know of a list, without its bytes."""

    number: int
    this_update: datetime
    next_update: datetime
    is_behind: bool


async def find_published_state(database: Database, authority_id: str, part: str) -> PublishedState | None:
    """Return the state of a list by its authority's opaque id alone: it is for everyone."""
    row = await _public(database, _FIND_PUBLIC, _FIND_PUBLIC_PART, authority_id, part)
    if row is None:
        return None
    number, this_update, until, wanted, published = row
    is_behind = wanted > published
    return PublishedState(number, from_microseconds(this_update), from_microseconds(until), is_behind)


async def find_published_der(database: Database, authority_id: str, part: str) -> tuple[int, bytes] | None:
    """Return number and bytes of a list by its authority's opaque id alone."""
    row = await _public(database, _FIND_PUBLIC_DER, _FIND_PUBLIC_PART_DER, authority_id, part)
    return None if row is None else (row[0], row[1])


async def _public(
    database: Database, whole: Statement, shard: Statement, authority_id: str, part: str
) -> Row | None:
    if part:
        return await database.read_one(shard, authority=authority_id, part=part)
    return await database.read_one(whole, authority=authority_id)


async def list_due(database: Database, old: datetime) -> list[ListKey]:
    """Return the lists that are behind, or were published before `old`; at most 1,100."""
    before = to_microseconds(old)
    rows = [*await database.scan(_LIST_DUE, old=before), *await database.scan(_LIST_DUE_PARTS, old=before)]
    return [
        ListKey(Tenant(OrganizationId(row[0]), ProjectId(row[1])), row[2], row[3] if len(row) > 3 else WHOLE)
        for row in rows
    ]


async def raise_numbers(transaction: Transaction, first: int) -> None:
    """Let no list have a number below `first` from now on: its numbers may have been given out already."""
    await transaction.execute(_RAISE_NUMBERS, first=first)
    await transaction.execute(_RAISE_NUMBERS_OF_PARTS, first=first)


def _state(row: Row, wanted: int) -> ListState:
    own_wanted, published, number, this_update, rebuilt_at, entries, mac = row
    return ListState(
        wanted,
        own_wanted > published,
        published,
        number,
        from_microseconds(this_update),
        None if rebuilt_at is None else from_microseconds(rebuilt_at),
        entries,
        mac,
    )
