"""The routes of hosts for operators: the inventory, tokens and login mappings."""

from litestar import Response, delete, get, post
from litestar.params import FromPath, FromQuery

from ca_service.web.door import (
    Page,
    answer,
    created,
    decode,
    no_content,
    page,
    parse_page,
    perform,
    reads,
)
from ssh_ca.http.host_bodies import (
    CreateMappingBody,
    CreateTokenBody,
    HostBody,
    LoginsBody,
    MappingBody,
    TokenBody,
    host_body,
    logins_body,
    mapping_asked,
    mapping_body,
    new_token_body,
    token_asked,
    token_body,
)
from ssh_ca.http.place import BASE, AnyRequest
from ssh_ca.operations.hosts import (
    ListHostTokens,
    ListLoginMappings,
    ListSshHosts,
    ReadHostLogins,
    ReadSshHost,
    RemoveLoginMapping,
    RemoveSshHost,
    RevokeHostToken,
)


@get(f"{BASE}/hosts")
async def list_ssh_hosts(
    request: AnyRequest, project: FromPath[str], group: FromQuery[str | None] = None
) -> Response[Page[HostBody]]:
    """List the hosts, or those of a group."""
    limit, after = parse_page(request)
    operation = ListSshHosts(project=project, group=group, limit=limit, after=after)
    outcome = await perform(request, operation)
    listed = [host_body(host) for host in outcome.answer.items]
    return answer(outcome, page(listed, outcome.answer.next_key))


@get(f"{BASE}/hosts/{{host:str}}")
async def read_ssh_host(
    request: AnyRequest, project: FromPath[str], host: FromPath[str]
) -> Response[HostBody]:
    """Read one host, by its id or its name."""
    outcome = await perform(request, ReadSshHost(project=project, host=host))
    return answer(outcome, host_body(outcome.answer))


@get(f"{BASE}/hosts/{{host:str}}/logins")
async def read_host_logins(
    request: AnyRequest, project: FromPath[str], host: FromPath[str]
) -> Response[LoginsBody]:
    """Read who may log in to which account of a host, named by its id."""
    outcome = await perform(request, ReadHostLogins(project=project, host=host))
    return answer(outcome, logins_body(outcome.answer))


@delete(f"{BASE}/hosts/{{host:str}}", status_code=204)
async def remove_ssh_host(request: AnyRequest, project: FromPath[str], host: FromPath[str]) -> Response[None]:
    """Remove a host and revoke its certificates."""
    return no_content(await perform(request, RemoveSshHost(project=project, host=host)))


@post(f"{BASE}/host-tokens", opt=reads(CreateTokenBody))
async def create_host_token(request: AnyRequest, project: FromPath[str]) -> Response[TokenBody]:
    """Make a token that enrols one host, once; its text is shown here only."""
    outcome = await perform(request, token_asked(project, await decode(request, CreateTokenBody)))
    location = f"/v1/projects/{project}/ssh/host-tokens"
    return created(outcome, location, new_token_body(outcome.answer))


@get(f"{BASE}/host-tokens")
async def list_host_tokens(request: AnyRequest, project: FromPath[str]) -> Response[Page[TokenBody]]:
    """List the tokens, newest first, used ones included."""
    limit, after = parse_page(request)
    outcome = await perform(request, ListHostTokens(project=project, limit=limit, after=after))
    listed = [token_body(token) for token in outcome.answer.items]
    return answer(outcome, page(listed, outcome.answer.next_key))


@delete(f"{BASE}/host-tokens/{{token:str}}", status_code=204)
async def revoke_host_token(
    request: AnyRequest, project: FromPath[str], token: FromPath[str]
) -> Response[None]:
    """Forget a token."""
    return no_content(await perform(request, RevokeHostToken(project=project, token=token)))


@post(f"{BASE}/login-mappings", opt=reads(CreateMappingBody))
async def create_login_mapping(request: AnyRequest, project: FromPath[str]) -> Response[MappingBody]:
    """Let principals and identities log in to an account."""
    outcome = await perform(request, mapping_asked(project, await decode(request, CreateMappingBody)))
    location = f"/v1/projects/{project}/ssh/login-mappings"
    return created(outcome, location, mapping_body(outcome.answer))


@get(f"{BASE}/login-mappings")
async def list_login_mappings(request: AnyRequest, project: FromPath[str]) -> Response[Page[MappingBody]]:
    """List the login mappings, oldest first."""
    limit, after = parse_page(request)
    outcome = await perform(request, ListLoginMappings(project=project, limit=limit, after=after))
    listed = [mapping_body(mapping) for mapping in outcome.answer.items]
    return answer(outcome, page(listed, outcome.answer.next_key))


@delete(f"{BASE}/login-mappings/{{mapping:str}}", status_code=204)
async def remove_login_mapping(
    request: AnyRequest, project: FromPath[str], mapping: FromPath[str]
) -> Response[None]:
    """Take a login mapping away."""
    return no_content(await perform(request, RemoveLoginMapping(project=project, mapping=mapping)))


ROUTES = (
    list_ssh_hosts,
    read_ssh_host,
    read_host_logins,
    remove_ssh_host,
    create_host_token,
    list_host_tokens,
    revoke_host_token,
    create_login_mapping,
    list_login_mappings,
    remove_login_mapping,
)
