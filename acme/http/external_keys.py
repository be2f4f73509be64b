"""Keys for external account binding in our own API: `…/acme/directories/{name}/external-account-keys`."""

from datetime import datetime
from typing import Annotated

from litestar import Response, get, post
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType

from acme.external_keys import ExternalKeyView, view_key
from acme.operations import CreateExternalKey, DisableExternalKey, ListExternalKeys, ReadExternalKey
from ca_service.web.door import (
    AnyRequest,
    Page,
    answer,
    created,
    decode,
    page,
    parse_page,
    perform,
    reads,
)
from ca_service.web.durations import parse_duration

_BASE = "/v1/projects/{project:str}/acme/directories/{name:str}/external-account-keys"


class CreateExternalKeyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What making a key takes. `identity` is an id; `maximum_uses` null: any number of accounts."""

    identity: Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*$")]
    name: Annotated[str, Meta(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    maximum_uses: int | None = 1
    ttl: str | int | None = None


class ExternalKeyBody(Struct, frozen=True):
    """A key. `id` is what clients call the key id; `hmac_key` is there once, in the answer to making it."""

    id: str
    name: str
    identity: str
    status: str
    uses: int
    maximum_uses: int | None
    created_at: datetime
    expires_at: datetime | None
    disabled_at: datetime | None
    hmac_key: str | UnsetType = UNSET


@post(_BASE, opt=reads(CreateExternalKeyBody))
async def create_external_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[ExternalKeyBody]:
    """Make a key with which clients open accounts in the name of an identity; its HMAC key is shown once."""
    body = await decode(request, CreateExternalKeyBody)
    operation = CreateExternalKey(
        project=project,
        directory=name,
        name=body.name,
        identity=body.identity,
        maximum_uses=body.maximum_uses,
        ttl=None if body.ttl is None else parse_duration(body.ttl, field="ttl"),
    )
    outcome = await perform(request, operation)
    made = outcome.answer
    location = f"/v1/projects/{project}/acme/directories/{name}/external-account-keys/{made.key.id}"
    return created(outcome, location, _body(view_key(made.key, made.key.created_at), made.hmac_key.reveal()))


@get(_BASE)
async def list_external_keys(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[Page[ExternalKeyBody]]:
    """List the external account keys of a directory, without their HMAC keys."""
    limit, after = parse_page(request)
    operation = ListExternalKeys(project=project, directory=name, limit=limit, after=after)
    outcome = await perform(request, operation)
    found = outcome.answer
    return answer(outcome, page([_body(each) for each in found.items], found.next_key))


@get(f"{_BASE}/{{key:str}}")
async def read_external_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str], key: FromPath[str]
) -> Response[ExternalKeyBody]:
    """Show one external account key, without its HMAC key."""
    outcome = await perform(request, ReadExternalKey(project=project, directory=name, key=key))
    return answer(outcome, _body(outcome.answer))


@post(f"{_BASE}/{{key:str}}/disable", status_code=200)
async def disable_external_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str], key: FromPath[str]
) -> Response[ExternalKeyBody]:
    """Disable an external account key for good, and with it the accounts that it bound."""
    outcome = await perform(request, DisableExternalKey(project=project, directory=name, key=key))
    return answer(outcome, _body(outcome.answer))


EXTERNAL_KEY_ROUTES = (create_external_key, list_external_keys, read_external_key, disable_external_key)


def _body(view: ExternalKeyView, hmac_key: str | UnsetType = UNSET) -> ExternalKeyBody:
    key = view.key
    return ExternalKeyBody(
        id=key.id,
        name=key.name,
        identity=key.identity,
        status=view.status.value,
        uses=key.uses,
        maximum_uses=key.maximum_uses,
        created_at=key.created_at,
        expires_at=key.expires_at,
        disabled_at=key.disabled_at,
        hmac_key=hmac_key,
    )
