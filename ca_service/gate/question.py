"""One performance of one operation as the gate sees it: what is asked, and what was ruled."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ca_service.gate.handler import Call
from ca_service.gate.operation import Operation
from ca_service.kernel.tenancy import OrganizationId
from ca_service.policy.values import NOTHING, Access, Grant


class Question(Struct, frozen=True):
    """All that the policy is asked about one operation; it stays the same when it is decided again."""

    call: Call
    operation: Operation[Any]
    accesses: tuple[Access, ...]
    details: Mapping[str, Any] = NOTHING
    organization: OrganizationId | None = None


class Ruling(Struct, frozen=True):
    """The permission of every access of a question. `reason` is the sentence for the trail."""

    grant: Grant
    reason: str
