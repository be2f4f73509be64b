"""The routes of profiles."""

from litestar import Response, get, patch, post
from litestar.params import FromPath

from ca_service.web.door import (
    Page,
    answer,
    created,
    decode,
    page,
    perform,
    reads,
)
from ca_service.x509.http.place import BASE, AnyRequest
from ca_service.x509.http.profile_bodies import (
    CreateProfileBody,
    ProfileBody,
    UpdateProfileBody,
    parse_pointers,
    parse_settings,
    profile_body,
)
from ca_service.x509.http.words import parse_ttl, parse_word
from ca_service.x509.operations import (
    CreateProfile,
    ListProfiles,
    ProfileChanges,
    ReadProfile,
    UpdateProfile,
)
from ca_service.x509.profiles import ProfileStatus


@get(f"{BASE}/profiles")
async def list_profiles(request: AnyRequest, project: FromPath[str]) -> Response[Page[ProfileBody]]:
    """List the profiles."""
    outcome = await perform(request, ListProfiles(project=project))
    return answer(outcome, page([profile_body(profile) for profile in outcome.answer], None))


@post(f"{BASE}/profiles", opt=reads(CreateProfileBody))
async def create_profile(request: AnyRequest, project: FromPath[str]) -> Response[ProfileBody]:
    """Make a profile."""
    body = await decode(request, CreateProfileBody)
    operation = CreateProfile(project=project, name=body.name, settings=parse_settings(body))
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/x509/profiles/{outcome.answer.name}"
    return created(outcome, location, profile_body(outcome.answer))


@get(f"{BASE}/profiles/{{name:str}}")
async def read_profile(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[ProfileBody]:
    """Read one profile."""
    outcome = await perform(request, ReadProfile(project=project, name=name))
    return answer(outcome, profile_body(outcome.answer))


@patch(f"{BASE}/profiles/{{name:str}}", opt=reads(UpdateProfileBody))
async def update_profile(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[ProfileBody]:
    """Change a profile."""
    body = await decode(request, UpdateProfileBody)
    status = body.status
    changes = ProfileChanges(
        status=None
        if status is None
        else parse_word(ProfileStatus, status, field="status", rule="profile-status"),
        authority=body.authority,
        authorities=None if body.authorities is None else tuple(body.authorities),
        default_ttl=parse_ttl(body.default_ttl, field="default_ttl"),
        max_ttl=parse_ttl(body.max_ttl, field="max_ttl"),
        allows_wildcards=body.allows_wildcards,
        allows_other_common_name=body.allows_other_common_name,
        revocation_pointers=None
        if body.revocation_pointers is None
        else parse_pointers(body.revocation_pointers),
    )
    outcome = await perform(request, UpdateProfile(project=project, name=name, changes=changes))
    return answer(outcome, profile_body(outcome.answer))


ROUTES = (
    list_profiles,
    create_profile,
    read_profile,
    update_profile,
)
