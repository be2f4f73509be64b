"""The environments of a project as the modules of secrets look them up."""

from ca_service.database.port import Database
from ca_service.governance.places import Environment
from ca_service.governance.storage import find_environment
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.cache import GenerationCache
from ca_service.policy.engine import PolicyEngine

_MOST = 4096


class Environments:
    """Finds environments by slug or id: read once in a policy generation, which their end raises."""

    def __init__(self, database: Database, policy: PolicyEngine) -> None:
        self._database = database
        self._policy = policy
        self._found: GenerationCache[tuple[Tenant, str], Environment] = GenerationCache(_MOST)

    async def find(self, tenant: Tenant, name: str) -> Environment:
        """Return the environment. Raises NotFoundError("environment")."""
        generation = await self._policy.current_generation()
        found = self._found.get(generation, (tenant, name))
        if found is None:
            found = await find_environment(self._database, tenant, name)
            if found is None:
                raise NotFoundError("environment")
            self._found.put(generation, (tenant, name), found)
        return found
