"""Why a question was decided as it was: what matched, and what came nearest and where it failed.

Cedar gives no reasons for a denial that no policy ordered, so the nearest permits are looked for here.
"""

import json

import cedarpy
from msgspec import Struct

from ca_service.policy.cedar_text import Json
from ca_service.policy.compiled import CompiledPolicy
from ca_service.policy.evaluation import Question, ask, wildcard_base
from ca_service.policy.expressions import conjuncts
from ca_service.policy.values import Decision

_NEAREST = 5
_CONDITION_LIMIT = 500


class PolicyMatch(Struct, frozen=True):
    """A policy that applied. `name` is empty for those that come with the code."""

    id: str
    name: str


class NearMiss(Struct, frozen=True):
    """A permit whose scope matched, and the first of its conditions that did not hold, in Cedar's syntax."""

    id: str
    name: str
    condition: str


class Explanation(Struct, frozen=True):
    """A decision with everything that led to it."""

    decision: Decision
    permits: tuple[PolicyMatch, ...]
    forbids: tuple[PolicyMatch, ...]
    nearest: tuple[NearMiss, ...]


def explain(decision: Decision, policies: tuple[CompiledPolicy, ...], question: Question) -> Explanation:
    """Explain a decision by the policies that can speak to its question."""
    permits = tuple(policy for policy in policies if not policy.is_forbid)
    forbids = tuple(policy for policy in policies if policy.is_forbid)
    permitting = _matching(permits, question)
    forbidding = _matching(forbids, question) | ({policy.id for policy in forbids} & {*decision.policies})
    is_wildcard = wildcard_base(question.context) is not None
    missed = [
        policy
        for policy in permits
        if policy.id not in permitting or (is_wildcard and not policy.covers_wildcards)
    ]
    return Explanation(
        decision=decision,
        permits=tuple(_match(policy) for policy in permits if policy not in missed),
        forbids=tuple(_match(policy) for policy in forbids if policy.id in forbidding),
        nearest=tuple(_near_miss(policy, question) for policy in missed[:_NEAREST]),
    )


def _matching(policies: tuple[CompiledPolicy, ...], question: Question) -> frozenset[str]:
    if not policies:
        return frozenset()
    (answer,) = ask(policies, [question.request()], question.entities)
    return answer.determining


def _match(policy: CompiledPolicy) -> PolicyMatch:
    return PolicyMatch(policy.id, policy.name)


def _near_miss(policy: CompiledPolicy, question: Question) -> NearMiss:
    for kind, part in _parts(policy):
        if not _holds(kind, part, question):
            return NearMiss(policy.id, policy.name, _in_cedar(kind, part))
    if wildcard_base(question.context) is not None and not policy.covers_wildcards:
        return NearMiss(policy.id, policy.name, "context.name.wildcard == true")
    return NearMiss(policy.id, policy.name, "its scope")


def _parts(policy: CompiledPolicy) -> list[tuple[str, Json]]:
    found: list[tuple[str, Json]] = []
    for condition in policy.conditions:
        kind, body = condition["kind"], condition["body"]
        parts = conjuncts(body) if kind == "when" else [body]
        found += [(kind, part) for part in parts]
    return found


def _alone(kind: str, part: Json) -> Json:
    anyone = {"op": "All"}
    return {
        "effect": "permit",
        "principal": anyone,
        "action": anyone,
        "resource": anyone,
        "conditions": [{"kind": kind, "body": part}],
    }


def _document(kind: str, part: Json) -> str:
    return json.dumps({"templates": {}, "templateLinks": [], "staticPolicies": {"part": _alone(kind, part)}})


def _holds(kind: str, part: Json, question: Question) -> bool:
    policies = cedarpy.PolicySet.from_json_str(_document(kind, part))
    return cedarpy.is_authorized(question.request(), policies, question.entities).allowed


def _in_cedar(kind: str, part: Json) -> str:
    text = cedarpy.policies_from_json_str(_document(kind, part))
    condition = text[text.index("{") + 1 : text.rindex("}")].strip()
    if len(condition) > _CONDITION_LIMIT:
        condition = condition[:_CONDITION_LIMIT] + " …"
    return condition if kind == "when" else f"unless {condition}"
