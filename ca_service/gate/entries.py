"""Builds the lines of the trail from what was asked and what was ruled."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ca_service.audit.entries import AuditEntry, AuditOutcome
from ca_service.gate.principals import caller_name, cedar_name
from ca_service.gate.question import Question
from ca_service.policy.values import Access, Principal


def entry_of(
    question: Question, at: datetime, outcome: AuditOutcome, reason: str, details: Mapping[str, Any]
) -> AuditEntry:
    """Return the entry about an operation; the first access names its resource, or the part it is about."""
    call = question.call
    resource = question.accesses[0].resource
    tenant = call.tenant or resource.tenant
    sponsor = call.caller.on_behalf_of
    if sponsor is not None:
        details = {**details, "on_behalf_of": caller_name(sponsor)}
    return AuditEntry(
        id=call.id,
        at=at,
        organization=tenant.organization if tenant is not None else question.organization,
        project=tenant.project if tenant is not None else None,
        caller=caller_name(call.caller),
        action=question.operation.action,
        resource=cedar_name(resource.part or resource.entity),
        outcome=outcome,
        reason=reason,
        request_id=call.request_id,
        address=call.caller.address,
        parent=call.parent,
        details=details,
    )


def denied_details(question: Question, access: Access, principal: Principal | None = None) -> dict[str, Any]:
    """Return the details of a denial: what the handler said, and the one question that failed.

    `principal` is who was refused; it is told where that is not the caller itself but its sponsor.
    """
    asked: dict[str, Any] = {"action": access.action, "resource": cedar_name(access.resource.entity)}
    if principal is not None and cedar_name(principal.entity) != caller_name(question.call.caller):
        asked["principal"] = cedar_name(principal.entity)
    if access.context:
        asked["context"] = _as_json(access.context)
    if access.ttl is not None:
        asked["ttl"] = _as_json(access.ttl)
    if access.field is not None:
        asked["field"] = access.field
    return {**question.details, "denied": asked}


def _as_json(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    return value
