"""The doors of roles in the whole instance."""

from collections.abc import Sequence
from typing import Any

from litestar import Request, Response, delete, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from ca_service.governance.http import MembershipBody, NewMembershipBody, membership_body, parse_moment
from ca_service.governance.operations import GrantInstanceRole, ListInstanceMemberships, WithdrawInstanceRole
from ca_service.web.door import Page, answer, created, decode, no_content, page, parse_page, perform, reads

AnyRequest = Request[Any, Any, Any]


@post("/v1/memberships", opt=reads(NewMembershipBody))
async def grant_instance_role(request: AnyRequest) -> Response[MembershipBody]:
    """Make an identity an administrator of the instance."""
    body = await decode(request, NewMembershipBody)
    operation = GrantInstanceRole(
        identity=body.identity,
        role=body.role,
        expires_at=parse_moment(body.expires_at, field="expires_at"),
    )
    outcome = await perform(request, operation)
    return created(outcome, f"/v1/memberships/{outcome.answer.id}", membership_body(outcome.answer))


@get("/v1/memberships")
async def list_instance_memberships(request: AnyRequest) -> Response[Page[MembershipBody]]:
    """List the administrators of the instance."""
    limit, after = parse_page(request)
    outcome = await perform(request, ListInstanceMemberships(limit=limit, after=after))
    found = outcome.answer
    return answer(outcome, page([membership_body(one) for one in found.items], found.next_key))


@delete("/v1/memberships/{membership:str}")
async def withdraw_instance_role(request: AnyRequest, membership: FromPath[str]) -> Response[None]:
    """Take a role in the instance away."""
    return no_content(await perform(request, WithdrawInstanceRole(membership=membership)))


ROUTES: Sequence[ControllerRouterHandler] = (
    grant_instance_role,
    list_instance_memberships,
    withdraw_instance_role,
)
