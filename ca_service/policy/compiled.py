"""A policy read once: its scope, its conditions, its obligations, and what it says about names.

A policy is one Cedar statement, known by the id that we give it (the row's), never by its place in a text.
"""

import json
import re
from collections.abc import Iterable
from datetime import timedelta

import cedarpy
from msgspec import Struct

from ca_service.policy.cedar_text import Json
from ca_service.policy.errors import PolicyRefusedError
from ca_service.policy.expressions import (
    concerns_names,
    looks_only_at_names,
    nodes_of,
    patterns_in,
    required_attributes,
    speaks_of_wildcards,
    texts_in,
)
from ca_service.policy.scope import Scope, scope_of
from ca_service.policy.values import Obligations

_TEXT_LIMIT = 16_384
# Cedar's parser recurses: about a thousand nested brackets overflow the stack of the whole process.
_NESTING_LIMIT = 250
_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*', re.DOTALL)
_NESTING = re.compile(r"[(\[{.!+*<>=-]|&&|\|\||\b(?:if|in|has|like|is)\b")
_TTL = re.compile(r"(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,8})s)?")
_LONGEST_TTL = timedelta(days=36_525)
_MOST_APPROVALS = 16
_ANNOTATIONS = frozenset({"id", "description", "max_ttl", "require_approval"})


class CompiledPolicy(Struct, frozen=True, eq=False):
    """One policy. `body` is its JSON without annotations, as it goes into a set under `id`.

    `covers_wildcards`: it is a permit that speaks of `context.name.wildcard` (S7). `concerns_names`: it may
    tell names apart; `looks_only_at_names`: it tells nothing else apart but its scope. `requires`: attributes
    without which in the context it cannot apply. `texts` and `patterns` are the strings and `like` patterns
    it compares with.
    """

    id: str
    name: str
    is_forbid: bool
    scope: Scope
    conditions: tuple[Json, ...]
    body: str
    obligations: Obligations
    covers_wildcards: bool
    concerns_names: bool
    looks_only_at_names: bool
    requires: frozenset[str]
    texts: frozenset[str]
    patterns: tuple[tuple[str | None, ...], ...]


def compile_policy(policy_id: str, text: str, name: str = "") -> CompiledPolicy:
    """Read a policy. Raises PolicyRefusedError unless it is one statement with sound annotations."""
    _verify_bounds(text)
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise PolicyRefusedError(f"Cedar cannot read the policy: {error}.", rule="policy-syntax") from error
    if parsed["templates"]:
        raise PolicyRefusedError(
            "Write who and what instead of ?principal and ?resource.", rule="policy-template"
        )
    statements: list[Json] = list(parsed["staticPolicies"].values())
    if len(statements) != 1:
        detail = f"A policy is one permit or forbid, and this text has {len(statements)}. Write several."
        raise PolicyRefusedError(detail, rule="policy-single")
    compiled = _compiled(policy_id, statements[0], name)
    _verify_set(compiled)
    return compiled


def parsed_set(policies: Iterable[CompiledPolicy]) -> cedarpy.PolicySet:
    """Return these policies parsed as one Cedar set, each under its own id."""
    members = ",".join(f"{json.dumps(policy.id)}:{policy.body}" for policy in policies)
    return cedarpy.PolicySet.from_json_str(
        f'{{"templates":{{}},"templateLinks":[],"staticPolicies":{{{members}}}}}'
    )


def _verify_set(policy: CompiledPolicy) -> None:
    """Refuse now what could not be evaluated later: Cedar's JSON form nests less deeply than its text."""
    try:
        parsed_set([policy])
    except ValueError as error:
        detail = "The policy's conditions are nested too deeply. Write several, or use [...].contains(...)."
        raise PolicyRefusedError(detail, rule="policy-too-complex") from error


def _compiled(policy_id: str, statement: Json, name: str) -> CompiledPolicy:
    annotations = statement.pop("annotations", {})
    is_forbid = statement["effect"] == "forbid"
    conditions = tuple(statement["conditions"])
    nodes = [node for condition in conditions for node in nodes_of(condition["body"])]
    return CompiledPolicy(
        id=policy_id,
        name=name,
        is_forbid=is_forbid,
        scope=scope_of(statement),
        conditions=conditions,
        body=json.dumps(statement, separators=(",", ":")),
        obligations=_obligations(annotations, is_forbid=is_forbid),
        covers_wildcards=not is_forbid and speaks_of_wildcards(nodes),
        concerns_names=any(concerns_names(condition["body"]) for condition in conditions),
        looks_only_at_names=all(looks_only_at_names(condition["body"]) for condition in conditions),
        requires=required_attributes(conditions),
        texts=texts_in(nodes),
        patterns=patterns_in(nodes),
    )


def _verify_bounds(text: str) -> None:
    if len(text) > _TEXT_LIMIT:
        detail = f"The policy has {len(text)} characters; at most {_TEXT_LIMIT} are allowed. Write several."
        raise PolicyRefusedError(detail, rule="policy-too-long")
    if len(_NESTING.findall(_STRING_OR_COMMENT.sub(" ", text))) > _NESTING_LIMIT:
        detail = f"The policy has more than {_NESTING_LIMIT} operators and brackets. Write several."
        raise PolicyRefusedError(detail, rule="policy-too-complex")


def _obligations(annotations: dict[str, str | None], *, is_forbid: bool) -> Obligations:
    for annotation in annotations:
        if annotation not in _ANNOTATIONS:
            known = ", ".join(f"@{name}" for name in sorted(_ANNOTATIONS))
            detail = f"@{annotation} means nothing here; annotations are {known}."
            raise PolicyRefusedError(detail, rule="policy-annotation")
    ttl, approvals = annotations.get("max_ttl"), annotations.get("require_approval")
    if is_forbid and not {"max_ttl", "require_approval"}.isdisjoint(annotations):
        detail = "Only a permit carries @max_ttl or @require_approval; a forbid limits by its conditions."
        raise PolicyRefusedError(detail, rule="policy-annotation")
    return Obligations(
        max_ttl=_parse_ttl(ttl) if "max_ttl" in annotations else None,
        approvals=_parse_approvals(approvals) if "require_approval" in annotations else 0,
    )


def _parse_ttl(value: str | None) -> timedelta:
    match = _TTL.fullmatch(value or "")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    ttl = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not timedelta() < ttl <= _LONGEST_TTL:
        detail = f'@max_ttl("{value or ""}") is not a time to live; write "8h", "90d" or "1h30m".'
        raise PolicyRefusedError(detail, rule="policy-annotation")
    return ttl


def _parse_approvals(value: str | None) -> int:
    if value is None or not re.fullmatch(r"[0-9]{1,2}", value) or not 1 <= int(value) <= _MOST_APPROVALS:
        detail = f'@require_approval takes a number of approvals from "1" to "{_MOST_APPROVALS}".'
        raise PolicyRefusedError(detail, rule="policy-annotation")
    return int(value)
