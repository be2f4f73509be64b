"""Environments: made, listed and deleted."""

from ca_service.database.errors import StillReferredToError, UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.governance.operations import (
    CreateEnvironment,
    DeleteEnvironment,
    Found,
    ListEnvironments,
)
from ca_service.governance.places import Environment
from ca_service.governance.resources import access_to_project
from ca_service.governance.slugs import parse_slug
from ca_service.governance.storage import delete_environment, insert_environment, list_environments
from ca_service.identity.roles import Generations
from ca_service.kernel.errors import ConflictError, NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.policy.values import Grant


class CreateEnvironmentHandler(Handler[CreateEnvironment, Environment, Environment, Environment]):
    """Makes an environment."""

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: CreateEnvironment) -> Prepared[Environment]:
        environment = Environment(
            id=self._identifiers.new("env"),
            organization=call.home.organization,
            project=call.home.project,
            slug=parse_slug(operation.slug),
            name=operation.name,
            created_at=call.now,
            created_by=call.caller.id,
        )
        details = {"environment": environment.id, "slug": environment.slug}
        return Prepared(environment, (access_to_project(operation.action, call.home),), details)

    async def sign(self, call: Call, draft: Environment, grant: Grant) -> Environment:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Environment) -> Environment:
        del call
        try:
            await insert_environment(transaction, signed)
        except UniqueViolationError as error:
            raise ConflictError(
                f"The project has an environment {signed.slug!r} already.", field="slug", rule="unique"
            ) from error
        return signed


class ListEnvironmentsReader(Reader[ListEnvironments, Found[Environment]]):
    """Lists a project's environments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: ListEnvironments) -> Prepared[Found[Environment]]:
        limit = operation.limit
        rows = await list_environments(self._database, call.home, operation.after or "", limit + 1)
        page = rows[:limit]
        found = Found(tuple(page), page[-1].slug if len(rows) > limit else None)
        return Prepared(found, (access_to_project(operation.action, call.home),))


class DeleteEnvironmentHandler(Handler[DeleteEnvironment, str, str, None]):
    """Deletes an environment."""

    def __init__(self, generations: Generations) -> None:
        self._generations = generations

    async def prepare(self, call: Call, operation: DeleteEnvironment) -> Prepared[str]:
        name = operation.environment
        return Prepared(name, (access_to_project(operation.action, call.home),), {"environment": name})

    async def sign(self, call: Call, draft: str, grant: Grant) -> str:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: str) -> None:
        try:
            deleted = await delete_environment(transaction, call.home, signed)
        except StillReferredToError as error:
            raise ConflictError(
                "The environment still holds folders, secrets or dynamic secrets. Delete them first: `DELETE "
                "…/folders?path=/&recursive=true` deletes all folders with their secrets.",
                field="environment",
                rule="in-use",
            ) from error
        if not deleted:
            raise NotFoundError("environment")
        # Whoever remembers the environment of this slug must look again.
        await self._generations.raise_generation(transaction)
