"""One question put to Cedar, and what its answer means here: wildcards (S7), obligations (S1), the sentence.

Everything that goes wrong refuses: a forbid that cannot be evaluated counts as one that forbids.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, Literal

import cedarpy
import msgspec
from cedarpy import _internal
from msgspec import Struct

from ca_service.policy.cedar_text import Json
from ca_service.policy.compiled import CompiledPolicy, parsed_set
from ca_service.policy.errors import QuestionError
from ca_service.policy.question import encode_request
from ca_service.policy.values import Access, ContextValue, Obligations, Principal
from ca_service.policy.wildcards import names_below

_POLICY_OF_ERROR = re.compile(r"error while evaluating policy `(.+?)`: ", re.DOTALL)


_NONE = Obligations()


class Verdict(Struct, frozen=True):
    """A decision before it has an id."""

    allowed: bool
    policies: tuple[str, ...]
    reason: str
    obligations: Obligations = _NONE


class Question(Struct, frozen=True):
    """A question ready to be asked. `texts` are the strings among its values, for wildcards."""

    principal: Principal
    access: Access
    context: Mapping[str, ContextValue]
    entities: cedarpy.Entities

    def request(self, name: "ContextValue | None" = None) -> Json:
        """Return the request, with another `context.name` if one is given."""
        context = self.context if name is None else {**self.context, "name": name}
        return encode_request(self.principal.entity, self.access.action, self.access.resource.entity, context)


class Answer(Struct, frozen=True):
    """What Cedar said: the policies that determined the answer and those that could not be evaluated."""

    determining: frozenset[str]
    failed: frozenset[str]


@lru_cache(maxsize=2048)
def policy_set(policies: tuple[CompiledPolicy, ...]) -> cedarpy.PolicySet:
    """Return the parsed set of these policies under their own ids."""
    return parsed_set(policies)


class _Diagnostics(Struct):
    reason: list[str] = []
    errors: list[str] = []


class _Response(Struct):
    """The part of cedarpy's answer that is read here; the rest (metrics, annotations) is passed over."""

    decision: Literal["Allow", "Deny", "NoDecision"]
    diagnostics: _Diagnostics


_RESPONSES = msgspec.json.Decoder(_Response)


def ask(
    policies: tuple[CompiledPolicy, ...], requests: Sequence[Json], entities: cedarpy.Entities
) -> list[Answer]:
    """Ask Cedar. Raises QuestionError if it cannot read the question."""
    # cedarpy's own wrapper takes this answer apart with the json module, at a third of a decision's cost.
    answers = _internal.is_authorized_batch(list(requests), policy_set(policies), entities._inner)  # noqa: SLF001
    return [_answer(_RESPONSES.decode(answer)) for answer in answers]


def _answer(response: _Response) -> Answer:
    diagnostics = response.diagnostics
    if response.decision == "NoDecision":
        raise QuestionError(f"Cedar cannot read a policy question: {'; '.join(diagnostics.errors)}")
    failed = frozenset(map(_failed_policy, diagnostics.errors)) if diagnostics.errors else frozenset[str]()
    return Answer(frozenset(diagnostics.reason), failed)


def _failed_policy(message: str) -> str:
    match = _POLICY_OF_ERROR.match(message)
    if match is None:
        raise QuestionError(f"Cedar failed on a policy question: {message}")
    return match[1]


def evaluate(policies: tuple[CompiledPolicy, ...], question: Question) -> Verdict:
    """Return the verdict of the policies that can speak to a question."""
    if all(policy.is_forbid for policy in policies):
        return _nothing_permits(question)
    (answer,) = ask(policies, [question.request()], question.entities)
    hits = answer.determining | answer.failed
    forbids = [policy for policy in policies if policy.is_forbid and policy.id in hits]
    if forbids:
        return _forbidden(forbids, question)
    permits = [p for p in policies if p.id in answer.determining]
    base = wildcard_base(question.context)
    if base is not None:
        permits = [policy for policy in permits if policy.covers_wildcards]
        forbids = _forbids_below(base, policies, question) if permits else []
        if forbids:
            return _forbidden(forbids, question)
    if not permits:
        return _nothing_permits(question)
    return _with_obligations(permits, question.access.ttl)


def wildcard_base(context: Mapping[str, ContextValue]) -> str | None:
    """Return the name below which a wildcard stands; None if the question is not about a wildcard."""
    name = context.get("name")
    if not isinstance(name, dict) or name.get("wildcard") is not True:
        return None
    return str(name.get("value", "")).removeprefix("*.")


def _forbids_below(
    base: str, policies: tuple[CompiledPolicy, ...], question: Question
) -> list[CompiledPolicy]:
    """Return the forbids that hit a name below the wildcard, or that may and cannot be told."""
    forbids = tuple(policy for policy in policies if policy.is_forbid and policy.concerns_names)
    if not forbids:
        return []
    attributes = question.access.resource.attributes
    texts = frozenset(_texts(question.context)) | frozenset(_texts(attributes))
    texts = texts.union(*(policy.texts for policy in forbids))
    patterns = frozenset(pattern for policy in forbids for pattern in policy.patterns)
    names = names_below(base, patterns, texts)
    if names is None:
        return list(forbids)
    requests = [question.request({"kind": "dns", "value": name, "wildcard": False}) for name in names]
    answers = ask(forbids, requests, question.entities)
    hits = frozenset[str]().union(*(answer.determining | answer.failed for answer in answers))
    return [policy for policy in forbids if policy.id in hits]


def _texts(value: Any) -> Collection[str]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Mapping):
        return {text for part in value.values() for text in _texts(part)}
    if isinstance(value, list):
        return {text for part in value for text in _texts(part)}
    return ()


def _with_obligations(permits: list[CompiledPolicy], ttl: timedelta | None) -> Verdict:
    """Let the most generous permit count (S1): fewest approvals, then longest, of those that grant the ttl.

    Without a lifetime asked for, every permit grants one, and the handler clamps its default.
    """
    ids = tuple([policy.id for policy in permits])
    if any(policy.obligations == _NONE for policy in permits):
        return Verdict(allowed=True, policies=ids, reason=f"Permitted by {_listed(ids)}.")
    granting = [p.obligations for p in permits if ttl is None or _longest(p.obligations) >= ttl]
    if granting:
        best = min(granting, key=lambda duties: (duties.approvals, timedelta.max - _longest(duties)))
        return Verdict(allowed=True, policies=ids, reason=f"Permitted by {_listed(ids)}.", obligations=best)
    best = max((policy.obligations for policy in permits), key=_longest)
    ceiling = _longest(best) // timedelta(seconds=1)
    reason = f"The policies allow a lifetime of at most {ceiling} s here; ask for less ({_listed(ids)})."
    return Verdict(allowed=False, policies=ids, reason=reason, obligations=best)


def _longest(duties: Obligations) -> timedelta:
    return timedelta.max if duties.max_ttl is None else duties.max_ttl


def _forbidden(forbids: list[CompiledPolicy], question: Question) -> Verdict:
    ids = tuple(policy.id for policy in forbids)
    reason = f"{_listed(ids)} forbids {_asked(question)}."
    return Verdict(allowed=False, policies=ids, reason=reason)


def _nothing_permits(question: Question) -> Verdict:
    return Verdict(allowed=False, policies=(), reason=f"No policy permits {_asked(question)}.")


def _asked(question: Question) -> str:
    """Return what was asked in words, with the name the question is about."""
    sentence = f"{question.access.action} on this {question.access.resource.noun}"
    name = question.context.get("name")
    if isinstance(name, dict):
        sentence += f" for the name {ascii(str(name.get('value')))[1:-1]}"
    return sentence


def _listed(ids: Sequence[str]) -> str:
    shown = ", ".join(f"policy {policy_id}" for policy_id in ids[:3])
    return shown if len(ids) <= 3 else f"{shown} and {len(ids) - 3} more"
