"""The table of memberships. Every row carries a tag (S5): editing a table makes no administrator."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    insert,
    select,
)

from ca_service.custody.custody import Custody
from ca_service.database.metadata import METADATA
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.governance.memberships import Membership
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId

# An empty `project` stands for the whole organization, an empty `organization` for the whole instance.
MEMBERSHIPS = Table(
    "governance_memberships",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("organization", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("principal_kind", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("expires_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("mac_version", SmallInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    UniqueConstraint("organization", "project", "principal_kind", "principal", "role"),
    Index("ix_governance_memberships_principal", "principal_kind", "principal"),
)
_M = MEMBERSHIPS.c
_HERE = (_M.organization == bindparam("organization"), _M.project == bindparam("project"))
_INSERT = statement(
    insert(MEMBERSHIPS).values({column.name: bindparam(column.name) for column in MEMBERSHIPS.columns})
)
_FIND = statement(select(*_M).where(*_HERE, _M.id == bindparam("id")))
_LIST = statement(
    select(*_M).where(*_HERE, _M.id > bindparam("after")).order_by(_M.id).limit(bindparam("limit"))
)
# A caller's roles lie in any place of the instance; this is where they are found out.
_LIST_OF_PRINCIPAL = statement(
    select(*_M).where(_M.principal_kind == bindparam("kind"), _M.principal == bindparam("principal"))
)
_DELETE = statement(delete(MEMBERSHIPS).where(*_HERE, _M.id == bindparam("id")))
_DELETE_ENDED = statement(
    delete(MEMBERSHIPS).where(
        *_HERE,
        _M.principal_kind == bindparam("kind"),
        _M.principal == bindparam("principal"),
        _M.role == bindparam("role"),
        _M.expires_at <= bindparam("now"),
    )
)


class MembershipRows:
    """Memberships."""

    def __init__(self, database: Database, custody: Custody) -> None:
        self._database = database
        self._mac = RowMac(custody, MEMBERSHIPS.name)

    async def insert(self, transaction: Transaction, membership: Membership) -> None:
        """Write a membership over an ended one. Raises UniqueViolationError if the role is held already."""
        await transaction.execute(
            _DELETE_ENDED,
            organization=membership.organization,
            project=membership.project or "",
            kind=membership.principal_kind,
            principal=membership.principal,
            role=membership.role,
            now=to_microseconds(transaction.now),
        )
        columns = _columns(membership)
        await transaction.execute(
            _INSERT, **columns, mac_version=self._mac.version, mac=self._mac.tag(*columns.values())
        )

    async def find(
        self, organization: OrganizationId, project: ProjectId | None, membership_id: str
    ) -> Membership | None:
        """Return the membership of this place."""
        row = await self._database.read_one(
            _FIND, organization=organization, project=project or "", id=membership_id
        )
        return None if row is None else self._read(row)

    async def page(
        self, organization: OrganizationId, project: ProjectId | None, after: str, limit: int
    ) -> list[Membership]:
        """Return the memberships of exactly this place in the order of their ids, those behind `after`."""
        rows = await self._database.read(
            _LIST, organization=organization, project=project or "", after=after, limit=limit
        )
        return [self._read(row) for row in rows]

    async def of_principal(self, kind: str, principal: str) -> list[Membership]:
        """Return all memberships of a principal, ended ones included."""
        rows = await self._database.read(_LIST_OF_PRINCIPAL, kind=kind, principal=principal)
        return [self._read(row) for row in rows]

    async def delete(self, transaction: Transaction, membership: Membership) -> bool:
        """Remove the membership; False if it is gone already."""
        changed = await transaction.execute(
            _DELETE,
            organization=membership.organization,
            project=membership.project or "",
            id=membership.id,
        )
        return changed == 1

    def _read(self, row: Row) -> Membership:
        membership = Membership(
            id=row[0],
            organization=OrganizationId(row[1]),
            project=ProjectId(row[2]) if row[2] else None,
            principal_kind=row[3],
            principal=row[4],
            role=row[5],
            expires_at=_moment(row[6]),
            created_at=from_microseconds(row[7]),
            created_by=row[8],
        )
        self._mac.verify(row[10], *_columns(membership).values())
        return membership


def _columns(membership: Membership) -> dict[str, str | int | None]:
    expires_at = membership.expires_at
    return {
        "id": membership.id,
        "organization": membership.organization,
        "project": membership.project or "",
        "principal_kind": membership.principal_kind,
        "principal": membership.principal,
        "role": membership.role,
        "expires_at": None if expires_at is None else to_microseconds(expires_at),
        "created_at": to_microseconds(membership.created_at),
        "created_by": membership.created_by,
    }


def _moment(value: int | None) -> datetime | None:
    return None if value is None else from_microseconds(value)
