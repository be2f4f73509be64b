"""The routes of authorities: made, read, enabled, disabled and retired."""

from litestar import Response, get, patch, post
from litestar.params import FromPath

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.web.door import (
    Page,
    answer,
    created,
    decode,
    page,
    perform,
    reads,
)
from ca_service.x509.authorities import AuthorityStatus
from ca_service.x509.http.authority_bodies import (
    AuthorityBody,
    CreateAuthorityBody,
    UpdateAuthorityBody,
    authority_body,
    parse_limits,
)
from ca_service.x509.http.place import BASE, AnyRequest
from ca_service.x509.http.words import parse_moment, parse_ttl, parse_word
from ca_service.x509.operations import (
    CreateAuthority,
    ListAuthorities,
    ReadAuthority,
    UpdateAuthority,
)


@get(f"{BASE}/authorities")
async def list_authorities(request: AnyRequest, project: FromPath[str]) -> Response[Page[AuthorityBody]]:
    """List the authorities, roots first."""
    outcome = await perform(request, ListAuthorities(project=project))
    return answer(outcome, page([authority_body(described) for described in outcome.answer], None))


@post(f"{BASE}/authorities", opt=reads(CreateAuthorityBody))
async def create_authority(request: AnyRequest, project: FromPath[str]) -> Response[AuthorityBody]:
    """Make an authority with a key of its own: a root, below another, or below an external parent."""
    body = await decode(request, CreateAuthorityBody)
    operation = CreateAuthority(
        project=project,
        name=body.name,
        parent=body.parent,
        has_external_parent=body.external,
        key_algorithm=parse_word(
            KeyAlgorithm, body.key_algorithm, field="key_algorithm", rule="key-algorithm"
        ),
        key_store=body.key_store,
        common_name=body.common_name,
        organization=body.organization,
        country=body.country,
        ttl=parse_ttl(body.ttl),
        not_after=parse_moment(body.not_after),
        limits=parse_limits(body),
    )
    outcome = await perform(request, operation)
    return created(outcome, authority_place(project, body.name), authority_body(outcome.answer))


@get(f"{BASE}/authorities/{{name:str}}")
async def read_authority(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[AuthorityBody]:
    """Read one authority."""
    outcome = await perform(request, ReadAuthority(project=project, name=name))
    return answer(outcome, authority_body(outcome.answer))


@patch(f"{BASE}/authorities/{{name:str}}", opt=reads(UpdateAuthorityBody))
async def update_authority(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[AuthorityBody]:
    """Enable, disable or retire an authority."""
    body = await decode(request, UpdateAuthorityBody)
    status = parse_word(AuthorityStatus, body.status, field="status", rule="authority-status")
    outcome = await perform(request, UpdateAuthority(project=project, name=name, status=status))
    return answer(outcome, authority_body(outcome.answer))


def authority_place(project: str, name: str) -> str:
    """Return the address of an authority."""
    return f"/v1/projects/{project}/x509/authorities/{name}"


ROUTES = (
    list_authorities,
    create_authority,
    read_authority,
    update_authority,
)
