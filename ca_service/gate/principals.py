"""From a caller to the principal that Cedar knows, and Cedar's spelling of entities for the trail."""

from functools import lru_cache

from ca_service.gate.caller import Caller
from ca_service.policy.values import Entity, Principal


@lru_cache(maxsize=4096)
def principal_of(caller: Caller) -> Principal:
    """Return the caller as a Cedar principal: its roles are parents named `Role::"<scope>/<role>"`."""
    roles = tuple(Entity("Role", f"{grant.scope}/{grant.role}") for grant in caller.roles)
    groups = tuple(Entity(kind, name) for kind, name in caller.groups)
    return Principal(Entity(caller.kind.value, caller.id), roles + groups)


@lru_cache(maxsize=4096)
def caller_name(caller: Caller) -> str:
    """Return the caller as Cedar writes it: `Identity::"idn_…"`."""
    return cedar_name(Entity(caller.kind.value, caller.id))


def cedar_name(entity: Entity) -> str:
    """Return the entity as Cedar writes it: `Project::"prj_…"`."""
    name = entity.id
    if "\\" in name or '"' in name:
        name = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'{entity.type}::"{name}"'
