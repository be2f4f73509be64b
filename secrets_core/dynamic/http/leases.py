"""The routes of leases."""

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from ca_service.gate.port import Outcome
from ca_service.kernel.errors import MalformedError
from ca_service.web.door import Page, answer, created, decode, page, parse_page, perform, reads
from secrets_core.dynamic.http.bodies import (
    AbandonBody,
    LeaseBody,
    NewLeaseBody,
    TtlBody,
    lease_body,
    new_lease_body,
    ttl_of,
)
from secrets_core.dynamic.http.place import LEASE, LEASES, SECRET, AnyRequest
from secrets_core.dynamic.leases import LeaseStatus
from secrets_core.dynamic.operations import (
    AbandonLease,
    CreateLease,
    LeasePage,
    ListLeases,
    ReadLease,
    RenewLease,
    RevokeLease,
)

_OVERDUE = "overdue"


@post(f"{SECRET}/leases", opt=reads(TtlBody))
async def create_lease(
    request: AnyRequest,
    project: FromPath[str],
    env: FromPath[str],
    name: FromPath[str],
    path: FromQuery[str] = "/",
) -> Response[NewLeaseBody]:
    """Make an account and show its password, here only."""
    body = await decode(request, TtlBody)
    operation = CreateLease(project=project, environment=env, path=path, name=name, ttl=ttl_of(body.ttl))
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/leases/{outcome.answer.id}"
    return created(outcome, location, new_lease_body(outcome.answer))


@get(f"{SECRET}/leases")
async def list_leases_of(
    request: AnyRequest,
    project: FromPath[str],
    env: FromPath[str],
    name: FromPath[str],
    path: FromQuery[str] = "/",
    status: FromQuery[str | None] = None,
) -> Response[Page[LeaseBody]]:
    """List the leases of one dynamic secret, newest first."""
    operation = _listing(request, project, name, status, env, path)
    return _listed(await perform(request, operation))


@get(LEASES)
async def list_leases(
    request: AnyRequest,
    project: FromPath[str],
    dynamic_secret: FromQuery[str | None] = None,
    status: FromQuery[str | None] = None,
) -> Response[Page[LeaseBody]]:
    """List leases, newest first; `status=overdue` are those whose accounts should be gone."""
    return _listed(await perform(request, _listing(request, project, dynamic_secret, status)))


def _listing(
    request: AnyRequest,
    project: str,
    dynamic_secret: str | None,
    status: str | None,
    env: str | None = None,
    path: str = "/",
) -> ListLeases:
    limit, after = parse_page(request)
    return ListLeases(
        project=project,
        dynamic_secret=dynamic_secret,
        environment=env,
        path=path,
        status=None if status is None or status == _OVERDUE else _parse_status(status),
        overdue=status == _OVERDUE,
        limit=limit,
        after=after,
    )


def _listed(outcome: Outcome[LeasePage]) -> Response[Page[LeaseBody]]:
    listed = [lease_body(lease) for lease in outcome.answer.items]
    return answer(outcome, page(listed, outcome.answer.next_key))


@get(LEASE)
async def read_lease(
    request: AnyRequest, project: FromPath[str], lease: FromPath[str]
) -> Response[LeaseBody]:
    """Read one lease; never its password."""
    outcome = await perform(request, ReadLease(project=project, lease=lease))
    return answer(outcome, lease_body(outcome.answer))


@post(f"{LEASE}/renew", opt=reads(TtlBody), status_code=200)
async def renew_lease(
    request: AnyRequest, project: FromPath[str], lease: FromPath[str]
) -> Response[LeaseBody]:
    """Let a lease live longer, from now."""
    body = await decode(request, TtlBody)
    outcome = await perform(request, RenewLease(project=project, lease=lease, ttl=ttl_of(body.ttl)))
    return answer(outcome, lease_body(outcome.answer))


@post(f"{LEASE}/revoke", status_code=200)
async def revoke_lease(
    request: AnyRequest, project: FromPath[str], lease: FromPath[str]
) -> Response[LeaseBody]:
    """End a lease; while its target is down it is `revoking`, says why, and goes on by itself."""
    outcome = await perform(request, RevokeLease(project=project, lease=lease))
    return answer(outcome, lease_body(outcome.answer.lease))


@post(f"{LEASE}/abandon", opt=reads(AbandonBody), status_code=200)
async def abandon_lease(
    request: AnyRequest, project: FromPath[str], lease: FromPath[str]
) -> Response[LeaseBody]:
    """Stop trying to end an account that nobody can reach any more."""
    body = await decode(request, AbandonBody)
    outcome = await perform(request, AbandonLease(project=project, lease=lease, reason=body.reason))
    return answer(outcome, lease_body(outcome.answer))


def _parse_status(text: str) -> LeaseStatus:
    try:
        return LeaseStatus(text)
    except ValueError:
        words = ", ".join([status.value for status in LeaseStatus])
        raise MalformedError(
            f"`status` is one of {words} and {_OVERDUE}.", field="status", rule="lease-status"
        ) from None


ROUTES = (
    create_lease,
    list_leases_of,
    list_leases,
    read_lease,
    renew_lease,
    revoke_lease,
    abandon_lease,
)
