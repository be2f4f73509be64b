"""Rows of commits and their changes: written once, numbered in the order in which they became durable."""

import msgspec
from msgspec import Struct
from sqlalchemy import Select, and_, bindparam, exists, insert, select

from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import any_of, conflict_insert, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from secrets_core.paths import FolderPath
from secrets_core.vault.commits import ChangeAction, Commit, CommittedChange
from secrets_core.vault.rows import VaultRows
from secrets_core.vault.storage.rows import SECRET_COLUMNS, owner, secret_of
from secrets_core.vault.storage.tables import COMMIT_CHANGES as H
from secrets_core.vault.storage.tables import COMMIT_NUMBERS as N
from secrets_core.vault.storage.tables import COMMITS as C
from secrets_core.vault.storage.tables import SECRETS as S


class PlaceFilter(Struct, frozen=True):
    """Which commits are asked for: those that touched this environment (its id), folder, secret; "": any."""

    environment: str = ""
    path: str = ""
    name: str = ""


class ToldChange(Struct, frozen=True):
    """A change of a commit, and the tags that policies see on the secret now."""

    change: CommittedChange
    tags: tuple[str, ...]


_MINE = (C.c.organization == bindparam("organization"), C.c.project == bindparam("project"))
#: Counts on, and holds the number until the end of the transaction.
_COUNT = statement(
    conflict_insert(N)
    .values(organization=bindparam("organization"), project=bindparam("project"), number=1)
    .on_conflict_do_update(index_elements=["organization", "project"], set_={"number": N.c.number + 1})
)
_NUMBERED = ("organization", "project", "id", "message", "author", "created_at")
_INSERT = statement(
    insert(C).from_select(
        [*_NUMBERED, "number"],
        select(*(bindparam(name, type_=C.c[name].type) for name in _NUMBERED), N.c.number).where(
            N.c.organization == bindparam("organization"), N.c.project == bindparam("project")
        ),
    )
)
_INSERT_CHANGE = statement(insert(H).values({column.name: bindparam(column.name) for column in H.columns}))
_READ_NUMBER = statement(select(C.c.number).where(*_MINE, C.c.id == bindparam("id")))
_FIND = statement(select(*C.columns).where(*_MINE, C.c.id == bindparam("id")))
_OF_COMMITS = and_(
    H.c.organization == bindparam("organization"),
    H.c.project == bindparam("project"),
    any_of(H.c.commit_id, "commits"),
)
_LIST_CHANGES = statement(
    select(*H.columns, *SECRET_COLUMNS)
    .select_from(
        H.outerjoin(
            S, and_(S.c.organization == H.c.organization, S.c.project == H.c.project, S.c.id == H.c.secret)
        )
    )
    .where(_OF_COMMITS)
    .order_by(H.c.commit_id, H.c.position)
)


def _list(*places: str) -> "Select[tuple[str, str, str, int, str, str, int]]":
    before = select(*C.columns).where(*_MINE, C.c.number < bindparam("before"))
    if places:
        touched = exists(
            select(H.c.commit_id).where(
                H.c.organization == C.c.organization,
                H.c.project == C.c.project,
                H.c.commit_id == C.c.id,
                *(H.c[place] == bindparam(place) for place in places),
            )
        )
        before = before.where(touched)
    return before.order_by(C.c.number.desc()).limit(bindparam("limit"))


_LIST = statement(_list())
_LIST_OF_ENVIRONMENT = statement(_list("environment"))
_LIST_OF_FOLDER = statement(_list("environment", "path"))
_LIST_OF_SECRET = statement(_list("environment", "path", "name"))


def insert_commit(transaction: Transaction, commit: Commit) -> None:
    """Keep a commit with its changes, under the next number; the last thing that is written with them.

    Until the transaction ends no other commit of the project is numbered, so nothing is read after this but
    the number.
    """
    mine = owner(commit.tenant)
    transaction.send(_COUNT, **mine)
    transaction.send(
        _INSERT,
        id=commit.id,
        message=commit.message,
        author=commit.author,
        created_at=to_microseconds(commit.created_at),
        **mine,
    )
    for position, change in enumerate(commit.changes):
        transaction.send(
            _INSERT_CHANGE,
            commit_id=commit.id,
            position=position,
            action=change.action.value,
            environment=change.environment_id,
            environment_slug=change.environment,
            path=change.path,
            name=change.name,
            secret=change.secret,
            version=change.version,
            **mine,
        )


async def read_number(transaction: Transaction, commit: Commit) -> int:
    """Return the number that a commit was given in this transaction."""
    row = await transaction.fetch_one(_READ_NUMBER, id=commit.id, **owner(commit.tenant))
    assert row is not None, "the commit was inserted just before"
    number: int = row[0]
    return number


async def find_commit(database: Database, tenant: Tenant, commit_id: str) -> Commit | None:
    """Return a commit without its changes."""
    row = await database.read_one(_FIND, id=commit_id, **owner(tenant))
    return None if row is None else _commit(row)


async def list_commits(
    database: Database, tenant: Tenant, place: PlaceFilter, *, before: int, limit: int
) -> list[Commit]:
    """Return at most `limit` commits without their changes, newest first, those numbered below `before`."""
    parameters = {"before": before, "limit": limit, **owner(tenant)}
    if not place.environment:
        return [_commit(row) for row in await database.read(_LIST, **parameters)]
    parameters["environment"] = place.environment
    chosen = _LIST_OF_ENVIRONMENT
    if place.path:
        parameters["path"] = place.path
        chosen = _LIST_OF_FOLDER
    if place.path and place.name:
        parameters["name"] = place.name
        chosen = _LIST_OF_SECRET
    return [_commit(row) for row in await database.scan(chosen, **parameters)]


async def list_changes(
    database: Database, rows: VaultRows, tenant: Tenant, commits: list[str]
) -> dict[str, list[ToldChange]]:
    """Return the changes of each of these commits."""
    told: dict[str, list[ToldChange]] = {commit: [] for commit in commits}
    for row in await database.scan(_LIST_CHANGES, commits=commits, **owner(tenant)):
        told[row[2]].append(_told(row, rows))
    return told


def with_changes(commit: Commit, changes: tuple[CommittedChange, ...]) -> Commit:
    """Return a commit with these changes."""
    return msgspec.structs.replace(commit, changes=changes)


def _told(row: Row, rows: VaultRows) -> ToldChange:
    at = len(H.columns)
    tags = () if row[at + 2] is None else secret_of(row, rows.secret_mac, at).tags
    change = CommittedChange(
        action=ChangeAction(row[4]),
        environment=row[6],
        environment_id=row[5],
        path=FolderPath(row[7]),
        name=row[8],
        secret=row[9],
        version=row[10],
    )
    return ToldChange(change, tags)


def _commit(row: Row) -> Commit:
    return Commit(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        number=row[3],
        message=row[4],
        author=row[5],
        created_at=from_microseconds(row[6]),
        changes=(),
    )
