"""Secrets over the real gate, on both databases: versions, conditions, deletion, moves, races."""

import asyncio
from typing import Any

import pytest

from ca_service.database.port import Database
from ca_service.kernel.errors import (
    ConflictError,
    ForbiddenError,
    MalformedError,
    NotFoundError,
    TooLargeError,
)
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.sets import BuiltInPolicy
from secrets_core.vault.errors import (
    NotDeletedError,
    SecretTakenError,
    VersionDestroyedError,
    VersionInUseError,
    VersionMismatchError,
)
from secrets_core.vault.operations import (
    DeleteSecret,
    DestroyVersions,
    ListVersions,
    PutSecret,
    UndeleteSecret,
    UpdateSecret,
)
from secrets_core.vault.secrets import LARGEST_VALUE, VersionState
from tests.support.fakes.kernel import FakeClock
from tests.support.vault_ground import PROJECT, VaultGround
from tests.support.x509_ground import MEMBER, VIEWER, identity

WHERE: dict[str, Any] = {"project": PROJECT, "environment": "dev"}
READER = identity("idn_reader")
MOVER = identity("idn_mover")
_POLICIES = (
    BuiltInPolicy(
        "test:reader",
        'permit(principal == Identity::"idn_reader", action in [Action::"secrets:read", '
        'Action::"secrets:describe"], resource is Secret) when { resource.path == "/open" };',
    ),
    BuiltInPolicy(
        "test:mover",
        'permit(principal == Identity::"idn_mover", action in [Action::"secrets:write", '
        'Action::"secrets:describe"], resource is Secret) when { !resource.tags.contains("locked") };',
    ),
    BuiltInPolicy(
        "test:visible",
        'permit(principal, action == Action::"governance:read-project", resource);',
    ),
)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> VaultGround:
    return runner.run(VaultGround(database, clock, _POLICIES).start())


async def states(ground: VaultGround, name: str, **fields: Any) -> list[tuple[int, str]]:
    page = await ground.perform(ListVersions(name=name, **{**WHERE, **fields}))
    return [(each.version, each.state.value) for each in page.items]


async def test_each_write_makes_the_next_version_and_keeps_the_notes_that_it_does_not_name(
    ground: VaultGround,
) -> None:
    first = await ground.put(
        "KEY", "one", path="/app/db", comment="c", tags=("b", "a", "b"), metadata={"k": "v"}
    )
    second = await ground.put("KEY", "two", path="/app/db")
    third = await ground.put("KEY", "three", path="/app/db", comment="", tags=())

    assert [first.version, second.version, third.version] == [1, 2, 3]
    assert [first.was_created, second.was_created] == [True, False]
    assert (second.comment, second.tags, second.metadata) == ("c", ("a", "b"), {"k": "v"})
    assert (third.comment, third.tags, third.metadata) == ("", (), {"k": "v"})
    assert [await ground.value("KEY", path="/app/db", version=n) for n in (1, 2, 3)] == [
        "one",
        "two",
        "three",
    ]
    assert (await ground.read("KEY", path="/app/db", version=1)).record.tags == ("a", "b")
    assert await states(ground, "KEY", path="/app/db") == [
        (3, "current"),
        (2, "superseded"),
        (1, "superseded"),
    ]
    assert len({first.commit, second.commit, third.commit}) == 3


async def test_a_value_is_what_was_written_whatever_its_characters(ground: VaultGround) -> None:
    values = ["", "\0 \n\r\t", "żółw 🐢 \u202e", "x" * LARGEST_VALUE]
    for value in values:
        await ground.put("KEY", value)
        assert await ground.value("KEY", expand=False) == value
    for refused, error in (("é" * LARGEST_VALUE, TooLargeError), ("\ud800", MalformedError)):
        with pytest.raises(error):
            await ground.put("KEY", refused)


async def test_a_condition_that_does_not_hold_changes_nothing(ground: VaultGround) -> None:
    await ground.put("KEY", "one", if_version=0)
    for if_version in (0, 2):
        with pytest.raises(VersionMismatchError):
            await ground.put("KEY", "lost", if_version=if_version)
    with pytest.raises(VersionMismatchError):
        await ground.put("OTHER", "lost", if_version=1)
    with pytest.raises(VersionMismatchError):
        await ground.perform(DeleteSecret(name="KEY", if_version=2, **WHERE))
    assert await states(ground, "KEY") == [(1, "current")]
    assert (await ground.put("KEY", "two", if_version=1)).version == 2


async def test_of_writes_at_once_none_is_lost_and_each_has_a_version_of_its_own(ground: VaultGround) -> None:
    written = await asyncio.gather(*(ground.put("KEY", f"value {i}", path="/new") for i in range(6)))

    assert sorted(record.version for record in written) == [1, 2, 3, 4, 5, 6]
    for i, record in enumerate(written):
        assert await ground.value("KEY", path="/new", version=record.version) == f"value {i}"


async def test_of_writes_at_once_upon_one_version_exactly_one_succeeds(ground: VaultGround) -> None:
    await ground.put("KEY", "one")
    outcomes = await asyncio.gather(
        *(ground.put("KEY", f"value {i}", if_version=1) for i in range(5)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["SecretRecord"] + ["VersionMismatchError"] * 4
    assert len(await states(ground, "KEY")) == 2


async def test_a_deleted_secret_is_gone_until_it_is_undeleted_or_written_again(ground: VaultGround) -> None:
    await ground.put("KEY", "one", path="/app")
    await ground.put("KEY", "two", path="/app")
    at: dict[str, Any] = {"path": "/app", **WHERE}
    await ground.perform(DeleteSecret(name="KEY", **at))

    for gone in (ground.read("KEY", path="/app"), ground.perform(DeleteSecret(name="KEY", **at))):
        with pytest.raises(NotFoundError):
            await gone
    assert await ground.value("KEY", path="/app", version=1) == "one"
    with pytest.raises(NotFoundError):  # a viewer may not undelete
        await ground.read("KEY", path="/app", version=1, caller=VIEWER)

    assert (await ground.perform(UndeleteSecret(name="KEY", **at))).version == 2
    assert await ground.value("KEY", path="/app") == "two"
    with pytest.raises(NotDeletedError):
        await ground.perform(UndeleteSecret(name="KEY", **at))
    await ground.perform(DeleteSecret(name="KEY", **at))
    again = await ground.put("KEY", "three", path="/app", if_version=0)
    assert (again.version, again.was_created) == (3, True)


async def test_destroyed_versions_are_gone_for_good_and_their_rows_stay(ground: VaultGround) -> None:
    for value in ("one", "two", "three"):
        await ground.put("KEY", value)
    destroyed = await ground.perform(DestroyVersions(name="KEY", versions=(1, 2, 1), **WHERE))
    assert [(each.version, each.state) for each in destroyed.items] == [
        (2, VersionState.DESTROYED),
        (1, VersionState.DESTROYED),
    ]
    assert await states(ground, "KEY") == [(3, "current"), (2, "destroyed"), (1, "destroyed")]
    with pytest.raises(VersionDestroyedError):
        await ground.read("KEY", version=1)
    with pytest.raises(VersionInUseError):
        await ground.perform(DestroyVersions(name="KEY", versions=(3,), **WHERE))
    with pytest.raises(NotFoundError):
        await ground.perform(DestroyVersions(name="KEY", versions=(4,), **WHERE))
    with pytest.raises(ForbiddenError):
        await ground.perform(DestroyVersions(name="KEY", versions=(1,), **WHERE), MEMBER)
    await ground.perform(DeleteSecret(name="KEY", **WHERE))
    await ground.perform(DestroyVersions(name="KEY", versions=(3,), **WHERE))
    with pytest.raises(VersionDestroyedError):
        await ground.perform(UndeleteSecret(name="KEY", **WHERE))
    assert (await ground.put("KEY", "four")).version == 4


async def test_a_change_of_notes_makes_a_version_and_a_new_place_makes_none(ground: VaultGround) -> None:
    await ground.put("KEY", "one", path="/a", comment="before")
    changed = await ground.perform(UpdateSecret(name="KEY", path="/a", comment="after", **WHERE))
    assert (changed.version, await ground.value("KEY", path="/a")) == (2, "one")
    moved = await ground.perform(
        UpdateSecret(name="KEY", path="/a", new_path="/b/c", new_name="OTHER", **WHERE)
    )
    assert (moved.version, moved.path, moved.name, moved.comment) == (2, "/b/c", "OTHER", "after")
    both = await ground.perform(
        UpdateSecret(name="OTHER", path="/b/c", new_path="/d", value=SecretValue("two"), **WHERE)
    )
    assert (both.version, both.path) == (3, "/d")
    assert await ground.value("OTHER", path="/d", version=1) == "one"
    for gone in (("KEY", "/a"), ("OTHER", "/b/c")):
        with pytest.raises(NotFoundError):
            await ground.read(gone[0], path=gone[1])
    await ground.put("TAKEN", path="/d")
    with pytest.raises(SecretTakenError):
        await ground.perform(UpdateSecret(name="OTHER", path="/d", new_name="TAKEN", **WHERE))
    with pytest.raises(NotFoundError):
        await ground.perform(UpdateSecret(name="MISSING", comment="c", **WHERE))
    with pytest.raises(MalformedError):
        await ground.perform(UpdateSecret(name="TAKEN", path="/d", **WHERE))


async def test_policies_see_where_a_secret_lies_and_its_tags(ground: VaultGround) -> None:
    await ground.put("KEY", "open", path="/open")
    await ground.put("KEY", "closed", path="/closed")
    await ground.put("LOCKED", path="/closed", tags=("locked",))

    assert await ground.value("KEY", path="/open", caller=READER) == "open"
    for path, name in (("/closed", "KEY"), ("/closed", "MISSING")):
        with pytest.raises(NotFoundError):
            await ground.read(name, path=path, caller=READER)
    assert (await ground.put("KEY", "more", path="/closed", caller=MOVER)).version == 2
    for refused in (
        ground.put("LOCKED", "more", path="/closed", caller=MOVER),
        ground.put("KEY", "more", path="/closed", tags=("locked",), caller=MOVER),
        # Who may not read a secret does not carry it to where it is read.
        ground.perform(UpdateSecret(name="KEY", path="/closed", new_path="/open", **WHERE), MOVER),
    ):
        with pytest.raises((ForbiddenError, NotFoundError)):
            await refused
    assert await ground.value("KEY", path="/open") == "open"


async def test_a_retry_under_one_key_writes_one_version(ground: VaultGround) -> None:
    put = PutSecret(name="KEY", value=SecretValue("one"), **WHERE)
    first = await ground.perform(put, key="k1")
    assert await ground.perform(put, key="k1") == first
    assert await states(ground, "KEY") == [(1, "current")]
    with pytest.raises(ConflictError):
        await ground.perform(UndeleteSecret(name="KEY", **WHERE))


async def test_a_read_waits_twice_for_the_database_and_a_write_no_longer_than_it_must(
    ground: VaultGround,
) -> None:
    await ground.put("KEY", path="/app")
    await ground.read("KEY", path="/app")

    waits = ground.database.waits
    await ground.read("KEY", path="/app")
    read = ground.database.waits - waits
    await ground.put("KEY", path="/app")
    # Finding it and the trail; finding it, changing the row as it was seen, and all the rest with the commit.
    write = {"sqlite": 2, "postgresql": 3}[ground.database.dialect]
    assert (read, ground.database.waits - waits - read) == (2, write)
