"""Folders over the real gate, on both databases: made, renamed, deleted, brought back; environments."""

import asyncio
from typing import Any

import pytest

from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call
from ca_service.governance.handlers.environments import DeleteEnvironmentHandler
from ca_service.kernel.errors import ConflictError, ForbiddenError, MalformedError, NotFoundError
from ca_service.policy.sets import BuiltInPolicy
from secrets_core.vault.errors import FolderNotEmptyError, FolderTakenError
from secrets_core.vault.operations import (
    CreateFolder,
    DeleteFolder,
    DeleteSecret,
    ListCommits,
    ListFolders,
    UndeleteSecret,
    UpdateFolder,
)
from tests.support.fakes.kernel import FakeClock
from tests.support.vault_ground import PROJECT, VaultGround
from tests.support.x509_ground import ADMINISTRATOR, TENANT, identity

WHERE: dict[str, Any] = {"project": PROJECT, "environment": "dev"}
GARDENER = identity("idn_gardener")
_POLICIES = (
    BuiltInPolicy(
        "test:gardener",
        'permit(principal == Identity::"idn_gardener", action in [Action::"secrets:manage-folders", '
        'Action::"secrets:describe", Action::"governance:read-project"], resource);',
    ),
)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> VaultGround:
    return runner.run(VaultGround(database, clock, _POLICIES).start())


async def paths(ground: VaultGround, **fields: Any) -> list[str]:
    page = await ground.perform(ListFolders(**{**WHERE, **fields}))
    return [folder.path for folder in page.items]


async def test_folders_are_made_with_those_around_them_and_listed_by_path(ground: VaultGround) -> None:
    made = await ground.perform(CreateFolder(path="/app/db/", description="of the database", **WHERE))
    await ground.put("KEY", path="/app/web")
    await ground.put("KEY", path="/apple")

    assert (made.path, made.description) == ("/app/db", "of the database")
    assert await paths(ground) == ["/app", "/app/db", "/app/web", "/apple"]
    assert await paths(ground, path="/app") == ["/app/db", "/app/web"]
    first = await ground.perform(ListFolders(limit=3, **WHERE))
    assert await paths(ground, after=first.next_key) == ["/apple"]
    for taken in ("/app/db", "/"):
        with pytest.raises(FolderTakenError):
            await ground.perform(CreateFolder(path=taken, **WHERE))
    with pytest.raises(NotFoundError):
        await paths(ground, path="/missing")


async def test_a_folder_is_renamed_with_everything_in_it(ground: VaultGround) -> None:
    await ground.put("KEY", "one", path="/app/db")
    await ground.put("KEY", "two", path="/app/db/deep")
    await ground.put("DEAD", path="/app/db")
    await ground.perform(DeleteSecret(name="DEAD", path="/app/db", **WHERE))
    renamed = await ground.perform(
        UpdateFolder(path="/app/db", new_name="data", description="renamed", **WHERE)
    )

    assert (renamed.path, renamed.description) == ("/app/data", "renamed")
    assert await paths(ground) == ["/app", "/app/data", "/app/data/deep"]
    assert await ground.value("KEY", path="/app/data") == "one"
    assert await ground.value("KEY", path="/app/data/deep") == "two"
    await ground.perform(UndeleteSecret(name="DEAD", path="/app/data", **WHERE))
    page = await ground.perform(ListCommits(path="/app/data", **WHERE))
    assert [each.changes[0].action.value for each in page.items] == ["undelete", "move"]
    await ground.perform(CreateFolder(path="/app/other", **WHERE))
    with pytest.raises(FolderTakenError):
        await ground.perform(UpdateFolder(path="/app/data", new_name="other", **WHERE))
    assert await ground.value("KEY", path="/app/data/deep") == "two"
    for name in ("a/b", "", ".."):
        with pytest.raises(MalformedError):
            await ground.perform(UpdateFolder(path="/app", new_name=name, **WHERE))
    with pytest.raises(MalformedError):
        await ground.perform(UpdateFolder(path="/", new_name="x", **WHERE))


async def test_whoever_renames_a_folder_may_read_and_write_what_is_in_it(ground: VaultGround) -> None:
    await ground.put("KEY", path="/app")
    with pytest.raises(ForbiddenError):
        await ground.perform(UpdateFolder(path="/app", new_name="open", **WHERE), GARDENER)
    with pytest.raises(ForbiddenError):
        await ground.perform(DeleteFolder(path="/app", is_recursive=True, **WHERE), GARDENER)
    assert await paths(ground) == ["/app"]
    await ground.perform(UpdateFolder(path="/app", description="mine", **WHERE), GARDENER)


async def test_a_folder_with_something_in_it_goes_only_with_all_of_it(ground: VaultGround) -> None:
    await ground.put("A", "one", path="/app")
    await ground.put("B", "two", path="/app/db")
    with pytest.raises(FolderNotEmptyError):
        await ground.perform(DeleteFolder(path="/app", **WHERE))
    await ground.perform(DeleteFolder(path="/app", is_recursive=True, **WHERE))

    assert await paths(ground) == []
    for name, path in (("A", "/app"), ("B", "/app/db")):
        with pytest.raises(NotFoundError):
            await ground.read(name, path=path)
    commits = (await ground.perform(ListCommits(project=PROJECT))).items
    assert [each.action.value for each in commits[0].changes] == ["delete", "delete"]
    # What is brought back brings its folders back.
    await ground.perform(UndeleteSecret(name="B", path="/app/db", **WHERE))
    assert (await paths(ground), await ground.value("B", path="/app/db")) == (["/app", "/app/db"], "two")
    assert (await ground.put("A", "three", path="/app")).version == 2
    await ground.perform(CreateFolder(path="/empty", **WHERE))
    await ground.perform(DeleteFolder(path="/empty", **WHERE))
    assert await paths(ground) == ["/app", "/app/db"]


async def test_nothing_is_put_into_a_folder_that_goes_at_the_same_time(ground: VaultGround) -> None:
    await ground.put("KEY", path="/app")
    await asyncio.gather(
        ground.perform(DeleteFolder(path="/app", is_recursive=True, **WHERE)),
        ground.put("KEY", "next", path="/app"),
        ground.put("NEW", path="/app"),
        ground.put("NEW", path="/app/deeper"),
        return_exceptions=True,
    )
    living = await paths(ground)
    for name, path in (("KEY", "/app"), ("NEW", "/app"), ("NEW", "/app/deeper")):
        try:
            await ground.read(name, path=path)
        except NotFoundError:
            continue
        assert path in living


async def test_an_environment_goes_once_nothing_that_lives_is_in_it(ground: VaultGround) -> None:
    await ground.put("KEY", path="/app")

    handler = DeleteEnvironmentHandler(ground.policy)
    call = Call("aud_1", ADMINISTRATOR, TENANT, "req_test", ground.database.now())

    async def delete(transaction: Transaction) -> None:
        await handler.record(transaction, call, "dev")

    with pytest.raises(ConflictError) as refused:
        await ground.database.begin(delete)
    assert (refused.value.rule, "recursive=true" in refused.value.detail) == ("in-use", True)
    await ground.perform(DeleteSecret(name="KEY", path="/app", **WHERE))
    await ground.perform(DeleteFolder(path="/", is_recursive=True, **WHERE))
    await ground.database.begin(delete)
    # Nobody who remembers the environment writes into it.
    with pytest.raises(NotFoundError):
        await ground.put("KEY", path="/app")
