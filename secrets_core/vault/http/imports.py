"""The routes of imports."""

from litestar import Response, delete, get, post
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from ca_service.web.door import Page, answer, created, decode, no_content, page, perform, reads
from secrets_core.vault.http.place import IN_ENVIRONMENT, AnyRequest
from secrets_core.vault.operations.reading import CreateImport, DeleteImport, ImportRecord, ListImports

_IMPORTS = f"{IN_ENVIRONMENT}/imports"


class CreateImportBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Import a folder; without a position behind, and so above, all others."""

    environment: str
    path: str
    position: int | None = None


class ImportBody(Struct, frozen=True, kw_only=True):
    """An import: from where, and its position among others. The greatest wins."""

    id: str
    environment: str
    path: str
    position: int


@get(_IMPORTS)
async def list_imports(
    request: AnyRequest, project: FromPath[str], environment: FromPath[str], path: FromQuery[str] = "/"
) -> Response[Page[ImportBody]]:
    """List what a folder imports, the winning one last."""
    operation = ListImports(project=project, environment=environment, path=path)
    outcome = await perform(request, operation)
    return answer(outcome, page([_body(each) for each in outcome.answer.items], None))


@post(_IMPORTS, opt=reads(CreateImportBody))
async def create_import(
    request: AnyRequest, project: FromPath[str], environment: FromPath[str], path: FromQuery[str] = "/"
) -> Response[ImportBody]:
    """Let a folder show the secrets of another."""
    body = await decode(request, CreateImportBody)
    operation = CreateImport(
        project=project,
        environment=environment,
        path=path,
        source_environment=body.environment,
        source_path=body.path,
        position=body.position,
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/environments/{environment}/imports?path={path}"
    return created(outcome, location, _body(outcome.answer))


@delete(f"{_IMPORTS}/{{import_id:str}}", status_code=204)
async def delete_import(
    request: AnyRequest, project: FromPath[str], environment: FromPath[str], import_id: FromPath[str]
) -> Response[None]:
    """Let a folder no longer show the secrets of another."""
    operation = DeleteImport(project=project, environment=environment, import_id=import_id)
    return no_content(await perform(request, operation))


def _body(record: ImportRecord) -> ImportBody:
    return ImportBody(
        id=record.id, environment=record.environment, path=record.path, position=record.position
    )


ROUTES = (list_imports, create_import, delete_import)
