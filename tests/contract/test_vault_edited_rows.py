"""Whoever edits the vault's rows behind our back is refused; nobody is ever shown a wrong value (S5)."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import bindparam, select, update

from ca_service.custody.errors import IntegrityError
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import statement
from ca_service.kernel.errors import KeywrightError
from ca_service.kernel.secret_value import SecretValue
from secrets_core.vault.operations import DeleteSecret, ListVersions, PutSecret, UndeleteSecret
from secrets_core.vault.storage.tables import FOLDERS, SECRETS, VERSIONS
from tests.support.fakes.kernel import FakeClock
from tests.support.vault_ground import PROJECT, VaultGround

CANARY = "canary-4711-plaintext"
_SET_SEALED = statement(
    update(VERSIONS)
    .where(
        VERSIONS.c.project == bindparam("of_project"),
        VERSIONS.c.secret == bindparam("of_secret"),
        VERSIONS.c.version == bindparam("of_version"),
    )
    .values(value=bindparam("new_value"), notes=bindparam("new_notes"))
)
_READ_SEALED = statement(
    select(VERSIONS.c.project, VERSIONS.c.secret, VERSIONS.c.version, VERSIONS.c.value, VERSIONS.c.notes)
)
_READ_SECRETS = statement(select(SECRETS.c.project, SECRETS.c.name, SECRETS.c.id, SECRETS.c.folder))
_READ_FOLDERS = statement(select(FOLDERS.c.project, FOLDERS.c.path, FOLDERS.c.id))
_EDIT_SECRET = {
    column: statement(
        update(SECRETS).where(SECRETS.c.id == bindparam("of_id")).values({column: bindparam("new")})
    )
    for column in ("version", "folder", "name", "tags", "deleted_at")
}
_EDIT_PATH = statement(
    update(FOLDERS).where(FOLDERS.c.id == bindparam("of_id")).values(path=bindparam("new"))
)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> VaultGround:
    return runner.run(VaultGround(database, clock).start())


async def run(ground: VaultGround, edit: Any, **values: Any) -> None:
    async def work(transaction: Transaction) -> None:
        assert await transaction.execute(edit, **values) == 1

    await ground.database.begin(work)


async def ids(ground: VaultGround) -> dict[tuple[str, str], str]:
    """Return the ids of secrets by project and name, and of folders by project and path."""
    secrets = await ground.database.read(_READ_SECRETS)
    folders = await ground.database.read(_READ_FOLDERS)
    return {(row[0], row[1]): row[2] for row in (*secrets, *folders)}


async def test_a_sealed_value_opens_in_its_own_row_only(ground: VaultGround) -> None:
    for project in (PROJECT, "other"):
        for value in ("one", "two"):
            await ground.put("KEY", f"{project} {value}", project=project)
            await ground.put("TWIN", f"{project} twin {value}", project=project)
    sealed = {row[:3]: row[3:] for row in await ground.database.read(_READ_SEALED)}
    known = await ids(ground)
    target = ("prj_1", known["prj_1", "KEY"], 2)
    sources = [
        ("prj_1", known["prj_1", "KEY"], 1),
        ("prj_1", known["prj_1", "TWIN"], 2),
        ("prj_2", known["prj_2", "KEY"], 2),
    ]
    value, notes = sealed[target]
    forged = [sealed[source] for source in sources]
    forged += [(notes, value), (value[:-1] + bytes([value[-1] ^ 1]), notes), (value, sealed[sources[0]][1])]
    for new_value, new_notes in forged:
        where = {"of_project": target[0], "of_secret": target[1], "of_version": target[2]}
        await run(ground, _SET_SEALED, new_value=new_value, new_notes=new_notes, **where)
        with pytest.raises(IntegrityError):
            await ground.read("KEY")
        if new_notes != notes:
            with pytest.raises(IntegrityError):
                await ground.put("KEY", "next, with the notes before")
    await run(ground, _SET_SEALED, new_value=value, new_notes=notes, **where)
    assert await ground.value("KEY") == f"{PROJECT} two"


@pytest.mark.parametrize(
    ("column", "new"),
    [("version", 1), ("folder", "/open"), ("name", "OTHER"), ("tags", b'["open"]'), ("deleted_at", None)],
)
async def test_where_a_secret_lies_and_which_version_is_current_cannot_be_edited(
    ground: VaultGround, column: str, new: Any
) -> None:
    await ground.put("KEEP", path="/open")
    await ground.put("KEY", "one", path="/closed")
    await ground.put("KEY", "two", path="/closed")
    where: dict[str, Any] = {"project": PROJECT, "environment": "dev", "path": "/closed"}
    if column == "deleted_at":
        await ground.perform(DeleteSecret(name="KEY", **where))
    known = await ids(ground)
    new = known["prj_1", "/open"] if column == "folder" else new
    await run(ground, _EDIT_SECRET[column], of_id=known["prj_1", "KEY"], new=new)

    where["path"] = "/open" if column == "folder" else "/closed"
    name = "OTHER" if column == "name" else "KEY"
    for refused in (
        ground.read(name, path=where["path"]),
        ground.read(name, path=where["path"], version=1),
        ground.perform(ListVersions(name=name, **where)),
        ground.perform(PutSecret(name=name, value=SecretValue("next"), **where)),
        ground.perform(UndeleteSecret(name=name, **where)),
    ):
        with pytest.raises(IntegrityError):
            await refused


async def test_a_folder_cannot_be_put_elsewhere(ground: VaultGround) -> None:
    await ground.put("KEY", path="/closed")
    await run(ground, _EDIT_PATH, of_id=(await ids(ground))["prj_1", "/closed"], new="/open")
    for refused in (ground.read("KEY", path="/open"), ground.put("NEW", path="/open")):
        with pytest.raises(IntegrityError):
            await refused


async def test_no_plaintext_stands_in_a_row_or_an_error(ground: VaultGround) -> None:
    await ground.put("KEY", CANARY, comment=f"c {CANARY}", metadata={"k": CANARY})
    told = []
    for refused in (
        ground.put("KEY", CANARY, if_version=7),
        ground.put("1KEY", CANARY),
        ground.put("KEY", CANARY, path="/ü"),
        ground.put("KEY", CANARY * 100_000),
    ):
        with pytest.raises(KeywrightError) as error:
            await refused
        told.append(f"{error.value.detail} {error.value!r}")
    rows = await ground.database.read(_READ_SEALED)
    assert CANARY not in " ".join(told)
    assert not any(CANARY.encode() in cell for row in rows for cell in row[3:])
    assert CANARY not in repr((await ground.read("KEY")).value)
