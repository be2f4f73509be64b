"""Stored policies and the policy generation.

A policy row carries a MAC over all its columns (S5): an edited or moved row is found when it is read.
"""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct
from sqlalchemy import BigInteger, LargeBinary, SmallInteger, Text, and_, or_
from sqlalchemy.sql import bindparam, delete, func, insert, literal, select, update
from sqlalchemy.sql.schema import Column, Table, UniqueConstraint

from ca_service.custody.derivation import MacKey, canonical
from ca_service.custody.errors import IntegrityError
from ca_service.database.metadata import METADATA
from ca_service.database.port import Database, Row, Transaction, Value
from ca_service.database.statement import insert_if_absent, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds

#: What a policy's MAC covers, and in which order; another list is another version.
_MAC_VERSION = 1
#: The purpose of the MAC key: `custody.mac_key(MAC_PURPOSE)`.
MAC_PURPOSE = "policy"

POLICIES = Table(
    "policy_policies",
    METADATA,
    Column("id", Text, primary_key=True),
    # Both are empty for a policy of the instance, `project` is for one of an organization.
    Column("organization", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("is_enabled", SmallInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("mac_version", SmallInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    UniqueConstraint("organization", "project", "name"),
)

#: One row, `instance`; absent until something raised it, which reads as generation 0.
GENERATIONS = Table(
    "policy_generations",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("generation", BigInteger, nullable=False),
)

_P = POLICIES.c
_COLUMNS = (
    _P.id,
    _P.organization,
    _P.project,
    _P.name,
    _P.text,
    _P.is_enabled,
    _P.created_at,
    _P.created_by,
    _P.mac_version,
    _P.mac,
)
_HERE = and_(_P.organization == bindparam("organization"), _P.project == bindparam("project"))

_INSERT = statement(insert(POLICIES).values({column.name: bindparam(column.name) for column in _COLUMNS}))
_UPDATE = statement(
    update(POLICIES)
    .where(_P.id == bindparam("policy"), _HERE, _P.mac == bindparam("old_mac"))
    .values(
        name=bindparam("new_name"),
        text=bindparam("new_text"),
        is_enabled=bindparam("new_is_enabled"),
        mac_version=bindparam("new_mac_version"),
        mac=bindparam("new_mac"),
    )
)
_DELETE = statement(delete(POLICIES).where(_P.id == bindparam("id"), _HERE))
_FIND = statement(select(*_COLUMNS).where(_P.id == bindparam("id"), _HERE))
_LIST = statement(
    select(*_COLUMNS)
    .where(_HERE, _P.name > bindparam("after"))
    .order_by(_P.name)
    .limit(bindparam("limit", type_=BigInteger))
)
_AROUND = statement(
    select(*_COLUMNS)
    .where(
        or_(
            and_(_P.organization == "", _P.project == ""),
            and_(
                _P.organization == bindparam("organization"),
                or_(_P.project == "", _P.project == bindparam("project")),
            ),
        ),
    )
    .order_by(_P.id)
)
_READ_GENERATION = statement(select(GENERATIONS.c.generation).where(GENERATIONS.c.id == "instance"))
#: Holds while the generation is the one bound as `expected`; no row reads as generation 0.
GENERATION_HOLDS = func.coalesce(
    select(GENERATIONS.c.generation).where(GENERATIONS.c.id == "instance").scalar_subquery(), 0
) == bindparam("expected", type_=BigInteger)
_CONFIRM_GENERATION = statement(select(literal(1)).where(GENERATION_HOLDS))
_START_GENERATION = statement(insert_if_absent(GENERATIONS, "id", "generation", conflict=("id",)))
_RAISE_GENERATION = statement(
    update(GENERATIONS).where(GENERATIONS.c.id == "instance").values(generation=GENERATIONS.c.generation + 1)
)


class StoredPolicy(Struct, frozen=True, kw_only=True):
    """A stored policy. Empty `project`: an organization's; empty `organization` too: the instance's."""

    id: str
    organization: str
    project: str
    name: str
    text: str
    is_enabled: bool
    created_at: datetime
    created_by: str


def _columns(policy: StoredPolicy, key: MacKey) -> dict[str, Value]:
    columns: dict[str, str | int] = {
        "id": policy.id,
        "organization": policy.organization,
        "project": policy.project,
        "name": policy.name,
        "text": policy.text,
        "is_enabled": int(policy.is_enabled),
        "created_at": to_microseconds(policy.created_at),
        "created_by": policy.created_by,
        "mac_version": _MAC_VERSION,
    }
    return {**columns, "mac": key.tag(canonical(POLICIES.name, *columns.values()))}


def _from_row(row: Row, key: MacKey) -> StoredPolicy:
    """Return a row as a value. Raises IntegrityError if it is not as it was written."""
    *columns, mac = row
    if columns[8] != _MAC_VERSION:
        raise IntegrityError(f"The policy {columns[0]} was tagged by a release that is not known here.")
    try:
        key.verify(canonical(POLICIES.name, *columns), mac)
    except IntegrityError as error:
        detail = f"The policy {columns[0]} was changed outside Keywright; nothing it may govern is decided."
        raise IntegrityError(detail) from error
    return StoredPolicy(
        id=columns[0],
        organization=columns[1],
        project=columns[2],
        name=columns[3],
        text=columns[4],
        is_enabled=bool(columns[5]),
        created_at=from_microseconds(columns[6]),
        created_by=columns[7],
    )


async def insert_policy(transaction: Transaction, key: MacKey, policy: StoredPolicy) -> None:
    """Store a new policy. Raises UniqueViolationError if its place has one of this name."""
    await transaction.execute(_INSERT, **_columns(policy, key))


async def update_policy(
    transaction: Transaction, key: MacKey, before: StoredPolicy, after: StoredPolicy
) -> bool:
    """Replace name, text and switch; False if the policy is no longer as it was in `before`."""
    written = _columns(after, key)
    changed = await transaction.execute(
        _UPDATE,
        policy=before.id,
        organization=before.organization,
        project=before.project,
        old_mac=_columns(before, key)["mac"],
        new_name=written["name"],
        new_text=written["text"],
        new_is_enabled=written["is_enabled"],
        new_mac_version=written["mac_version"],
        new_mac=written["mac"],
    )
    return changed == 1


async def delete_policy(transaction: Transaction, organization: str, project: str, policy_id: str) -> bool:
    """Delete a policy of this place; False if there is none."""
    return bool(await transaction.execute(_DELETE, id=policy_id, organization=organization, project=project))


async def find_policy(
    database: Database, key: MacKey, organization: str, project: str, policy_id: str
) -> StoredPolicy | None:
    """Return one policy of this place. Raises IntegrityError if it was changed outside."""
    row = await database.read_one(_FIND, id=policy_id, organization=organization, project=project)
    return None if row is None else _from_row(row, key)


async def list_policies(
    database: Database, key: MacKey, organization: str, project: str, *, after: str = "", limit: int = 100
) -> list[StoredPolicy]:
    """Return the policies of this place by name, beginning behind `after`. Raises IntegrityError."""
    rows = await database.read(_LIST, organization=organization, project=project, after=after, limit=limit)
    return [_from_row(row, key) for row in rows]


async def policies_around(
    database: Database, key: MacKey, organization: str, project: str
) -> list[StoredPolicy]:
    """Return the enabled policies that govern a place: its own, its organization's, the instance's.

    Raises IntegrityError if any of them was changed outside.
    """
    rows = await database.read(_AROUND, organization=organization, project=project)
    # All rows are read, so that a policy switched off behind our back is found as well.
    return [policy for policy in (_from_row(row, key) for row in rows) if policy.is_enabled]


async def read_generation(database: Database) -> int:
    """Return the policy generation."""
    row = await database.read_one(_READ_GENERATION)
    return 0 if row is None else int(row[0])


def require_generation(transaction: Transaction, generation: int, otherwise: Callable[[], Exception]) -> None:
    """Let the transaction end with `otherwise()` unless the policy generation is this one in it."""
    transaction.require(_CONFIRM_GENERATION, otherwise, expected=generation)


async def raise_generation(transaction: Transaction) -> None:
    """Count the policy generation up by one."""
    if not await transaction.execute(_RAISE_GENERATION):
        await transaction.execute(_START_GENERATION, id="instance", generation=0)
        await transaction.execute(_RAISE_GENERATION)
