"""Directories in our own API: `/v1/projects/{project}/acme/directories`."""

from datetime import datetime

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath
from msgspec import UNSET, Struct, UnsetType

from acme.directories import CaaMode, Directory, DirectoryRules, ExternalAccountRule
from acme.operations import (
    CreateDirectory,
    DeleteDirectory,
    DirectoryChanges,
    ListDirectories,
    ReadDirectory,
    UpdateDirectory,
)
from acme.places import canonical_place
from ca_service.web.door import AnyRequest, answer, created, decode, no_content, perform, public_url, reads

_BASE = "/v1/projects/{project:str}/acme/directories"


class CreateDirectoryBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST directories`. `challenges` null means all; `open` also stores the policy that lets its accounts
    have certificates for the names that they proved.
    """

    name: str
    profile: str
    further_profiles: list[str] = []
    authority: str | None = None
    eab: ExternalAccountRule = ExternalAccountRule.REQUIRED
    challenges: list[str] | None = None
    caa: CaaMode = CaaMode.OFF
    caa_identities: list[str] = []
    terms_of_service: str | None = None
    website: str | None = None
    resolvers: list[str] = []
    open: bool = False


class UpdateDirectoryBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`PATCH directories/{name}`: what is left out stays."""

    profile: str | UnsetType = UNSET
    further_profiles: list[str] | UnsetType = UNSET
    authority: str | UnsetType | None = UNSET
    eab: ExternalAccountRule | UnsetType = UNSET
    challenges: list[str] | UnsetType | None = UNSET
    caa: CaaMode | UnsetType = UNSET
    caa_identities: list[str] | UnsetType = UNSET
    terms_of_service: str | UnsetType | None = UNSET
    website: str | UnsetType | None = UNSET
    resolvers: list[str] | UnsetType = UNSET


class DirectoryBody(Struct, frozen=True):
    """One directory as our API shows it."""

    id: str
    name: str
    url: str
    profile: str
    further_profiles: list[str]
    authority: str | None
    eab: str
    challenges: list[str] | None
    caa: str
    caa_identities: list[str]
    terms_of_service: str | None
    website: str | None
    resolvers: list[str]
    created_at: datetime


class DirectoryListBody(Struct, frozen=True):
    """All directories of a project; there are few, so there is one page."""

    items: list[DirectoryBody]
    next_cursor: str | None = None


@post(_BASE, opt=reads(CreateDirectoryBody))
async def create_directory(request: AnyRequest, project: FromPath[str]) -> Response[DirectoryBody]:
    """Make an ACME directory."""
    body = await decode(request, CreateDirectoryBody)
    operation = CreateDirectory(
        project=project,
        slug=body.name,
        profile=body.profile,
        authority=body.authority,
        eab=body.eab,
        rules=DirectoryRules(
            further_profiles=tuple(body.further_profiles),
            challenges=None if body.challenges is None else tuple(body.challenges),
            caa=body.caa,
            caa_identities=tuple(body.caa_identities),
            resolvers=tuple(body.resolvers),
            terms_of_service=body.terms_of_service,
            website=body.website,
        ),
        is_open=body.open,
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/acme/directories/{outcome.answer.slug}"
    return created(outcome, location, _body(request, outcome.answer))


@get(_BASE)
async def list_directories(request: AnyRequest, project: FromPath[str]) -> Response[DirectoryListBody]:
    """List the ACME directories of a project."""
    outcome = await perform(request, ListDirectories(project=project))
    return answer(outcome, DirectoryListBody([_body(request, each) for each in outcome.answer]))


@get(f"{_BASE}/{{name:str}}")
async def read_directory(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[DirectoryBody]:
    """Read one ACME directory."""
    outcome = await perform(request, ReadDirectory(project=project, slug=name))
    return answer(outcome, _body(request, outcome.answer))


@patch(f"{_BASE}/{{name:str}}", opt=reads(UpdateDirectoryBody))
async def update_directory(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[DirectoryBody]:
    """Change an ACME directory."""
    body = await decode(request, UpdateDirectoryBody)
    changes = DirectoryChanges(
        profile=body.profile,
        authority=body.authority,
        eab=body.eab,
        further_profiles=_tuple(body.further_profiles),
        challenges=None if body.challenges is None else _tuple(body.challenges),
        caa=body.caa,
        caa_identities=_tuple(body.caa_identities),
        resolvers=_tuple(body.resolvers),
        terms_of_service=body.terms_of_service,
        website=body.website,
    )
    outcome = await perform(request, UpdateDirectory(project=project, slug=name, changes=changes))
    return answer(outcome, _body(request, outcome.answer))


@delete(f"{_BASE}/{{name:str}}")
async def delete_directory(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[None]:
    """Close an ACME directory for good; its certificates stay in the inventory."""
    return no_content(await perform(request, DeleteDirectory(project=project, slug=name)))


DIRECTORY_ROUTES = (create_directory, list_directories, read_directory, update_directory, delete_directory)


def _tuple(values: list[str] | UnsetType) -> tuple[str, ...] | UnsetType:
    return UNSET if values is UNSET else tuple(values)


def _body(request: AnyRequest, directory: Directory) -> DirectoryBody:
    rules = directory.rules
    return DirectoryBody(
        id=directory.id,
        name=directory.slug,
        url=public_url(request) + canonical_place(directory.slug).index,
        profile=directory.profile,
        further_profiles=list(rules.further_profiles),
        authority=directory.authority,
        eab=directory.eab.value,
        challenges=None if rules.challenges is None else list(rules.challenges),
        caa=rules.caa.value,
        caa_identities=list(rules.caa_identities),
        terms_of_service=rules.terms_of_service,
        website=rules.website,
        resolvers=list(rules.resolvers),
        created_at=directory.created_at,
    )
