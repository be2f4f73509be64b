"""The routes of folders."""

from datetime import datetime

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, FromQuery
from msgspec import Struct

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
from secrets_core.vault.http.place import IN_ENVIRONMENT, AnyRequest
from secrets_core.vault.operations.folders import (
    CreateFolder,
    DeleteFolder,
    FolderRecord,
    ListFolders,
    UpdateFolder,
)

_FOLDERS = f"{IN_ENVIRONMENT}/folders"


class CreateFolderBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a folder, and those around it that are missing."""

    path: str
    description: str = ""


class UpdateFolderBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rename a folder or describe it."""

    new_name: str | None = None
    description: str | None = None


class FolderBody(Struct, frozen=True, kw_only=True):
    """A folder."""

    id: str
    path: str
    environment: str
    description: str
    created_at: datetime
    updated_at: datetime


@get(_FOLDERS)
async def list_folders(
    request: AnyRequest, project: FromPath[str], environment: FromPath[str], path: FromQuery[str] = "/"
) -> Response[Page[FolderBody]]:
    """List the folders below one, by path."""
    limit, after = parse_page(request)
    operation = ListFolders(project=project, environment=environment, path=path, limit=limit, after=after)
    outcome = await perform(request, operation)
    listed = [_folder_body(folder) for folder in outcome.answer.items]
    return answer(outcome, page(listed, outcome.answer.next_key))


@post(_FOLDERS, opt=reads(CreateFolderBody))
async def create_folder(
    request: AnyRequest, project: FromPath[str], environment: FromPath[str]
) -> Response[FolderBody]:
    """Make a folder."""
    body = await decode(request, CreateFolderBody)
    operation = CreateFolder(
        project=project, environment=environment, path=body.path, description=body.description
    )
    outcome = await perform(request, operation)
    folder = outcome.answer
    location = f"/v1/projects/{project}/environments/{environment}/folders?path={folder.path}"
    return created(outcome, location, _folder_body(folder))


@patch(_FOLDERS, opt=reads(UpdateFolderBody))
async def update_folder(
    request: AnyRequest, project: FromPath[str], environment: FromPath[str], path: FromQuery[str]
) -> Response[FolderBody]:
    """Rename a folder with everything in it, or describe it."""
    body = await decode(request, UpdateFolderBody)
    operation = UpdateFolder(
        project=project,
        environment=environment,
        path=path,
        new_name=body.new_name,
        description=body.description,
    )
    outcome = await perform(request, operation)
    return answer(outcome, _folder_body(outcome.answer))


@delete(_FOLDERS, status_code=204)
async def delete_folder(
    request: AnyRequest,
    project: FromPath[str],
    environment: FromPath[str],
    path: FromQuery[str],
    recursive: FromQuery[bool] = False,
) -> Response[None]:
    """Delete a folder; with `recursive=true`, everything in it too."""
    operation = DeleteFolder(project=project, environment=environment, path=path, is_recursive=recursive)
    return no_content(await perform(request, operation))


def _folder_body(record: FolderRecord) -> FolderBody:
    return FolderBody(
        id=record.id,
        path=record.path,
        environment=record.environment,
        description=record.description,
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


ROUTES = (list_folders, create_folder, update_folder, delete_folder)
