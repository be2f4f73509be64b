"""The routes of profiles."""

from litestar import Response, get, patch, post
from litestar.params import FromPath

from ca_service.web.door import (
    Page,
    answer,
    created,
    decode,
    page,
    parse_page,
    perform,
    reads,
)
from ca_service.x509.http.place import BASE, AnyRequest
from ca_service.x509.http.profile_bodies import (
    CreateProfileBody,
    ProfileBody,
    ProfileVersionBody,
    UpdateProfileBody,
    parse_changes,
    parse_settings,
    profile_body,
    version_body,
)
from ca_service.x509.operations import (
    CreateProfile,
    ListProfiles,
    ListProfileVersions,
    ReadProfile,
    ReadProfileVersion,
    UpdateProfile,
)


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
    changes = parse_changes(body)
    outcome = await perform(request, UpdateProfile(project=project, name=name, changes=changes))
    return answer(outcome, profile_body(outcome.answer))


@get(f"{BASE}/profiles/{{name:str}}/versions")
async def list_profile_versions(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[Page[ProfileVersionBody]]:
    """List every version that a profile has had, the newest first."""
    limit, after = parse_page(request)
    operation = ListProfileVersions(project=project, name=name, limit=limit, after=after)
    outcome = await perform(request, operation)
    items = [version_body(found) for found in outcome.answer.items]
    return answer(outcome, page(items, outcome.answer.next_key))


@get(f"{BASE}/profiles/{{name:str}}/versions/{{version:int}}")
async def read_profile_version(
    request: AnyRequest, project: FromPath[str], name: FromPath[str], version: FromPath[int]
) -> Response[ProfileVersionBody]:
    """Read one version of a profile."""
    operation = ReadProfileVersion(project=project, name=name, version=version)
    outcome = await perform(request, operation)
    return answer(outcome, version_body(outcome.answer))


ROUTES = (
    list_profiles,
    create_profile,
    read_profile,
    update_profile,
    list_profile_versions,
    read_profile_version,
)
