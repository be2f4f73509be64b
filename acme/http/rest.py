"""Directories in our own API: `/v1/projects/{project}/acme/directories`."""

from litestar import Response, get
from litestar.params import FromPath
from msgspec import Struct

from acme.directories import Directory
from acme.operations import ListDirectories, ReadDirectory
from acme.places import canonical_place
from ca_service.web.door import AnyRequest, answer, perform, public_url


class DirectoryBody(Struct, frozen=True):
    """One directory as our API shows it."""

    id: str
    name: str
    url: str
    profile: str
    authority: str | None
    eab: str


class DirectoryListBody(Struct, frozen=True):
    """All directories of a project; there are few, so there is one page."""

    items: list[DirectoryBody]
    next_cursor: str | None = None


@get("/v1/projects/{project:str}/acme/directories")
async def list_directories(request: AnyRequest, project: FromPath[str]) -> Response[DirectoryListBody]:
    """List the ACME directories of a project."""
    outcome = await perform(request, ListDirectories(project=project))
    return answer(outcome, DirectoryListBody([_body(request, each) for each in outcome.answer]))


@get("/v1/projects/{project:str}/acme/directories/{name:str}")
async def read_directory(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[DirectoryBody]:
    """Read one ACME directory."""
    outcome = await perform(request, ReadDirectory(project=project, slug=name))
    return answer(outcome, _body(request, outcome.answer))


def _body(request: AnyRequest, directory: Directory) -> DirectoryBody:
    return DirectoryBody(
        id=directory.id,
        name=directory.slug,
        url=public_url(request) + canonical_place(directory.slug).index,
        profile=directory.profile,
        authority=directory.authority,
        eab=directory.eab.value,
    )
