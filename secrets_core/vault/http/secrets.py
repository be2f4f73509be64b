"""The routes of single secrets."""

from typing import cast

from litestar import Response, delete, get, patch, post, put
from litestar.params import FromPath, FromQuery

from ca_service.web.door import (
    Page,
    answer,
    created,
    decode,
    no_content,
    octets,
    page,
    parse_page,
    perform,
    reads,
)
from secrets_core.vault.http.place import IN_ENVIRONMENT, AnyRequest, knows, quoted, version_wanted
from secrets_core.vault.http.secret_bodies import (
    DestroyBody,
    PutSecretBody,
    RevealedSecretBody,
    SecretBody,
    UpdateSecretBody,
    VersionBody,
    put_asked,
    revealed_body,
    secret_body,
    update_asked,
    version_body,
)
from secrets_core.vault.operations.secrets import (
    DeleteSecret,
    DestroyVersions,
    ListVersions,
    ReadSecret,
    UndeleteSecret,
)
from secrets_core.vault.secrets import parse_version

_SECRET = f"{IN_ENVIRONMENT}/secrets/{{name:str}}"


@put(_SECRET, opt=reads(PutSecretBody))
async def put_secret(
    request: AnyRequest,
    project: FromPath[str],
    environment: FromPath[str],
    name: FromPath[str],
    path: FromQuery[str] = "/",
) -> Response[SecretBody]:
    """Write a secret: its first version, or the next one. Missing folders are made."""
    wanted = version_wanted(request)
    body = await decode(request, PutSecretBody)
    outcome = await perform(request, put_asked(project, environment, path, name, body, wanted))
    record = outcome.answer
    etag = {"etag": quoted(record.version)}
    if not record.was_created:
        return answer(outcome, secret_body(record), headers=etag)
    location = f"/v1/projects/{project}/environments/{environment}/secrets/{name}?path={record.path}"
    return created(outcome, location, secret_body(record), headers=etag)


@patch(_SECRET, opt=reads(UpdateSecretBody))
async def update_secret(
    request: AnyRequest,
    project: FromPath[str],
    environment: FromPath[str],
    name: FromPath[str],
    path: FromQuery[str] = "/",
) -> Response[SecretBody]:
    """Change a secret that is there, or move it: the latter alone makes no version."""
    wanted = version_wanted(request)
    body = await decode(request, UpdateSecretBody)
    outcome = await perform(request, update_asked(project, environment, path, name, body, wanted))
    headers = {"etag": quoted(outcome.answer.version)}
    return answer(outcome, secret_body(outcome.answer), headers=headers)


@get(_SECRET)
async def read_secret(
    request: AnyRequest,
    project: FromPath[str],
    environment: FromPath[str],
    name: FromPath[str],
    path: FromQuery[str] = "/",
    version: FromQuery[str | None] = None,
    expand: FromQuery[bool] = True,
) -> Response[RevealedSecretBody]:
    """Read a secret with its value, or one version of it."""
    operation = ReadSecret(
        project=project,
        environment=environment,
        path=path,
        name=name,
        version=None if version is None else parse_version(version),
        expand=expand,
    )
    outcome = await perform(request, operation)
    etag = quoted(outcome.answer.etag)
    if knows(request, etag):
        unchanged = octets(b"", media_type="application/json", headers={"etag": etag}, status=304)
        return cast("Response[RevealedSecretBody]", unchanged)
    return answer(outcome, revealed_body(outcome.answer), headers={"etag": etag})


@delete(_SECRET, status_code=204)
async def delete_secret(
    request: AnyRequest,
    project: FromPath[str],
    environment: FromPath[str],
    name: FromPath[str],
    path: FromQuery[str] = "/",
) -> Response[None]:
    """Delete a secret; it can be undeleted."""
    operation = DeleteSecret(
        project=project, environment=environment, path=path, name=name, if_version=version_wanted(request)
    )
    return no_content(await perform(request, operation))


@get(f"{_SECRET}/versions")
async def list_secret_versions(
    request: AnyRequest,
    project: FromPath[str],
    environment: FromPath[str],
    name: FromPath[str],
    path: FromQuery[str] = "/",
) -> Response[Page[VersionBody]]:
    """List the versions of a secret, newest first, without values."""
    limit, after = parse_page(request)
    operation = ListVersions(
        project=project, environment=environment, path=path, name=name, limit=limit, after=after
    )
    outcome = await perform(request, operation)
    listed = [version_body(version) for version in outcome.answer.items]
    return answer(outcome, page(listed, outcome.answer.next_key))


@post(f"{_SECRET}/undelete", status_code=200)
async def undelete_secret(
    request: AnyRequest,
    project: FromPath[str],
    environment: FromPath[str],
    name: FromPath[str],
    path: FromQuery[str] = "/",
) -> Response[SecretBody]:
    """Bring a deleted secret back."""
    operation = UndeleteSecret(project=project, environment=environment, path=path, name=name)
    outcome = await perform(request, operation)
    headers = {"etag": quoted(outcome.answer.version)}
    return answer(outcome, secret_body(outcome.answer), headers=headers)


@post(f"{_SECRET}/destroy", status_code=200, opt=reads(DestroyBody))
async def destroy_secret_versions(
    request: AnyRequest,
    project: FromPath[str],
    environment: FromPath[str],
    name: FromPath[str],
    path: FromQuery[str] = "/",
) -> Response[Page[VersionBody]]:
    """Destroy versions of a secret, for good."""
    body = await decode(request, DestroyBody)
    operation = DestroyVersions(
        project=project, environment=environment, path=path, name=name, versions=body.versions
    )
    outcome = await perform(request, operation)
    listed = [version_body(version) for version in outcome.answer.items]
    return answer(outcome, page(listed, outcome.answer.next_key))


ROUTES = (
    put_secret,
    update_secret,
    read_secret,
    delete_secret,
    list_secret_versions,
    undelete_secret,
    destroy_secret_versions,
)
