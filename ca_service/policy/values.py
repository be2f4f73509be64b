"""What a decision is asked about and what it answers: values only."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct

from ca_service.kernel.tenancy import Tenant

ContextValue: TypeAlias = "str | int | bool | timedelta | list[ContextValue] | dict[str, ContextValue]"
NOTHING: Mapping[str, ContextValue] = MappingProxyType({})


class Entity(Struct, frozen=True):
    """A Cedar entity's name: `Project::"prj_…"`."""

    type: str
    id: str


class Principal(Struct, frozen=True):
    """Who asks: an identity, an ACME account, a job. `parents` are the roles and groups it is in."""

    entity: Entity
    parents: tuple[Entity, ...] = ()


class Resource(Struct, frozen=True):
    """What is asked about. `noun` is the word a 404 uses for it ("certificate").

    `tenant` places it in its project and organization; None stands for the instance itself. `attributes` are
    those the Cedar schema gives the type, and nothing else. `part` is what of the entity it is about, where
    policies speak of the whole only: the trail names it.
    """

    entity: Entity
    noun: str
    tenant: Tenant | None
    attributes: Mapping[str, ContextValue] = NOTHING
    part: Entity | None = None


class Access(Struct, frozen=True):
    """One question to the policy: may the caller do `action` to `resource` in this `context`?

    `ttl` is the lifetime the caller asked for; left out (None), the handler clamps its default to the grant.
    `visible_by` is the action that lets a caller see the resource: refused both, he is told 404 and not 403.
    `field` is the part of the request this question stands for, named in the problem if it is refused.
    """

    action: str
    resource: Resource
    visible_by: str
    context: Mapping[str, ContextValue] = NOTHING
    ttl: timedelta | None = None
    field: str | None = None


class Obligations(Struct, frozen=True):
    """What a permit asks for in return (S1). None and 0: nothing."""

    max_ttl: timedelta | None = None
    approvals: int = 0


class Decision(Struct, frozen=True):
    """The answer to one question. `policies` are the ids that determined it; `reason` is for people."""

    id: str
    allowed: bool
    policies: tuple[str, ...]
    reason: str
    obligations: Obligations
    generation: int


class Grant(Struct, frozen=True):
    """All decisions of one operation together: between them the strictest counts (S1)."""

    decisions: tuple[str, ...]
    generation: int
    max_ttl: timedelta | None = None
