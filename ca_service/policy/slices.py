"""The policies that can speak to a principal doing something in a place, out of all there are."""

from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from ca_service.custody.derivation import MacKey
from ca_service.database.port import Database
from ca_service.policy.cache import BoundedCache, GenerationCache
from ca_service.policy.compiled import CompiledPolicy, compile_policy
from ca_service.policy.errors import PolicyRefusedError, SchemaError
from ca_service.policy.question import Around, Place, around
from ca_service.policy.sets import BuiltInPolicy, role_policy
from ca_service.policy.storage import policies_around
from ca_service.policy.values import Entity, Principal

#: What the context of a question about one name holds.
NAME = "name"


class Slice(Struct, frozen=True):
    """The policies for one principal, action and place, and the entities around the question.

    `is_alike_for_all`: of those that can speak to a question without a name in its context, none tells one
    resource of a type from another or looks at anything else of it.
    """

    policies: tuple[CompiledPolicy, ...]
    around: Around
    is_alike_for_all: bool

    def lets_in(self, ancestors: Collection[Entity]) -> bool:
        """Tell whether some permit may let the principal do this to something below these ancestors.

        None does where a forbid without conditions takes in all of the place.
        """
        if any(policy.is_forbid and _takes_in_all(policy, ancestors) for policy in self.policies):
            return False
        return not all(policy.is_forbid for policy in self.policies)


def _tells_apart(policy: CompiledPolicy) -> bool:
    return not policy.looks_only_at_names or policy.scope.tells_resources_apart


def _takes_in_all(policy: CompiledPolicy, ancestors: Collection[Entity]) -> bool:
    side = policy.scope.resource
    if policy.conditions or side.exactly is not None or side.type is not None:
        return False
    return side.within is None or side.within in ancestors


class PolicySource:
    """Gathers built-in, role and stored policies. One slice follows from one policy generation."""

    def __init__(
        self,
        database: Database,
        mac_key: MacKey,
        built_ins: Iterable[CompiledPolicy],
        groups: Mapping[str, frozenset[str]],
    ) -> None:
        self._database = database
        self._mac_key = mac_key
        self._built_ins = tuple(built_ins)
        self._groups = groups
        self._slices: GenerationCache[tuple[Principal, str, Place], Slice] = GenerationCache(4_096)
        self._stored: GenerationCache[Place, tuple[CompiledPolicy, ...]] = GenerationCache(1_024)
        self._compiled: BoundedCache[tuple[str, str, str], CompiledPolicy] = BoundedCache(16_384)

    async def slice(self, generation: int, principal: Principal, action: str, place: Place) -> Slice:
        """Return the policies whose scope takes in the principal and the action, here.

        A job (`System`) is governed by the built-in policies alone (S15): no stored policy and no role gives
        it anything or takes it away. Raises IntegrityError if a stored policy here was changed outside.
        """
        key = (principal, action, place)
        found = self._slices.get(generation, key)
        if found is None:
            found = await self._gathered(generation, principal, action, place)
            self._slices.put(generation, key, found)
        return found

    async def _gathered(self, generation: int, principal: Principal, action: str, place: Place) -> Slice:
        candidates = self._built_ins
        if principal.entity.type != "System":
            stored = self._stored.get(generation, place)
            if stored is None:
                stored = await self._load(place)
                self._stored.put(generation, place, stored)
            candidates = (*candidates, *self._role_policies(principal, place), *stored)
        groups = self._groups[action]
        parents = frozenset(principal.parents)
        speaking = tuple(
            policy
            for policy in candidates
            if policy.scope.speaks_of_action(action, groups)
            and policy.scope.speaks_to(principal.entity, parents)
        )
        alike = not any(_tells_apart(policy) for policy in speaking if NAME not in policy.requires)
        return Slice(speaking, around(principal, action, groups, place), alike)

    async def _load(self, place: Place) -> tuple[CompiledPolicy, ...]:
        rows = await policies_around(self._database, self._mac_key, place.organization, place.project)
        return tuple(self._compile(row.id, row.text, row.name) for row in rows)

    def _role_policies(self, principal: Principal, place: Place) -> list[CompiledPolicy]:
        kinds = {place.organization: "Organization", place.project: "Project", "instance": "Instance"}
        found = []
        for parent in principal.parents:
            if parent.type != "Role":
                continue
            scope, _, role = parent.id.rpartition("/")
            policy = role_policy(scope, role, kinds[scope]) if scope and scope in kinds else None
            if policy is not None:
                found.append(self.compile_built_in(policy))
        return found

    def compile_built_in(self, policy: BuiltInPolicy) -> CompiledPolicy:
        """Return a built-in policy compiled."""
        return self._compile(policy.id, policy.text, "")

    def _compile(self, policy_id: str, text: str, name: str) -> CompiledPolicy:
        key = (policy_id, text, name)
        compiled = self._compiled.get(key)
        if compiled is None:
            try:
                compiled = compile_policy(policy_id, text, name)
            except PolicyRefusedError as error:
                # It was accepted when it was written. To leave it out could leave out a forbid.
                detail = f"the policy {policy_id} cannot be read by this release: {error.detail}"
                raise SchemaError(detail) from error
            self._compiled.put(key, compiled)
        return compiled
