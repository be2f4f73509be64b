"""Which questions a policy can speak to at all, read from its scope: principal, action, resource.

A filter before Cedar, so that a decision evaluates a handful of policies and not the whole tenant's. It may
let a policy through that Cedar then finds not to apply; it never holds back one that would.
"""

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

from ca_service.policy.cedar_text import Json
from ca_service.policy.values import Entity

#: The entities a resource can be in besides itself; anything else is left for Cedar to judge.
_TENANT_TYPES = frozenset({"Instance", "Organization", "Project"})


class Side(Struct, frozen=True):
    """The constraint on the principal or the resource. None in a field: unconstrained by it."""

    exactly: Entity | None = None
    within: Entity | None = None
    type: str | None = None


class Scope(Struct, frozen=True):
    """A policy's scope. `actions` None: every action; else actions and groups, one of which must match."""

    principal: Side
    actions: frozenset[str] | None
    resource: Side

    @property
    def tells_resources_apart(self) -> bool:
        """Tell whether resources of one type, in one place, may match differently."""
        side = self.resource
        return side.exactly is not None or (side.within is not None and side.within.type not in _TENANT_TYPES)

    def speaks_of_action(self, action: str, groups: Collection[str]) -> bool:
        """Tell whether an action that is in `groups` can match."""
        return self.actions is None or action in self.actions or not self.actions.isdisjoint(groups)

    def speaks_to(self, principal: Entity, parents: Collection[Entity]) -> bool:
        """Tell whether a principal in these parents can match."""
        side = self.principal
        if side.type is not None and side.type != principal.type:
            return False
        if side.exactly is not None:
            return side.exactly == principal
        return side.within is None or side.within == principal or side.within in parents

    def speaks_of(self, resource: Entity, ancestors: Collection[Entity]) -> bool:
        """Tell whether a resource below these ancestors can match."""
        side = self.resource
        if side.type is not None and side.type != resource.type:
            return False
        if side.exactly is not None:
            return side.exactly == resource
        within = side.within
        if within is None or within == resource or within in ancestors:
            return True
        return within.type not in _TENANT_TYPES


def scope_of(statement: Json) -> Scope:
    """Return the scope of a policy in Cedar's JSON."""
    return Scope(_side(statement["principal"]), _actions(statement["action"]), _side(statement["resource"]))


def _side(constraint: Mapping[str, Any]) -> Side:
    operator = constraint["op"]
    if operator == "==":
        return Side(exactly=_entity(constraint["entity"]))
    if operator == "in":
        return Side(within=_entity(constraint["entity"]))
    if operator == "is":
        inner = constraint.get("in")
        return Side(type=constraint["entity_type"], within=_entity(inner["entity"]) if inner else None)
    return Side()


def _actions(constraint: Mapping[str, Any]) -> frozenset[str] | None:
    if constraint["op"] == "All":
        return None
    entities = constraint["entities"] if "entities" in constraint else [constraint["entity"]]
    return frozenset(entity["id"] for entity in entities)


def _entity(name: Mapping[str, str]) -> Entity:
    return Entity(name["type"], name["id"])
