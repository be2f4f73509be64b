"""Commits over the real gate, on both databases: all or nothing, numbered, and never waiting in a circle."""

import asyncio
from typing import Any

import pytest

from ca_service.database.port import Database
from ca_service.kernel.errors import KeywrightError, NotFoundError
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.sets import BuiltInPolicy
from secrets_core.vault.commits import MOST_CHANGES, ChangeAction, Commit
from secrets_core.vault.errors import ChangesRefusedError, VersionMismatchError
from secrets_core.vault.operations import ChangeAsked, CommitChanges, CommitPage, ListCommits, ReadCommit
from tests.support.fakes.kernel import FakeClock
from tests.support.vault_ground import PROJECT, VaultGround
from tests.support.x509_ground import identity

AUDITOR = identity("idn_auditor")
_POLICIES = (
    BuiltInPolicy(
        "test:auditor",
        'permit(principal == Identity::"idn_auditor", action == Action::"secrets:history", resource) '
        'unless { resource is Secret && resource.environment == "prod" };',
    ),
    BuiltInPolicy(
        "test:visible",
        'permit(principal == Identity::"idn_auditor", action == Action::"governance:read-project", '
        "resource);",
    ),
)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> VaultGround:
    return runner.run(VaultGround(database, clock, _POLICIES).start())


def setting(name: str, value: str, environment: str = "dev", **fields: Any) -> ChangeAsked:
    return ChangeAsked(
        action=ChangeAction.SET, environment=environment, name=name, value=SecretValue(value), **fields
    )


def dropping(name: str, environment: str = "dev", **fields: Any) -> ChangeAsked:
    return ChangeAsked(action=ChangeAction.DELETE, environment=environment, name=name, **fields)


async def commit(ground: VaultGround, *changes: ChangeAsked, message: str = "") -> Commit:
    made: Commit = await ground.perform(CommitChanges(project=PROJECT, message=message, changes=changes))
    return made


async def numbers(ground: VaultGround, **fields: Any) -> list[int]:
    page: CommitPage = await ground.perform(ListCommits(project=PROJECT, **fields))
    return [each.number for each in page.items]


async def test_a_commit_changes_secrets_of_folders_and_environments_at_once(ground: VaultGround) -> None:
    await ground.put("OLD", "one")
    made = await commit(
        ground,
        setting("B", "b", path="/app"),
        dropping("OLD"),
        setting("A", "a", environment="prod", path="/x/y"),
        message="move over",
    )
    assert (made.number, made.message, made.author) == (2, "move over", "idn_root")
    assert [
        (each.action.value, each.environment, each.path, each.name, each.version) for each in made.changes
    ] == [
        ("set", "dev", "/app", "B", 1),
        ("delete", "dev", "/", "OLD", 1),
        ("set", "prod", "/x/y", "A", 1),
    ]
    assert await ground.value("A", environment="prod", path="/x/y") == "a"
    assert (await ground.perform(ReadCommit(project=PROJECT, commit=made.id))) == made
    undelete = ChangeAsked(action=ChangeAction.UNDELETE, environment="dev", name="OLD")
    await commit(ground, undelete)
    assert await ground.value("OLD") == "one"


async def test_of_a_commit_that_cannot_be_made_whole_nothing_remains(ground: VaultGround) -> None:
    await ground.put("KEY", "one")
    with pytest.raises(VersionMismatchError) as refused:
        await commit(ground, setting("NEW", "x", path="/f"), setting("KEY", "two", if_version=7))
    assert refused.value.field == "changes[1].if_version"
    with pytest.raises(NotFoundError):
        await commit(ground, setting("NEW", "x", path="/f"), dropping("MISSING"))
    twice = setting("A", "x")
    for changes in (
        (),
        (twice, twice),
        (twice,) * (MOST_CHANGES + 1),
        (dropping("KEY", value=SecretValue("x")),),
    ):
        with pytest.raises(ChangesRefusedError):
            await commit(ground, *changes)
    assert await numbers(ground) == [1]
    for name, path in (("NEW", "/f"), ("A", "/")):
        with pytest.raises(NotFoundError):
            await ground.read(name, path=path)


async def test_commits_at_once_over_the_same_secrets_in_any_order_all_come_through(
    ground: VaultGround,
) -> None:
    names = [f"K{i}" for i in range(5)]
    together = (
        commit(ground, *(setting(name, f"{i}", path="/new") for name in (names if i % 2 else names[::-1])))
        for i in range(6)
    )
    made, single = await asyncio.gather(asyncio.gather(*together), ground.put("K2", "single", path="/new"))
    assert {each.number for each in made} | {await number_of(ground, single.commit)} == set(range(1, 8))
    assert await numbers(ground) == list(range(7, 0, -1))
    # Each commit's values stand together in one version, but for the one written alone.
    shown = {name: await ground.value(name, path="/new") for name in names if name != "K2"}
    assert len(set(shown.values())) == 1


async def number_of(ground: VaultGround, commit_id: str) -> int:
    read: Commit = await ground.perform(ReadCommit(project=PROJECT, commit=commit_id))
    return read.number


async def test_history_is_found_by_place_and_page_by_page(ground: VaultGround) -> None:
    for i in range(3):
        await ground.put("A", str(i), path="/app")
    await ground.put("B", path="/app")
    await ground.put("A", environment="prod")

    assert await numbers(ground, environment="dev") == [4, 3, 2, 1]
    assert await numbers(ground, environment="dev", path="/app", name="A") == [3, 2, 1]
    assert await numbers(ground, environment="prod", path="/app") == []
    first: CommitPage = await ground.perform(ListCommits(project=PROJECT, limit=2))
    rest: CommitPage = await ground.perform(ListCommits(project=PROJECT, limit=3, after=first.next_key))
    assert [each.number for each in first.items + rest.items] == [5, 4, 3, 2, 1]
    assert (first.next_key, rest.next_key) == ("4", None)
    for asked in ({"path": "/app"}, {"environment": "dev", "name": "A"}):
        with pytest.raises(KeywrightError):
            await numbers(ground, **asked)


async def test_of_a_commit_one_sees_the_changes_that_one_may_see(ground: VaultGround) -> None:
    both = await commit(ground, setting("A", "a"), setting("B", "b", environment="prod"))
    hidden = await commit(ground, setting("C", "c", environment="prod"))

    page: CommitPage = await ground.perform(ListCommits(project=PROJECT), AUDITOR)
    assert [[change.name for change in each.changes] for each in page.items] == [["A"]]
    read: Commit = await ground.perform(ReadCommit(project=PROJECT, commit=both.id), AUDITOR)
    assert [change.name for change in read.changes] == ["A"]
    refusals = []
    for commit_id in (hidden.id, "cmt_" + "0" * 26):
        with pytest.raises(NotFoundError) as refused:
            await ground.perform(ReadCommit(project=PROJECT, commit=commit_id), AUDITOR)
        refusals.append(refused.value.detail)
    assert refusals[0] == refusals[1]
