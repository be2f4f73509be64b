"""The routes of keys themselves."""

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, FromQuery

from ca_service.web.door import Page, answer, created, decode, page, parse_page, perform, reads
from secrets_core.kms.http.key_bodies import (
    CreateKmsKeyBody,
    DeleteKmsKeyBody,
    KmsKeyBody,
    KmsKeyVersionBody,
    KmsPublicKeyBody,
    UpdateKmsKeyBody,
    key_body,
    parse_algorithm,
    parse_changes,
    parse_version,
    parse_wait,
    public_key_body,
    version_body,
)
from secrets_core.kms.http.place import BASE, KEY, AnyRequest
from secrets_core.kms.operations import (
    CreateKmsKey,
    ListKmsKeys,
    ListKmsKeyVersions,
    ReadKmsKey,
    ReadKmsPublicKey,
    RestoreKmsKey,
    RotateKmsKey,
    ScheduleKmsKeyDeletion,
    UpdateKmsKey,
)


@get(f"{BASE}/keys")
async def list_kms_keys(request: AnyRequest, project: FromPath[str]) -> Response[Page[KmsKeyBody]]:
    """List the keys that you may see, by name."""
    limit, after = parse_page(request)
    outcome = await perform(request, ListKmsKeys(project=project, limit=limit, after=after))
    listed = [key_body(key) for key in outcome.answer.items]
    return answer(outcome, page(listed, outcome.answer.next_key))


@post(f"{BASE}/keys", opt=reads(CreateKmsKeyBody))
async def create_kms_key(request: AnyRequest, project: FromPath[str]) -> Response[KmsKeyBody]:
    """Make a key; its material never leaves."""
    body = await decode(request, CreateKmsKeyBody)
    operation = CreateKmsKey(
        project=project,
        name=body.name,
        algorithm=parse_algorithm(body.algorithm),
        description=body.description,
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/kms/keys/{outcome.answer.name}"
    return created(outcome, location, key_body(outcome.answer))


@get(KEY)
async def read_kms_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[KmsKeyBody]:
    """Read one key, by its name or its id."""
    outcome = await perform(request, ReadKmsKey(project=project, key=name))
    return answer(outcome, key_body(outcome.answer))


@patch(KEY, opt=reads(UpdateKmsKeyBody))
async def update_kms_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[KmsKeyBody]:
    """Change one key; what is left out stays."""
    changes = parse_changes(await decode(request, UpdateKmsKeyBody))
    outcome = await perform(request, UpdateKmsKey(project=project, key=name, changes=changes))
    return answer(outcome, key_body(outcome.answer))


@delete(KEY, opt=reads(DeleteKmsKeyBody), status_code=202)
async def delete_kms_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[KmsKeyBody]:
    """Stop a key at once and destroy it after a wait, in which it can be restored."""
    wait = parse_wait(await decode(request, DeleteKmsKeyBody))
    outcome = await perform(request, ScheduleKmsKeyDeletion(project=project, key=name, wait=wait))
    return answer(outcome, key_body(outcome.answer), status=202)


@post(f"{KEY}/restore", status_code=200)
async def restore_kms_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[KmsKeyBody]:
    """Keep a key that is scheduled for deletion."""
    outcome = await perform(request, RestoreKmsKey(project=project, key=name))
    return answer(outcome, key_body(outcome.answer))


@post(f"{KEY}/rotate", status_code=200)
async def rotate_kms_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[KmsKeyBody]:
    """Make the next version of a key; older ones go on opening what they made."""
    outcome = await perform(request, RotateKmsKey(project=project, key=name))
    return answer(outcome, key_body(outcome.answer))


@get(f"{KEY}/versions")
async def list_kms_key_versions(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[Page[KmsKeyVersionBody]]:
    """List the versions of a key, newest first."""
    limit, after = parse_page(request)
    operation = ListKmsKeyVersions(project=project, key=name, limit=limit, after=after)
    outcome = await perform(request, operation)
    listed = [version_body(version) for version in outcome.answer.items]
    return answer(outcome, page(listed, outcome.answer.next_key))


@get(f"{KEY}/public-key")
async def read_kms_public_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str], version: FromQuery[str | None] = None
) -> Response[KmsPublicKeyBody]:
    """Read the public key of a version, the newest unless one is named."""
    operation = ReadKmsPublicKey(project=project, key=name, version=parse_version(version))
    outcome = await perform(request, operation)
    return answer(outcome, public_key_body(outcome.answer))


ROUTES = (
    list_kms_keys,
    create_kms_key,
    read_kms_key,
    update_kms_key,
    delete_kms_key,
    restore_kms_key,
    rotate_kms_key,
    list_kms_key_versions,
    read_kms_public_key,
)
