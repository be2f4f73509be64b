"""The routes of dynamic secrets."""

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, FromQuery

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
from secrets_core.dynamic.http.bodies import (
    CreateBody,
    DynamicSecretBody,
    ReconcileBody,
    ReconciliationBody,
    UpdateBody,
    config_of,
    dynamic_secret_body,
    reconciliation_body,
    ttl_of,
)
from secrets_core.dynamic.http.place import SECRET, SECRETS, AnyRequest, parse_flag
from secrets_core.dynamic.operations import (
    CreateDynamicSecret,
    DeleteDynamicSecret,
    ListDynamicSecrets,
    ReadDynamicSecret,
    ReconcileDynamicSecret,
    UpdateDynamicSecret,
)


@post(SECRETS, opt=reads(CreateBody))
async def create_dynamic_secret(
    request: AnyRequest, project: FromPath[str], env: FromPath[str], path: FromQuery[str | None] = None
) -> Response[DynamicSecretBody]:
    """Say where accounts are made; the target is asked whether it would."""
    body = await decode(request, CreateBody)
    operation = CreateDynamicSecret(
        project=project,
        environment=env,
        path=body.path if path is None else path,
        name=body.name,
        provider=body.provider,
        config=config_of(body.config),
        default_ttl=ttl_of(body.default_ttl, field="default_ttl"),
        max_ttl=ttl_of(body.max_ttl, field="max_ttl"),
        username_template=body.username_template,
    )
    outcome = await perform(request, operation)
    made = outcome.answer
    location = f"/v1/projects/{project}/environments/{env}/dynamic-secrets/{made.name}?path={made.path}"
    return created(outcome, location, dynamic_secret_body(made))


@get(SECRETS)
async def list_dynamic_secrets(
    request: AnyRequest, project: FromPath[str], env: FromPath[str], path: FromQuery[str] = "/"
) -> Response[Page[DynamicSecretBody]]:
    """List the dynamic secrets of a folder."""
    limit, after = parse_page(request)
    operation = ListDynamicSecrets(project=project, environment=env, path=path, limit=limit, after=after)
    outcome = await perform(request, operation)
    listed = [dynamic_secret_body(each) for each in outcome.answer.items]
    return answer(outcome, page(listed, outcome.answer.next_key))


@get(SECRET)
async def read_dynamic_secret(
    request: AnyRequest,
    project: FromPath[str],
    env: FromPath[str],
    name: FromPath[str],
    path: FromQuery[str] = "/",
) -> Response[DynamicSecretBody]:
    """Read one, without its password."""
    outcome = await perform(
        request, ReadDynamicSecret(project=project, environment=env, path=path, name=name)
    )
    return answer(outcome, dynamic_secret_body(outcome.answer))


@patch(SECRET, opt=reads(UpdateBody))
async def update_dynamic_secret(
    request: AnyRequest,
    project: FromPath[str],
    env: FromPath[str],
    name: FromPath[str],
    path: FromQuery[str] = "/",
) -> Response[DynamicSecretBody]:
    """Change one; leases that were given before end by what they were made with."""
    body = await decode(request, UpdateBody)
    operation = UpdateDynamicSecret(
        project=project,
        environment=env,
        path=path,
        name=name,
        config=None if body.config is None else config_of(body.config),
        default_ttl=ttl_of(body.default_ttl, field="default_ttl"),
        max_ttl=ttl_of(body.max_ttl, field="max_ttl"),
        username_template=body.username_template,
    )
    outcome = await perform(request, operation)
    return answer(outcome, dynamic_secret_body(outcome.answer))


@delete(SECRET, status_code=204)
async def delete_dynamic_secret(
    request: AnyRequest,
    project: FromPath[str],
    env: FromPath[str],
    name: FromPath[str],
    path: FromQuery[str] = "/",
    revoke: FromQuery[str | None] = None,
) -> Response[None]:
    """Delete one; live leases are in the way unless they are to be revoked."""
    operation = DeleteDynamicSecret(
        project=project,
        environment=env,
        path=path,
        name=name,
        revoke=parse_flag(revoke, field="revoke"),
    )
    return no_content(await perform(request, operation))


@post(f"{SECRET}/reconcile", opt=reads(ReconcileBody), status_code=200)
async def reconcile_dynamic_secret(
    request: AnyRequest,
    project: FromPath[str],
    env: FromPath[str],
    name: FromPath[str],
    path: FromQuery[str] = "/",
) -> Response[ReconciliationBody]:
    """Compare the accounts at the target with the leases."""
    body = await decode(request, ReconcileBody)
    operation = ReconcileDynamicSecret(project=project, environment=env, path=path, name=name, drop=body.drop)
    outcome = await perform(request, operation)
    return answer(outcome, reconciliation_body(outcome.answer))


ROUTES = (
    create_dynamic_secret,
    list_dynamic_secrets,
    read_dynamic_secret,
    update_dynamic_secret,
    delete_dynamic_secret,
    reconcile_dynamic_secret,
)
