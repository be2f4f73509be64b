"""A question as Cedar is asked it: request and entities, and who stands around a resource."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import cedarpy
import msgspec
from msgspec import Struct

from ca_service.policy.cedar_text import Json, cedar_json, uid
from ca_service.policy.errors import QuestionError
from ca_service.policy.sets import INSTANCE
from ca_service.policy.values import Access, ContextValue, Entity, Principal, Resource

_ENCODER = msgspec.json.Encoder()


class Place(Struct, frozen=True):
    """Where a resource is: in the instance alone (two empty texts), an organization, or a project."""

    organization: str = ""
    project: str = ""

    @property
    def ancestors(self) -> tuple[Entity, ...]:
        """Return the entities around a resource here, the innermost first."""
        around = [INSTANCE]
        if self.organization:
            around.insert(0, Entity("Organization", self.organization))
        if self.project:
            around.insert(0, Entity("Project", self.project))
        return tuple(around)


def place_of(resource: Resource) -> Place:
    """Return where a resource is; an organization asked about without a tenant is its own place."""
    if resource.tenant is not None:
        return Place(resource.tenant.organization, resource.tenant.project)
    if resource.entity.type == "Organization":
        return Place(resource.entity.id)
    return Place()


def context_of(access: Access) -> dict[str, ContextValue]:
    """Return the context of a question; `ttl` is the one asked for unless the context has its own."""
    context = dict(access.context)
    if access.ttl is not None:
        context.setdefault("ttl", access.ttl)
    return context


class Around(Struct, frozen=True):
    """The entities that stay the same for one principal, action and place, as values and parsed."""

    entities: Mapping[Entity, Json]
    parsed: cedarpy.Entities


def around(principal: Principal, action: str, groups: frozenset[str], place: Place) -> Around:
    """Return the entities of a question besides its resource."""
    entities: dict[Entity, Json] = {}
    chain = place.ancestors
    for position, entity in enumerate(chain):
        entities[entity] = _described(entity, chain[position + 1 : position + 2])
    acting = Entity("Action", action)
    entities[acting] = _described(acting, tuple(Entity("Action", group) for group in sorted(groups)))
    entities[principal.entity] = _described(principal.entity, principal.parents)
    return Around(entities, cedarpy.Entities.from_json_str(_ENCODER.encode([*entities.values()]).decode()))


def _described(entity: Entity, parents: tuple[Entity, ...], attributes: Json | None = None) -> Json:
    unique = dict.fromkeys(parent for parent in parents if parent != entity)
    return {"uid": uid(entity), "attrs": attributes or {}, "parents": [uid(parent) for parent in unique]}


def entities_with(surroundings: Around, resource: Resource, place: Place) -> cedarpy.Entities:
    """Return all entities of one question."""
    attributes = {key: cedar_json(value) for key, value in resource.attributes.items()}
    described = _described(resource.entity, place.ancestors[:1], attributes)
    known = surroundings.entities.get(resource.entity)
    if known is None:
        return surroundings.parsed.with_added_json_str(_ENCODER.encode([described]).decode())
    # The resource is the principal itself or a part of the tenant chain: Cedar wants each entity once.
    own = described["uid"]
    further = [parent for parent in described["parents"] if parent not in known["parents"] and parent != own]
    described["parents"] = known["parents"] + further
    others = [entity for name, entity in surroundings.entities.items() if name != resource.entity]
    return cedarpy.Entities.from_json_str(_ENCODER.encode([*others, described]).decode())


def encode_request(
    principal: Entity, action: str, resource: Entity, context: Mapping[str, ContextValue]
) -> Json:
    """Return a Cedar request."""
    return {
        "principal": uid(principal),
        "action": {"type": "Action", "id": action},
        "resource": uid(resource),
        "context": _ENCODER.encode({key: cedar_json(value) for key, value in context.items()}).decode(),
    }


def _plain(value: object) -> object:
    if isinstance(value, MappingProxyType):
        return dict(value)
    raise QuestionError(f"a policy question holds a {type(value).__name__}, which has no place there")


_CANONICAL = msgspec.json.Encoder(order="deterministic", enc_hook=_plain)


def canonical_attributes(resource: Resource) -> bytes:
    """Return a resource's attributes in one encoding."""
    return _CANONICAL.encode(resource.attributes) if resource.attributes else b""


def canonical_facts(access: Access) -> bytes:
    """Return context, attributes and lifetime in one encoding: equal bytes mean an equal question (S14)."""
    resource = access.resource
    if not access.context and not resource.attributes and access.ttl is None:
        return b""
    return _CANONICAL.encode((access.context, resource.attributes, access.ttl))


Shape = tuple[Any, ...]


def shape_of(principal: Principal, access: Access) -> Shape:
    """Return what the schema says of a question: the types of everything in it, and no value."""
    resource = access.resource
    return (
        principal.entity.type,
        tuple([parent.type for parent in principal.parents]),
        access.action,
        resource.entity.type,
        place_of(resource).ancestors[0].type,
        _shape(resource.attributes) if resource.attributes else (),
        _shape(access.context) if access.context else (),
        access.ttl is None,
    )


def _shape(values: Mapping[str, ContextValue]) -> Shape:
    return tuple([(key, _type_of(value)) for key, value in values.items()])


def _type_of(value: ContextValue) -> Any:
    if isinstance(value, dict):
        return _shape(value)
    return frozenset(map(_type_of, value)) if isinstance(value, list) else value.__class__
