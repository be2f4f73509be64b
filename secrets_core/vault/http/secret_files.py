"""The route by which whole files are written."""

from litestar import Response, post
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from ca_service.kernel.secret_value import SecretValue
from ca_service.web.door import created, decode, perform, reads
from secrets_core.vault.http.commits import CommitBody, commit_body
from secrets_core.vault.http.place import IN_ENVIRONMENT, AnyRequest
from secrets_core.vault.operations.reading import ImportSecretFile
from secrets_core.vault.secret_files import FileFormat, FileMode


class SecretFileBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Write what a file names; `replace` deletes what it does not name, `create` overwrites nothing."""

    format: FileFormat
    content: str
    mode: FileMode = FileMode.UPSERT
    message: str = ""

    def __repr__(self) -> str:
        return "SecretFileBody(hidden)"


@post(f"{IN_ENVIRONMENT}/secret-files", opt=reads(SecretFileBody))
async def import_secret_file(
    request: AnyRequest, project: FromPath[str], environment: FromPath[str], path: FromQuery[str] = "/"
) -> Response[CommitBody]:
    """Write the secrets of a .env, JSON or YAML file into a folder, as one commit."""
    body = await decode(request, SecretFileBody)
    operation = ImportSecretFile(
        project=project,
        environment=environment,
        path=path,
        format=body.format,
        content=SecretValue(body.content),
        mode=body.mode,
        message=body.message,
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/commits/{outcome.answer.id}"
    return created(outcome, location, commit_body(outcome.answer))


ROUTES = (import_secret_file,)
