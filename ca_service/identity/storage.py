"""Tables of identities and client secrets, and the way from rows to values and back.

Every row carries a tag over all columns that grant power (S5). Only what its reader saw is ever replaced: an
update names the tag it replaces.
"""

from collections.abc import Callable

import msgspec
from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text, bindparam, select, update

from ca_service.custody.custody import Custody
from ca_service.database.metadata import METADATA
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.identity.identities import ClientSecret, MachineIdentity, TokenTerms
from ca_service.identity.row_macs import RowMac
from ca_service.identity.token_storage import insert_into, to_micros, to_moment, to_project
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId

# An empty `organization` or `project` stands for none: rows of the instance itself.
IDENTITIES = Table(
    "identity_identities",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("organization", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("terms", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("disabled_at", BigInteger),
    Column("deleted_at", BigInteger),
    Column("mac", LargeBinary, nullable=False),
    Index("ix_identity_identities_tenant", "organization", "id"),
)
CLIENT_SECRETS = Table(
    "identity_client_secrets",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("organization", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("tag", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("uses_left", BigInteger),
    Column("networks", LargeBinary, nullable=False),
    Column("revoked_at", BigInteger),
    Column("mac", LargeBinary, nullable=False),
    Column("last_used_at", BigInteger),
    Index("ix_identity_client_secrets_identity", "organization", "identity", "id"),
)


_I, _S = IDENTITIES.c, CLIENT_SECRETS.c

INSERT_IDENTITY = insert_into(IDENTITIES)
FIND_IDENTITY = statement(
    select(*_I).where(_I.organization == bindparam("organization"), _I.id == bindparam("id"))
)
# Before a login or a token proved who is calling, no tenant is known to bind.
FIND_IDENTITY_ANYWHERE = statement(select(*_I).where(_I.id == bindparam("id")))
LIST_IDENTITIES = statement(
    select(*_I)
    .where(_I.organization == bindparam("organization"), _I.deleted_at.is_(None), _I.id > bindparam("after"))
    .order_by(_I.id)
    .limit(bindparam("limit"))
)
REPLACE_IDENTITY = statement(
    update(IDENTITIES)
    .where(
        _I.organization == bindparam("organization"), _I.id == bindparam("id"), _I.mac == bindparam("old_mac")
    )
    .values(
        name=bindparam("new_name"),
        terms=bindparam("new_terms"),
        disabled_at=bindparam("new_disabled_at"),
        deleted_at=bindparam("new_deleted_at"),
        mac=bindparam("new_mac"),
    )
)

INSERT_CLIENT_SECRET = insert_into(CLIENT_SECRETS)
FIND_CLIENT_SECRET_ANYWHERE = statement(select(*_S).where(_S.id == bindparam("id")))
FIND_CLIENT_SECRET = statement(
    select(*_S).where(
        _S.organization == bindparam("organization"),
        _S.identity == bindparam("identity"),
        _S.id == bindparam("id"),
    )
)
LIST_CLIENT_SECRETS = statement(
    select(*_S)
    .where(
        _S.organization == bindparam("organization"),
        _S.identity == bindparam("identity"),
        _S.revoked_at.is_(None),
        _S.id > bindparam("after"),
    )
    .order_by(_S.id)
    .limit(bindparam("limit"))
)
REPLACE_CLIENT_SECRET = statement(
    update(CLIENT_SECRETS)
    .where(
        _S.organization == bindparam("organization"), _S.id == bindparam("id"), _S.mac == bindparam("old_mac")
    )
    .values(
        uses_left=bindparam("new_uses_left"),
        revoked_at=bindparam("new_revoked_at"),
        mac=bindparam("new_mac"),
    )
)
# Locks the row on PostgreSQL until the transaction ends; SQLite has one writer anyway.
TOUCH_CLIENT_SECRET = statement(
    update(CLIENT_SECRETS)
    .where(_S.organization == bindparam("organization"), _S.id == bindparam("id"))
    .values(last_used_at=bindparam("new_last_used_at"))
)


class IdentityRows:
    """Machine identities."""

    def __init__(self, custody: Custody) -> None:
        self._mac = RowMac(custody, IDENTITIES.name)

    async def insert(self, transaction: Transaction, identity: MachineIdentity) -> None:
        """Write a new identity."""
        await transaction.execute(INSERT_IDENTITY, **self._columns(identity), mac=self._tag(identity))

    async def find(
        self, database: Database, organization: OrganizationId, id_: str
    ) -> MachineIdentity | None:
        """Return the identity of this organization, deleted ones included."""
        row = await database.read_one(FIND_IDENTITY, organization=organization, id=id_)
        return None if row is None else self.read(row)

    async def find_anywhere(self, database: Database, id_: str) -> MachineIdentity | None:
        """Return the identity; only for logins and tokens, which know no tenant yet."""
        row = await database.read_one(FIND_IDENTITY_ANYWHERE, id=id_)
        return None if row is None else self.read(row)

    async def page(
        self, database: Database, organization: OrganizationId, after: str, limit: int
    ) -> list[MachineIdentity]:
        """Return identities that are not deleted, in the order of their ids."""
        rows = await database.read(LIST_IDENTITIES, organization=organization, after=after, limit=limit)
        return [self.read(row) for row in rows]

    async def replace(self, transaction: Transaction, old: MachineIdentity, new: MachineIdentity) -> bool:
        """Write `new` over `old`; False if another change came first."""
        changed = await transaction.execute(
            REPLACE_IDENTITY,
            organization=old.organization,
            id=old.id,
            old_mac=self._tag(old),
            new_name=new.name,
            new_terms=_terms_bytes(new.terms),
            new_disabled_at=to_micros(new.disabled_at),
            new_deleted_at=to_micros(new.deleted_at),
            new_mac=self._tag(new),
        )
        return changed == 1

    def read(self, row: Row) -> MachineIdentity:
        """Return a row as a value. Raises IntegrityError if it is not as we wrote it."""
        identity = MachineIdentity(
            id=row[0],
            organization=OrganizationId(row[1]),
            project=to_project(row[2]),
            name=row[3],
            terms=msgspec.json.decode(row[4], type=TokenTerms),
            created_at=from_microseconds(row[5]),
            created_by=row[6],
            disabled_at=to_moment(row[7]),
            deleted_at=to_moment(row[8]),
        )
        self._mac.verify(row[9], *self._columns(identity).values())
        return identity

    def row_of(self, identity: MachineIdentity) -> Row:
        """Return the row that `read` turns into this value; for logins that check a row that is not there."""
        return (*self._columns(identity).values(), self._tag(identity))

    def _tag(self, identity: MachineIdentity) -> bytes:
        return self._mac.tag(*self._columns(identity).values())

    def _columns(self, identity: MachineIdentity) -> dict[str, str | int | bytes | None]:
        return {
            "id": identity.id,
            "organization": identity.organization,
            "project": identity.project or "",
            "name": identity.name,
            "terms": _terms_bytes(identity.terms),
            "created_at": to_microseconds(identity.created_at),
            "created_by": identity.created_by,
            "disabled_at": to_micros(identity.disabled_at),
            "deleted_at": to_micros(identity.deleted_at),
        }


class ClientSecretRows:
    """Client secrets."""

    def __init__(self, custody: Custody) -> None:
        self._mac = RowMac(custody, CLIENT_SECRETS.name)

    async def insert(self, transaction: Transaction, secret: ClientSecret) -> None:
        """Write a new client secret."""
        await transaction.execute(
            INSERT_CLIENT_SECRET, **self._columns(secret), mac=self._tag(secret), last_used_at=None
        )

    async def find(self, database: Database, identity: MachineIdentity, id_: str) -> ClientSecret | None:
        """Return the secret of this identity, revoked ones included."""
        row = await database.read_one(
            FIND_CLIENT_SECRET, organization=identity.organization, identity=identity.id, id=id_
        )
        return None if row is None else self.read(row)

    async def find_anywhere(self, reader: Database, id_: str) -> ClientSecret | None:
        """Return the secret; only for logins and tokens, which know no tenant yet."""
        row = await reader.read_one(FIND_CLIENT_SECRET_ANYWHERE, id=id_)
        return None if row is None else self.read(row)

    async def change(
        self,
        transaction: Transaction,
        organization: OrganizationId,
        id_: str,
        change: Callable[[ClientSecret], ClientSecret],
    ) -> ClientSecret | None:
        """Write what `change` makes of the secret, and return it; None if there is no such secret.

        The row is locked first, so `change` sees what every earlier transaction left. If it raises, nothing
        is written.
        """
        touched = await transaction.execute(
            TOUCH_CLIENT_SECRET,
            organization=organization,
            id=id_,
            new_last_used_at=to_microseconds(transaction.now),
        )
        row = await transaction.fetch_one(FIND_CLIENT_SECRET_ANYWHERE, id=id_)
        if not touched or row is None:
            return None
        old = self.read(row)
        new = change(old)
        await transaction.execute(
            REPLACE_CLIENT_SECRET,
            organization=organization,
            id=id_,
            old_mac=self._tag(old),
            new_uses_left=new.uses_left,
            new_revoked_at=to_micros(new.revoked_at),
            new_mac=self._tag(new),
        )
        return new

    async def page(
        self, database: Database, identity: MachineIdentity, after: str, limit: int
    ) -> list[ClientSecret]:
        """Return the secrets that are not revoked, in the order of their ids."""
        rows = await database.read(
            LIST_CLIENT_SECRETS,
            organization=identity.organization,
            identity=identity.id,
            after=after,
            limit=limit,
        )
        return [self.read(row) for row in rows]

    def read(self, row: Row) -> ClientSecret:
        """Return a row as a value. Raises IntegrityError if it is not as we wrote it."""
        secret = ClientSecret(
            id=row[0],
            organization=OrganizationId(row[1]),
            project=to_project(row[2]),
            identity=row[3],
            description=row[4],
            tag=bytes(row[5]),
            created_at=from_microseconds(row[6]),
            expires_at=to_moment(row[7]),
            uses_left=row[8],
            networks=msgspec.json.decode(row[9], type=tuple[str, ...]),
            revoked_at=to_moment(row[10]),
            last_used_at=to_moment(row[12]),
        )
        self._mac.verify(row[11], *self._columns(secret).values())
        return secret

    def row_of(self, secret: ClientSecret) -> Row:
        """Return the row that `read` turns into this value; for logins that check a row that is not there."""
        return (*self._columns(secret).values(), self._tag(secret), None)

    def _tag(self, secret: ClientSecret) -> bytes:
        return self._mac.tag(*self._columns(secret).values())

    def _columns(self, secret: ClientSecret) -> dict[str, str | int | bytes | None]:
        return {
            "id": secret.id,
            "organization": secret.organization,
            "project": secret.project or "",
            "identity": secret.identity,
            "description": secret.description,
            "tag": secret.tag,
            "created_at": to_microseconds(secret.created_at),
            "expires_at": to_micros(secret.expires_at),
            "uses_left": secret.uses_left,
            "networks": msgspec.json.encode(secret.networks),
            "revoked_at": to_micros(secret.revoked_at),
        }


def _terms_bytes(terms: TokenTerms) -> bytes:
    columns = msgspec.structs.asdict(terms)
    if terms.lockout is None:
        # As rows were written before there were such terms: their tags are over these bytes.
        del columns["lockout"]
    return msgspec.json.encode(columns)
