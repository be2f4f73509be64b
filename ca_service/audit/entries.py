"""One line of the trail: who did what to which thing, when, and what came of it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from ca_service.kernel.tenancy import OrganizationId, ProjectId

NO_DETAILS: Mapping[str, Any] = MappingProxyType({})


class AuditOutcome(StrEnum):
    """What came of it."""

    DONE = "done"
    DENIED = "denied"
    FAILED = "failed"
    REPLAYED = "replayed"


class AuditEntry(Struct, frozen=True, kw_only=True):
    """An entry before the sequencer numbered it. No value of a secret stands in it, only its keyed hash.

    `caller` and `resource` are Cedar names as text (`Identity::"idn_…"`); `reason` is the decision's id and
    sentence or the error's slug; `details` are JSON values.
    """

    id: str
    at: datetime
    organization: OrganizationId | None
    project: ProjectId | None
    caller: str
    action: str
    resource: str
    outcome: AuditOutcome
    reason: str
    request_id: str
    address: str
    parent: str | None = None
    details: Mapping[str, Any] = NO_DETAILS
