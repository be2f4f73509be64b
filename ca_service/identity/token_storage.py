"""The table of access tokens, and the way from its rows to values and back.

As in `storage.py`, each row carries a tag over what grants power, and an update names the tag it replaces.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from ca_service.custody.custody import Custody
from ca_service.database.metadata import METADATA
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import Statement, statement
from ca_service.identity.row_macs import RowMac
from ca_service.identity.tokens import Token
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId

# An empty `organization` or `project` stands for none.
TOKENS = Table(
    "identity_tokens",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("organization", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("credential", Text, nullable=False),
    Column("tag", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ttl", BigInteger),
    Column("expires_at", BigInteger),
    Column("max_expires_at", BigInteger),
    Column("uses_left", BigInteger),
    Column("networks", LargeBinary, nullable=False),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("mac", LargeBinary, nullable=False),
    Index("ix_identity_tokens_identity", "organization", "identity", "id"),
    Index("ix_identity_tokens_expires_at", "expires_at"),
)


def insert_into(table: Table) -> Statement:
    """Return the statement that inserts one row, naming every column."""
    return statement(insert(table).values({column.name: bindparam(column.name) for column in table.columns}))


_T = TOKENS.c

INSERT_TOKEN = insert_into(TOKENS)
FIND_TOKEN = statement(select(*_T).where(_T.id == bindparam("id")))
LIST_TOKENS_OF = statement(
    select(*_T).where(_T.identity == bindparam("identity"), _T.revoked_at.is_(None)).order_by(_T.id)
)
FIND_ANY_TOKEN_OF = statement(select(_T.id).where(_T.identity == bindparam("identity")).limit(1))
DELETE_ENDED_TOKENS = statement(delete(TOKENS).where(_T.expires_at < bindparam("before")))
REPLACE_TOKEN = statement(
    update(TOKENS)
    .where(
        _T.organization == bindparam("organization"), _T.id == bindparam("id"), _T.mac == bindparam("old_mac")
    )
    .values(
        expires_at=bindparam("new_expires_at"),
        uses_left=bindparam("new_uses_left"),
        revoked_at=bindparam("new_revoked_at"),
        mac=bindparam("new_mac"),
    )
)
# Locks the row on PostgreSQL until the transaction ends; SQLite has one writer anyway.
TOUCH_TOKEN = statement(
    update(TOKENS)
    .where(_T.organization == bindparam("organization"), _T.id == bindparam("id"))
    .values(last_used_at=bindparam("new_last_used_at"))
)


class TokenRows:
    """Access tokens."""

    def __init__(self, custody: Custody) -> None:
        self._mac = RowMac(custody, TOKENS.name)

    async def insert(self, transaction: Transaction, token: Token) -> None:
        """Write a new token."""
        await transaction.execute(
            INSERT_TOKEN, **self._columns(token), last_used_at=None, mac=self._tag(token)
        )

    async def find(self, database: Database, id_: str) -> Token | None:
        """Return the token, revoked ones included."""
        row = await database.read_one(FIND_TOKEN, id=id_)
        return None if row is None else self._read(row)

    async def change(
        self,
        transaction: Transaction,
        organization: OrganizationId | None,
        id_: str,
        change: Callable[[Token], Token],
    ) -> Token | None:
        """Write what `change` makes of the token, and return it; None if there is no such token.

        The row is locked first, so `change` sees what every earlier transaction left. If it raises, nothing
        is written.
        """
        touched = await self.touch(transaction, organization, id_)
        row = await transaction.fetch_one(FIND_TOKEN, id=id_)
        if not touched or row is None:
            return None
        old = self._read(row)
        new = change(old)
        await transaction.execute(
            REPLACE_TOKEN,
            organization=organization or "",
            id=id_,
            old_mac=self._tag(old),
            new_expires_at=to_micros(new.expires_at),
            new_uses_left=new.uses_left,
            new_revoked_at=to_micros(new.revoked_at),
            new_mac=self._tag(new),
        )
        return new

    async def touch(self, transaction: Transaction, organization: OrganizationId | None, id_: str) -> bool:
        """Remember that the token is used now, and lock its row; False if there is no such token."""
        changed = await transaction.execute(
            TOUCH_TOKEN,
            organization=organization or "",
            id=id_,
            new_last_used_at=to_microseconds(transaction.now),
        )
        return changed == 1

    async def has_any(self, transaction: Transaction, identity: str) -> bool:
        """Tell whether the identity ever had a token that is still kept, revoked ones included."""
        return await transaction.fetch_one(FIND_ANY_TOKEN_OF, identity=identity) is not None

    async def of_identity(self, transaction: Transaction, identity: str) -> list[Token]:
        """Return the tokens of an identity that are not revoked."""
        return [self._read(row) for row in await transaction.fetch_all(LIST_TOKENS_OF, identity=identity)]

    async def forget_before(self, transaction: Transaction, moment: datetime) -> None:
        """Remove the tokens that ended before `moment`."""
        await transaction.execute(DELETE_ENDED_TOKENS, before=to_microseconds(moment))

    def _read(self, row: Row) -> Token:
        token = Token(
            id=row[0],
            organization=OrganizationId(row[1]) if row[1] else None,
            project=to_project(row[2]),
            identity=row[3],
            method=row[4],
            credential=row[5],
            tag=bytes(row[6]),
            created_at=from_microseconds(row[7]),
            ttl=None if row[8] is None else timedelta(microseconds=row[8]),
            expires_at=to_moment(row[9]),
            max_expires_at=to_moment(row[10]),
            uses_left=row[11],
            networks=msgspec.json.decode(row[12], type=tuple[str, ...]),
            revoked_at=to_moment(row[13]),
            last_used_at=to_moment(row[14]),
        )
        self._mac.verify(row[15], *self._columns(token).values())
        return token

    def _tag(self, token: Token) -> bytes:
        return self._mac.tag(*self._columns(token).values())

    def _columns(self, token: Token) -> dict[str, str | int | bytes | None]:
        return {
            "id": token.id,
            "organization": token.organization or "",
            "project": token.project or "",
            "identity": token.identity,
            "method": token.method,
            "credential": token.credential,
            "tag": token.tag,
            "created_at": to_microseconds(token.created_at),
            "ttl": None if token.ttl is None else token.ttl // timedelta(microseconds=1),
            "expires_at": to_micros(token.expires_at),
            "max_expires_at": to_micros(token.max_expires_at),
            "uses_left": token.uses_left,
            "networks": msgspec.json.encode(token.networks),
            "revoked_at": to_micros(token.revoked_at),
        }


def to_micros(moment: datetime | None) -> int | None:
    """Return a moment as columns that may be NULL keep it."""
    return None if moment is None else to_microseconds(moment)


def to_moment(value: int | None) -> datetime | None:
    """Return the moment in a column that may be NULL."""
    return None if value is None else from_microseconds(value)


def to_project(value: str) -> ProjectId | None:
    """Return the project in a column where an empty text stands for none."""
    return ProjectId(value) if value else None
