"""The doors of lock-outs, beside those of the identity."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from litestar import Request, Response, delete, get
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from ca_service.identity.lockouts.operations import ClearLockouts, ListLockouts, LockoutRecord
from ca_service.web.door import Page, answer, no_content, page, parse_page, perform

AnyRequest = Request[Any, Any, Any]


class LockoutBody(Struct, frozen=True):
    """Failed logins from one source. `locked_until` is null where none is locked out."""

    source: str
    failures: int
    last_failed_at: datetime
    locked_until: datetime | None


def _body(record: LockoutRecord) -> LockoutBody:
    return LockoutBody(record.source, record.failures, record.last_failed_at, record.locked_until)


_LOCKOUTS = "/v1/organizations/{organization:str}/identities/{identity:str}/lockouts"


@get(_LOCKOUTS)
async def list_lockouts(
    request: AnyRequest, organization: FromPath[str], identity: FromPath[str]
) -> Response[Page[LockoutBody]]:
    """List the sources from which logins of a machine identity failed lately."""
    limit, after = parse_page(request)
    operation = ListLockouts(organization=organization, identity=identity, limit=limit, after=after)
    outcome = await perform(request, operation)
    found = outcome.answer
    return answer(outcome, page([_body(one) for one in found.items], found.next_key))


@delete(_LOCKOUTS)
async def clear_lockouts(
    request: AnyRequest,
    organization: FromPath[str],
    identity: FromPath[str],
    source: FromQuery[str | None] = None,
) -> Response[None]:
    """Let a machine identity log in again, from one source or from all."""
    operation = ClearLockouts(organization=organization, identity=identity, source=source)
    return no_content(await perform(request, operation))


ROUTES: Sequence[ControllerRouterHandler] = (list_lockouts, clear_lockouts)
