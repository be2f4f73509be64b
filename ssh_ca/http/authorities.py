"""The routes of authorities."""

from litestar import Response, get, post
from litestar.params import FromPath

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.web.door import Page, answer, created, decode, page, perform, reads
from ssh_ca.certificates import CertificateType
from ssh_ca.http.authority_bodies import (
    AuthorityBody,
    CreateAuthorityBody,
    DescribedAuthorityBody,
    RetireAuthorityBody,
    SwitchAuthorityBody,
    SwitchedAuthorityBody,
    authority_body,
    described_authority_body,
    switched_authority_body,
)
from ssh_ca.http.place import BASE, AnyRequest
from ssh_ca.http.words import parse_word
from ssh_ca.operations import (
    CreateSshAuthority,
    ListSshAuthorities,
    ReadSshAuthority,
    RetireSshAuthority,
    SwitchSshAuthority,
)


@get(f"{BASE}/authorities")
async def list_ssh_authorities(request: AnyRequest, project: FromPath[str]) -> Response[Page[AuthorityBody]]:
    """List the authorities."""
    outcome = await perform(request, ListSshAuthorities(project=project))
    return answer(outcome, page([authority_body(authority) for authority in outcome.answer], None))


@post(f"{BASE}/authorities", opt=reads(CreateAuthorityBody))
async def create_ssh_authority(request: AnyRequest, project: FromPath[str]) -> Response[AuthorityBody]:
    """Make an authority with a key of its own."""
    body = await decode(request, CreateAuthorityBody)
    operation = CreateSshAuthority(
        project=project,
        name=body.name,
        type=parse_word(CertificateType, body.type, field="type"),
        key_algorithm=parse_word(KeyAlgorithm, body.key_algorithm, field="key_algorithm"),
        succeeds=body.succeeds,
        key_store=body.key_store,
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/ssh/authorities/{outcome.answer.name}"
    return created(outcome, location, authority_body(outcome.answer))


@get(f"{BASE}/authorities/{{name:str}}")
async def read_ssh_authority(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[DescribedAuthorityBody]:
    """Read one authority and where it stands in a rotation."""
    outcome = await perform(request, ReadSshAuthority(project=project, name=name))
    return answer(outcome, described_authority_body(outcome.answer))


@post(f"{BASE}/authorities/{{name:str}}/switch", opt=reads(SwitchAuthorityBody), status_code=200)
async def switch_ssh_authority(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[SwitchedAuthorityBody]:
    """Have another authority sign for all profiles of this one."""
    body = await decode(request, SwitchAuthorityBody)
    outcome = await perform(request, SwitchSshAuthority(project=project, name=name, to=body.to))
    return answer(outcome, switched_authority_body(outcome.answer))


@post(f"{BASE}/authorities/{{name:str}}/retire", opt=reads(RetireAuthorityBody), status_code=200)
async def retire_ssh_authority(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[AuthorityBody]:
    """Publish the key of an authority no more."""
    body = await decode(request, RetireAuthorityBody)
    operation = RetireSshAuthority(project=project, name=name, drops_valid=body.drops_valid)
    outcome = await perform(request, operation)
    return answer(outcome, authority_body(outcome.answer))


ROUTES = (
    list_ssh_authorities,
    create_ssh_authority,
    read_ssh_authority,
    switch_ssh_authority,
    retire_ssh_authority,
)
