"""Two tenants on one instance, and everybody who asks: who administers them, and who has no role."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from ca_service.gate.caller import Caller
from ca_service.gate.operation import Operation
from ca_service.identity.operations import CreateClientSecret, CreateIdentity, LogIn
from ca_service.kernel.errors import KeywrightError
from ca_service.web.problems import render_problem
from tests.support.databases import SqliteTemplate
from tests.support.holders import Holder, login_of, make_holder
from tests.support.instance import Instance

T = TypeVar("T")

#: In every name of A's things and in none of B's.
MARK = "zinnia"


class Person(Struct, frozen=True):
    """An identity with its token."""

    caller: Caller
    token: str


class Scene(Struct, frozen=True):
    """Tenant `a` with one of everything, and tenant `b` that asks for it.

    `b.machine` administers its own organization and project and nothing else. `nobody` is an identity of A's
    organization and `lodger` one of A's project; neither has any role. `runner` runs what is asked of them.
    """

    instance: Instance
    a: Holder
    b: Holder
    nobody: Person
    lodger: Person
    runner: asyncio.Runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the scene's loop."""
        return self.runner.run(work)

    def refusal(self, operation: Operation[Any], caller: Caller) -> tuple[int, bytes]:
        """Return status and problem document with which an operation is refused, and fail if it is not."""
        outcome = self.outcome(operation, caller)
        assert isinstance(outcome, KeywrightError), f"{operation} was answered: {outcome}"
        return refused(outcome)

    def outcome(self, operation: Operation[Any], caller: Caller) -> Any:
        """Return the answer of an operation, or the error it was refused with."""
        try:
            return self.run(self.instance.perform(operation, caller))
        except KeywrightError as error:
            return error


def refused(error: KeywrightError) -> tuple[int, bytes]:
    """Return status and problem document of an error, as our API answers it."""
    rendered = render_problem(error, "req-test")
    return rendered.status, rendered.body


async def set_scene(folder: Path, template: SqliteTemplate, runner: asyncio.Runner) -> Scene:
    """Return an instance with both tenants."""
    instance = await Instance.open(folder, template)
    a, b = await make_holder(instance, MARK), await make_holder(instance, "barley")
    return Scene(
        instance=instance,
        a=a,
        b=b,
        nobody=await _make_person(instance, a, None),
        lodger=await _make_person(instance, a, a.things.project),
        runner=runner,
    )


async def _make_person(instance: Instance, home: Holder, project: str | None) -> Person:
    organization = home.things.organization
    identity = await instance.perform(
        CreateIdentity(organization=organization, name="without a role", project=project)
    )
    secret = await instance.perform(CreateClientSecret(organization=organization, identity=identity.id))
    caller = login_of(identity.id, secret.record.id, home.tenant, in_project=project is not None)
    issued = await instance.perform(LogIn(), caller)
    return Person(await instance.authenticate(issued.access_token), issued.access_token.reveal())
