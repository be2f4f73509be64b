"""One whole service with two tenants, shared by the suites that go over the registry of operations.

Those suites ask for what must be refused or must fail, and assert that it leaves nothing behind; so the scene
is the same for every test. It lives on a loop of its own, since the loop of `runner` ends with each test.
"""

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.databases import SqliteTemplate
from tests.support.scene import Scene, set_scene


@pytest.fixture(scope="session")
def lasting_scene(
    sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    with asyncio.Runner() as runner:
        scene = runner.run(set_scene(tmp_path_factory.mktemp("scene"), sqlite_template, runner))
        yield scene
        runner.run(scene.instance.close())


@pytest.fixture
def scene(lasting_scene: Scene) -> Scene:
    """The scene with nothing broken and an empty list of what the trail has seen."""
    lasting_scene.instance.mend()
    return lasting_scene
