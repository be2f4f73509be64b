"""The doors of policy and trail: what is permitted, why, and what happened."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from ca_service.audit.entries import AuditOutcome
from ca_service.audit.search import NumberedEntry
from ca_service.gate.principals import cedar_name
from ca_service.governance.cedar_names import parse_entity
from ca_service.governance.http import parse_moment
from ca_service.governance.operations import (
    CreatePolicy,
    DeletePolicy,
    ExplainDecision,
    ExplainProjectDecision,
    ListPolicies,
    PolicyRecord,
    ReadPolicy,
    SearchOrganizationTrail,
    SearchProjectTrail,
    SearchTrail,
    Supposition,
    TrailFilter,
    UpdatePolicy,
)
from ca_service.kernel.errors import MalformedError
from ca_service.policy.explanation import Explanation, NearMiss, PolicyMatch
from ca_service.policy.values import ContextValue
from ca_service.web.door import Page, answer, created, decode, no_content, page, parse_page, perform, reads
from ca_service.web.durations import parse_duration

AnyRequest = Request[Any, Any, Any]
PolicyText = Annotated[str, Meta(min_length=1, max_length=20_000, pattern=r"^[^\x00]*$")]
EntityText = Annotated[str, Meta(min_length=1, max_length=500)]


class NewPolicyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What storing a policy takes."""

    name: str
    text: PolicyText
    enabled: bool = True


class PolicyChangeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What can be changed of a policy."""

    text: PolicyText | None = None
    enabled: bool | None = None


class ExplainBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What explaining takes. `context` may hold `ttl` as a duration; `attributes` are the resource's."""

    principal: EntityText
    action: Annotated[str, Meta(max_length=100)]
    resource: EntityText
    context: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    project: Annotated[str, Meta(max_length=100)] | None = None


class ExplanationBody(Struct, frozen=True):
    """A decision and all that led to it."""

    allowed: bool
    decision_id: str
    reason: str
    policies: tuple[str, ...]
    permits: tuple[PolicyMatch, ...]
    forbids: tuple[PolicyMatch, ...]
    nearest: tuple[NearMiss, ...]
    max_ttl: int | None
    approvals: int
    generation: int


class EntryBody(Struct, frozen=True):
    """An entry of the trail. `seq` is null for the second or so until it is numbered."""

    seq: int | None
    id: str
    at: datetime
    organization: str | None
    project: str | None
    caller: str
    action: str
    resource: str
    outcome: AuditOutcome
    reason: str
    request_id: str
    address: str
    parent: str | None
    details: Mapping[str, Any]


def _entry_body(numbered: NumberedEntry) -> EntryBody:
    entry = numbered.entry
    return EntryBody(
        seq=numbered.seq,
        id=entry.id,
        at=entry.at,
        organization=entry.organization,
        project=entry.project,
        caller=entry.caller,
        action=entry.action,
        resource=entry.resource,
        outcome=entry.outcome,
        reason=entry.reason,
        request_id=entry.request_id,
        address=entry.address,
        parent=entry.parent,
        details=dict(entry.details),
    )


def _explanation_body(explanation: Explanation) -> ExplanationBody:
    decision = explanation.decision
    ceiling = decision.obligations.max_ttl
    return ExplanationBody(
        allowed=decision.allowed,
        decision_id=decision.id,
        reason=decision.reason,
        policies=decision.policies,
        permits=explanation.permits,
        forbids=explanation.forbids,
        nearest=explanation.nearest,
        max_ttl=None if ceiling is None else int(ceiling.total_seconds()),
        approvals=decision.obligations.approvals,
        generation=decision.generation,
    )


_POLICIES = "/v1/projects/{project:str}/policies"


@post(_POLICIES, opt=reads(NewPolicyBody))
async def create_policy(request: AnyRequest, project: FromPath[str]) -> Response[PolicyRecord]:
    """Store a Cedar policy for the project."""
    body = await decode(request, NewPolicyBody)
    operation = CreatePolicy(project=project, name=body.name, text=body.text, enabled=body.enabled)
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/policies/{outcome.answer.id}"
    return created(outcome, location, outcome.answer)


@get(_POLICIES)
async def list_policies(request: AnyRequest, project: FromPath[str]) -> Response[Page[PolicyRecord]]:
    """List the project's policies."""
    limit, after = parse_page(request)
    outcome = await perform(request, ListPolicies(project=project, limit=limit, after=after))
    return answer(outcome, page(outcome.answer.items, outcome.answer.next_key))


@get(_POLICIES + "/{policy:str}")
async def read_policy(
    request: AnyRequest, project: FromPath[str], policy: FromPath[str]
) -> Response[PolicyRecord]:
    """Show a policy."""
    outcome = await perform(request, ReadPolicy(project=project, policy=policy))
    return answer(outcome, outcome.answer)


@patch(_POLICIES + "/{policy:str}", opt=reads(PolicyChangeBody))
async def update_policy(
    request: AnyRequest, project: FromPath[str], policy: FromPath[str]
) -> Response[PolicyRecord]:
    """Change a policy's text, or switch it on or off."""
    body = await decode(request, PolicyChangeBody)
    operation = UpdatePolicy(project=project, policy=policy, text=body.text, enabled=body.enabled)
    outcome = await perform(request, operation)
    return answer(outcome, outcome.answer)


@delete(_POLICIES + "/{policy:str}")
async def delete_policy(request: AnyRequest, project: FromPath[str], policy: FromPath[str]) -> Response[None]:
    """Delete a policy."""
    return no_content(await perform(request, DeletePolicy(project=project, policy=policy)))


@post("/v1/policy/explain", status_code=200, opt=reads(ExplainBody))
async def explain_decision(request: AnyRequest) -> Response[ExplanationBody]:
    """Explain why something is, or would be, permitted or refused."""
    body = await decode(request, ExplainBody)
    context = dict(body.context)
    ttl = context.pop("ttl", None)
    if ttl is not None and not isinstance(ttl, str | int):
        raise MalformedError("Write a duration.", field="context.ttl", rule="type")
    supposition = Supposition(
        principal=parse_entity(body.principal, field="principal"),
        action=body.action,
        resource=parse_entity(body.resource, field="resource"),
        context=_as_context(context, field="context"),
        attributes=_as_context(body.attributes, field="attributes"),
        ttl=None if ttl is None else parse_duration(ttl, field="context.ttl"),
    )
    if body.project is None:
        outcome = await perform(request, ExplainDecision(supposition=supposition))
    else:
        within = ExplainProjectDecision(project=body.project, supposition=supposition)
        outcome = await perform(request, within)
    return answer(outcome, _explanation_body(outcome.answer))


def _as_context(values: dict[str, Any], *, field: str) -> dict[str, ContextValue]:
    """Return JSON as Cedar knows it: no numbers with a fraction, no null."""
    for name, value in values.items():
        _verify_context(value, field=f"{field}.{name}")
    return values


def _verify_context(value: object, *, field: str) -> None:
    if isinstance(value, dict):
        for name, part in value.items():
            _verify_context(part, field=f"{field}.{name}")
    elif isinstance(value, list):
        for part in value:
            _verify_context(part, field=field)
    elif not isinstance(value, str | bool | int) or (
        isinstance(value, int) and not -(2**63) <= value < 2**63
    ):
        raise MalformedError(
            "Policies know texts, whole numbers, true and false, lists and records.", field=field, rule="type"
        )


@get("/v1/audit")
async def search_trail(request: AnyRequest) -> Response[Page[EntryBody]]:
    """Search the audit trail, newest first: of a project, an organization, or the whole instance."""
    limit, cursor = parse_page(request)
    query = request.query_params
    wanted = TrailFilter(
        caller=_as_name(query.get("caller"), field="caller"),
        action=_parse_action(query.get("action")),
        resource=_as_name(query.get("resource"), field="resource"),
        outcome=_parse_outcome(query.get("outcome")),
        after=_parse_time(query.get("after"), field="after"),
        before=_parse_time(query.get("before"), field="before"),
        cursor=cursor,
        limit=limit,
    )
    project, organization = query.get("project"), query.get("organization")
    if project is not None:
        outcome = await perform(request, SearchProjectTrail(project=project, filter=wanted))
    elif organization is not None:
        outcome = await perform(request, SearchOrganizationTrail(organization=organization, filter=wanted))
    else:
        outcome = await perform(request, SearchTrail(filter=wanted))
    found = outcome.answer
    return answer(outcome, page([_entry_body(one) for one in found.items], found.next_key))


def _as_name(text: str | None, *, field: str) -> str | None:
    """Return an entity as the trail writes it; an id by itself stands for its kind."""
    if text is None:
        return None
    return cedar_name(parse_entity(text, field=field))


def _parse_action(text: str | None) -> str | None:
    if text is not None and re.fullmatch(r"[a-z0-9-]+:[a-z0-9-]+", text) is None:
        raise MalformedError("An action is written module:verb.", field="action", rule="action")
    return text


def _parse_outcome(text: str | None) -> AuditOutcome | None:
    try:
        return None if text is None else AuditOutcome(text)
    except ValueError as error:
        raise MalformedError(
            f"One of: {', '.join(outcome.value for outcome in AuditOutcome)}.", field="outcome", rule="choice"
        ) from error


def _parse_time(text: str | None, *, field: str) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_moment(msgspec.convert(text, datetime), field=field)
    except msgspec.ValidationError as error:
        raise MalformedError("Write a time like 2030-01-02T03:04:05Z.", field=field, rule="time") from error


ROUTES: Sequence[ControllerRouterHandler] = (
    create_policy,
    list_policies,
    read_policy,
    update_policy,
    delete_policy,
    explain_decision,
    search_trail,
)
