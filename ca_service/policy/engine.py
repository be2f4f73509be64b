"""The policy engine: every question of the gate is decided here, from the policies of one generation."""

from collections.abc import Callable, Iterable
from functools import lru_cache

import cedarpy

from ca_service.custody.derivation import MacKey
from ca_service.database.port import Database, Transaction
from ca_service.kernel.errors import UnacceptableError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.cache import BoundedCache, GenerationCache
from ca_service.policy.compiled import CompiledPolicy
from ca_service.policy.errors import PolicyRefusedError, QuestionError, SchemaError
from ca_service.policy.evaluation import Question, evaluate
from ca_service.policy.explanation import Explanation, explain
from ca_service.policy.question import (
    Place,
    Shape,
    canonical_attributes,
    canonical_facts,
    context_of,
    entities_with,
    place_of,
    shape_of,
)
from ca_service.policy.schema import ACTION_GROUPS, PolicySchema
from ca_service.policy.sets import BuiltInPolicy, reserved_names_policy, role_policy
from ca_service.policy.slices import NAME, PolicySource, Slice
from ca_service.policy.storage import raise_generation, read_generation, require_generation
from ca_service.policy.values import Access, Decision, Entity, Principal

_CACHED_DECISIONS = 10_000
_CACHED_ENTITIES = 512
_EMPTY_SET = cedarpy.PolicySet.from_str("")
_EntitiesKey = tuple[Principal, str, Place, Entity, bytes]
_Key = tuple[Principal, str, Entity, Tenant | None, bytes]
_Alike = tuple[Principal, str, str, Place, tuple[str, ...]]


class PolicyEngine:
    """Decides, explains, and keeps count of the policy generation.

    A decision holds for the generation it names; what issues, signs, reveals or changes a right asks
    `confirm` in its own transaction (S14).
    """

    def __init__(
        self,
        database: Database,
        schema: str,
        built_ins: Iterable[BuiltInPolicy],
        mac_key: MacKey,
        identifiers: Identifiers,
        *,
        reserved_names: Iterable[str] = (),
    ) -> None:
        """Take the joined schema and check everything that comes with the code against it.

        `mac_key` is `custody.mac_key(storage.MAC_PURPOSE)`; `reserved_names` are the hosts of the public URLs
        (S11). Raises SchemaError if the schema or a built-in policy does not hold together.
        """
        self._database = database
        self._identifiers = identifiers
        reserved = reserved_names_policy(reserved_names)
        texts = (*built_ins,) if reserved is None else (*built_ins, reserved)
        self.schema, compiled = _verified(schema, texts)
        self._source = PolicySource(database, mac_key, compiled, self.schema.groups)
        self._decisions: GenerationCache[_Key, Decision] = GenerationCache(_CACHED_DECISIONS)
        self._permits: GenerationCache[_Alike, Decision] = GenerationCache(_CACHED_DECISIONS)
        self._entities: BoundedCache[_EntitiesKey, cedarpy.Entities] = BoundedCache(_CACHED_ENTITIES)
        self._shapes: set[Shape] = set()
        self._seen: tuple[int, int] | None = None

    async def decide(self, principal: Principal, access: Access) -> Decision:
        """Return whether the principal may do this, as of the current generation.

        A decision made before in this generation is returned again, with its id. Raises QuestionError if the
        question does not fit the schema, IntegrityError if a policy that may govern it was changed outside.
        """
        generation = await self.current_generation()
        alike = await self._alike(generation, principal, access)
        if alike is not None:
            decision = self._permits.get(generation, alike)
            if decision is not None:
                return decision
        resource = access.resource
        key = (principal, access.action, resource.entity, resource.tenant, canonical_facts(access))
        decision = self._decisions.get(generation, key)
        if decision is None:
            question, policies = await self._question(generation, principal, access)
            self._verify_shape(principal, access, question)
            decision = self._decided(generation, policies, question)
            if alike is not None and decision.allowed:
                self._permits.put(generation, alike, decision)
            else:
                self._decisions.put(generation, key, decision)
        return decision

    async def _alike(self, generation: int, principal: Principal, access: Access) -> _Alike | None:
        """Return what questions have in common that one permit answers, None for a question of its own.

        A denial is never shared: its sentence names what was asked for.
        """
        if access.ttl is not None or NAME in access.context:
            return None
        resource = access.resource
        place = place_of(resource)
        if not (await self._slice(generation, principal, access.action, place)).is_alike_for_all:
            return None
        facts = (*resource.attributes, *access.context)
        return principal, access.action, resource.entity.type, place, facts

    async def reaches(self, principal: Principal, action: str, tenant: Tenant) -> bool:
        """Tell whether any policy may let the principal do this to anything in a project.

        No decision, only what `decide` looks up first; False means that every such decision is a denial.
        """
        place = Place(tenant.organization, tenant.project)
        generation = await self.current_generation()
        found = await self._source.slice(generation, principal, action, place)
        return found.lets_in(place.ancestors)

    async def explain(self, principal: Principal, access: Access) -> Explanation:
        """Return the decision with what matched and what came nearest; the context may lack attributes.

        Raises UnacceptableError for an action that does not exist.
        """
        if access.action not in self.schema.actions:
            detail = f"There is no action {access.action[:80]!a}; an action is written module:verb."
            raise UnacceptableError(detail, field="action", rule="unknown-action")
        generation = await self.current_generation()
        question, policies = await self._question(generation, principal, access)
        return explain(self._decided(generation, policies, question), policies, question)

    def verify_policy(self, text: str) -> None:
        """Return if the text can be stored as a policy. Raises PolicyRefusedError with Cedar's message."""
        self.schema.verify_policy("new", text)

    async def current_generation(self) -> int:
        """Return the generation as far as this process was told; a moment behind other processes at most."""
        hint = self._database.change_hint()
        if self._seen is not None and hint == self._seen[0]:
            return self._seen[1]
        # The hint was taken first: a change during the read moves it again, and the next look reads anew.
        generation = await read_generation(self._database)
        self._seen = None if hint is None else (hint, generation)
        return generation

    def require(self, transaction: Transaction, generation: int, otherwise: Callable[[], Exception]) -> None:
        """Let the transaction end with `otherwise()` unless decisions of this generation hold in it."""

        def is_stale() -> Exception:
            self.forget_generation()
            return otherwise()

        require_generation(transaction, generation, is_stale)

    async def raise_generation(self, transaction: Transaction) -> None:
        """Make every earlier decision stale, everywhere, with the commit of this transaction."""
        await raise_generation(transaction)
        transaction.announce()
        transaction.on_commit(self.forget_generation)

    def forget_generation(self) -> None:
        """Read the generation anew, so that deciding again sees what a transaction saw, notified or not."""
        self._seen = None

    async def _question(
        self, generation: int, principal: Principal, access: Access
    ) -> tuple[Question, tuple[CompiledPolicy, ...]]:
        resource = access.resource
        place = place_of(resource)
        found = await self._slice(generation, principal, access.action, place)
        ancestors, context = place.ancestors, context_of(access)
        policies = tuple(
            [
                policy
                for policy in found.policies
                if policy.scope.speaks_of(resource.entity, ancestors) and policy.requires <= context.keys()
            ]
        )
        key = (principal, access.action, place, resource.entity, canonical_attributes(resource))
        entities = self._entities.get(key)
        if entities is None:
            entities = entities_with(found.around, resource, place)
            self._entities.put(key, entities)
        return Question(principal, access, context, entities), policies

    async def _slice(self, generation: int, principal: Principal, action: str, place: Place) -> Slice:
        if action not in self.schema.groups:
            raise QuestionError(f"no module's schema declares the action {action}")
        return await self._source.slice(generation, principal, action, place)

    def _decided(self, generation: int, policies: tuple[CompiledPolicy, ...], question: Question) -> Decision:
        verdict = evaluate(policies, question)
        return Decision(
            id=self._identifiers.new("dec"),
            allowed=verdict.allowed,
            policies=verdict.policies,
            reason=verdict.reason,
            obligations=verdict.obligations,
            generation=generation,
        )

    def _verify_shape(self, principal: Principal, access: Access, question: Question) -> None:
        """Have Cedar check a question against the schema, once for all questions of the same types.

        Without it a mistake in a handler would show only as a policy that never matches.
        """
        shape = shape_of(principal, access)
        if shape in self._shapes:
            return
        # As text, because parsed entities are taken as they are and not checked.
        document = str(question.entities)
        result = cedarpy.is_authorized(question.request(), _EMPTY_SET, document, self.schema.handle)
        if result.decision is cedarpy.Decision.NoDecision:
            detail = "; ".join(result.diagnostics.errors).replace(document, "the entities")
            raise QuestionError(f"a question about {access.action} does not fit the schema: {detail}")
        self._shapes.add(shape)


def _compile_built_ins(
    schema: PolicySchema, policies: tuple[BuiltInPolicy, ...]
) -> tuple[CompiledPolicy, ...]:
    if len({policy.id for policy in policies}) != len(policies):
        raise SchemaError("two built-in policies have the same id")
    compiled: list[CompiledPolicy] = []
    for policy in policies:
        try:
            compiled.append(schema.verify_policy(policy.id, policy.text))
        except PolicyRefusedError as error:
            raise SchemaError(f"the built-in policy {policy.id} is refused: {error.detail}") from error
    return tuple(compiled)


@lru_cache(maxsize=4)
def _verified(
    schema: str, policies: tuple[BuiltInPolicy, ...]
) -> tuple[PolicySchema, tuple[CompiledPolicy, ...]]:
    """Return what comes with the code, checked once in a process: nothing of it ever changes."""
    parsed = PolicySchema(schema)
    compiled = _compile_built_ins(parsed, policies)
    _verify_roles(parsed)
    return parsed, compiled


def _verify_roles(schema: PolicySchema) -> None:
    """Check that the role that reaches every action fits every action's context."""
    policy = role_policy("instance", "administrator", "Instance")
    if policy is None or schema.groups.keys() <= ACTION_GROUPS:
        return
    try:
        schema.verify_policy(policy.id, policy.text)
    except PolicyRefusedError as error:
        detail = f"an action's `name` in the context is not of the type Name: {error.detail}"
        raise SchemaError(detail) from error
