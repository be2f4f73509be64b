"""The routes of profiles."""

from litestar import Response, get, patch, post
from litestar.params import FromPath

from ca_service.web.door import Page, answer, created, decode, page, perform, reads
from ssh_ca.certificates import CertificateType
from ssh_ca.http.place import BASE, AnyRequest
from ssh_ca.http.profile_bodies import (
    CreateProfileBody,
    ProfileBody,
    UpdateProfileBody,
    parse_changes,
    parse_settings,
    profile_body,
)
from ssh_ca.http.words import parse_word
from ssh_ca.operations import CreateSshProfile, ListSshProfiles, ReadSshProfile, UpdateSshProfile


@get(f"{BASE}/profiles")
async def list_ssh_profiles(request: AnyRequest, project: FromPath[str]) -> Response[Page[ProfileBody]]:
    """List the profiles."""
    outcome = await perform(request, ListSshProfiles(project=project))
    return answer(outcome, page([profile_body(profile) for profile in outcome.answer], None))


@post(f"{BASE}/profiles", opt=reads(CreateProfileBody))
async def create_ssh_profile(request: AnyRequest, project: FromPath[str]) -> Response[ProfileBody]:
    """Make a profile over an authority of the same type."""
    body = await decode(request, CreateProfileBody)
    operation = CreateSshProfile(
        project=project,
        name=body.name,
        type=parse_word(CertificateType, body.type, field="type"),
        settings=parse_settings(body),
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/ssh/profiles/{outcome.answer.name}"
    return created(outcome, location, profile_body(outcome.answer))


@get(f"{BASE}/profiles/{{name:str}}")
async def read_ssh_profile(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[ProfileBody]:
    """Read one profile."""
    outcome = await perform(request, ReadSshProfile(project=project, name=name))
    return answer(outcome, profile_body(outcome.answer))


@patch(f"{BASE}/profiles/{{name:str}}", opt=reads(UpdateProfileBody))
async def update_ssh_profile(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[ProfileBody]:
    """Change one profile; what is left out stays."""
    body = await decode(request, UpdateProfileBody)
    changes = parse_changes(body)
    outcome = await perform(request, UpdateSshProfile(project=project, name=name, changes=changes))
    return answer(outcome, profile_body(outcome.answer))


ROUTES = (list_ssh_profiles, create_ssh_profile, read_ssh_profile, update_ssh_profile)
