"""Secrets, versions and commits behave as an obvious model of them does, whatever is done in which order."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from ca_service.kernel.errors import KeywrightError, NotFoundError
from ca_service.kernel.secret_value import SecretValue
from secrets_core.vault.commits import ChangeAction
from secrets_core.vault.errors import (
    NotDeletedError,
    SecretTakenError,
    VersionDestroyedError,
    VersionInUseError,
    VersionMismatchError,
)
from secrets_core.vault.operations import (
    ChangeAsked,
    CommitChanges,
    DestroyVersions,
    ListCommits,
    ListVersions,
    UpdateSecret,
)
from tests.support.databases import SqliteTemplate, open_sqlite
from tests.support.fakes.kernel import FakeClock
from tests.support.vault_ground import PROJECT, VaultGround

NAMES = ("A", "B")
WHERE: dict[str, Any] = {"project": PROJECT, "environment": "dev"}


class Step(Struct, frozen=True):
    """One thing that is done: a commit of one or two changes, a move, or a destruction."""

    kind: str
    changes: tuple[tuple[str, str, int | None], ...] = ()
    name: str = "A"
    number: int = 1


_CHANGE = st.tuples(
    st.sampled_from(["set", "set", "delete", "undelete"]),
    st.sampled_from(NAMES),
    st.one_of(st.none(), st.none(), st.integers(0, 3)),
)
_CHANGES = st.lists(_CHANGE, min_size=1, max_size=2, unique_by=lambda change: change[1]).map(tuple)
_STEPS = st.lists(
    st.one_of(
        st.builds(Step, st.just("commit"), _CHANGES),
        st.builds(Step, st.just("move"), name=st.sampled_from(NAMES)),
        st.builds(Step, st.just("destroy"), name=st.sampled_from(NAMES), number=st.integers(1, 3)),
    ),
    min_size=1,
    max_size=12,
)


class Kept:
    """A secret of the model: its values, oldest first, and None for those destroyed."""

    def __init__(self) -> None:
        self.values: list[str | None] = []
        self.is_deleted = False

    def copy(self) -> "Kept":
        twin = Kept()
        twin.values, twin.is_deleted = [*self.values], self.is_deleted
        return twin


class Model:
    """What the vault is, told as simply as possible."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.commits = 0

    def do(self, step: Step, values: list[str]) -> type[KeywrightError] | None:
        """Do a step, or return the error that it is refused with; nothing is changed then."""
        if step.kind == "move":
            return self._move(step.name)
        if step.kind == "destroy":
            return self._destroy(step.name, step.number)
        after = {name: kept.copy() for name, kept in self.kept.items()}
        for (action, name, if_version), value in zip(step.changes, values, strict=True):
            error = self._change(after, action, name, if_version, value)
            if error is not None:
                return error
        self.kept, self.commits = after, self.commits + 1
        return None

    def _change(
        self, after: dict[str, Kept], action: str, name: str, if_version: int | None, value: str
    ) -> type[KeywrightError] | None:
        found = after.get(name)
        current = 0 if found is None or found.is_deleted else len(found.values)
        if action == "undelete":
            if found is None:
                return NotFoundError
            if current:
                return NotDeletedError
            if if_version not in {None, len(found.values)}:
                return VersionMismatchError
            if found.values[-1] is None:
                return VersionDestroyedError
            found.is_deleted = False
            return None
        if action == "delete" and not current:
            return NotFoundError
        if if_version not in {None, current}:
            return VersionMismatchError
        if action == "delete":
            after[name].is_deleted = True
            return None
        found = after.setdefault(name, Kept())
        found.values.append(value)
        found.is_deleted = False
        return None

    def _move(self, name: str) -> type[KeywrightError] | None:
        other = next(each for each in NAMES if each != name)
        if name not in self.kept or self.kept[name].is_deleted:
            return NotFoundError
        if other in self.kept:
            return SecretTakenError
        self.kept[other] = self.kept.pop(name)
        self.commits += 1
        return None

    def _destroy(self, name: str, number: int) -> type[KeywrightError] | None:
        found = self.kept.get(name)
        if found is None or number > len(found.values):
            return NotFoundError
        if not found.is_deleted and number == len(found.values):
            return VersionInUseError
        found.values[number - 1] = None
        self.commits += 1
        return None


async def do(ground: VaultGround, step: Step, values: list[str]) -> type[KeywrightError] | None:
    """Do a step to the vault."""
    other = next(each for each in NAMES if each != step.name)
    operation: Any
    if step.kind == "move":
        operation = UpdateSecret(name=step.name, new_name=other, **WHERE)
    elif step.kind == "destroy":
        operation = DestroyVersions(name=step.name, versions=(step.number,), **WHERE)
    else:
        changes = tuple(
            ChangeAsked(
                action=ChangeAction(action),
                environment="dev",
                name=name,
                value=SecretValue(value) if action == "set" else None,
                if_version=if_version,
            )
            for (action, name, if_version), value in zip(step.changes, values, strict=True)
        )
        operation = CommitChanges(project=PROJECT, changes=changes)
    try:
        await ground.perform(operation)
    except KeywrightError as error:
        return type(error)
    return None


async def seen(ground: VaultGround, name: str) -> tuple[list[str | None], bool] | None:
    """Return the values of a secret, oldest first, and whether it is deleted; None if it never was."""
    try:
        versions = (await ground.perform(ListVersions(name=name, **WHERE))).items
    except NotFoundError:
        return None
    values: list[str | None] = []
    for version in reversed(versions):
        try:
            values.append(await ground.value(name, version=version.version))
        except VersionDestroyedError:
            values.append(None)
    try:
        assert await ground.value(name) == values[-1]
    except NotFoundError:
        return values, True
    return values, False


async def run(ground: VaultGround, steps: list[Step]) -> None:
    model = Model()
    for i, step in enumerate(steps):
        values = [f"value {i}.{place}" for place in range(len(step.changes))]
        assert await do(ground, step, values) == model.do(step, values), (i, step)
    for name in NAMES:
        kept = model.kept.get(name)
        assert await seen(ground, name) == (None if kept is None else (kept.values, kept.is_deleted))
    commits = (await ground.perform(ListCommits(project=PROJECT))).items
    assert [each.number for each in commits] == list(range(model.commits, 0, -1))


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_the_vault_does_what_its_model_does(
    loop: asyncio.Runner,
    sqlite_template: SqliteTemplate,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[Step],
) -> None:
    folder: Path = tmp_path_factory.mktemp("vault")
    clock = FakeClock()

    async def whole() -> None:
        database = await open_sqlite(sqlite_template.copy_to(folder), clock)
        try:
            await run(await VaultGround(database, clock).start(), steps)
        finally:
            await database.close()

    loop.run(whole())
