"""The doors of identity: logging in, one's own token, and the identities of an organization."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from ca_service.gate.caller import RoleGrant
from ca_service.identity.errors import LoginRefusedError
from ca_service.identity.identities import TokenTerms
from ca_service.identity.methods.universal import METHOD as UNIVERSAL
from ca_service.identity.methods.universal import UniversalLogin
from ca_service.identity.operations import (
    ClientSecretRecord,
    CreateClientSecret,
    CreateIdentity,
    DeleteIdentity,
    IdentityRecord,
    ListClientSecrets,
    ListIdentities,
    LogIn,
    ReadIdentity,
    ReadSelf,
    RenewToken,
    RevokeClientSecret,
    RevokeToken,
    UpdateIdentity,
)
from ca_service.kernel.secret_value import SecretValue
from ca_service.web.door import (
    Page,
    answer,
    client_address,
    created,
    decode,
    no_content,
    page,
    parse_page,
    perform,
    perform_as,
    reads,
    request_id,
    throttle,
)
from ca_service.web.durations import parse_duration, whole_seconds
from ca_service.web.exchange import exchange_of

AnyRequest = Request[Any, Any, Any]
#: A name for people: any script, no control characters.
DisplayName = Annotated[str, Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]
Duration = str | int


class LoginBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What universal login takes."""

    client_id: Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*$")]
    client_secret: Annotated[str, Meta(max_length=200)]


class TokenBody(Struct, frozen=True):
    """What a login answers. `expires_in` and `max_ttl` are seconds from now."""

    access_token: str
    expires_in: int
    max_ttl: int
    token_type: str


class RenewBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What renewing takes."""

    ttl: Duration | None = None


class RenewedBody(Struct, frozen=True):
    """What renewing answers: the token stays the same. `max_ttl` counts from its birth."""

    expires_in: int
    max_ttl: int
    expires_at: datetime
    token_type: str


class SelfBody(Struct, frozen=True):
    """Who is calling."""

    kind: str
    id: str
    name: str
    organization: str | None
    project: str | None
    roles: tuple[RoleGrant, ...]
    authenticated_by: str
    expires_at: datetime | None
    max_expires_at: datetime | None
    uses_left: int | None


class NewIdentityBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What making an identity takes; the `token_` fields say what its tokens are like."""

    name: DisplayName
    project: str | None = None
    token_ttl: Duration | None = None
    token_max_ttl: Duration | None = None
    token_uses: int | None = None
    token_networks: tuple[str, ...] = ()


class IdentityChangeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What can be changed of an identity."""

    name: DisplayName | None = None
    disabled: bool | None = None


class IdentityBody(Struct, frozen=True):
    """An identity."""

    id: str
    name: str
    organization: str
    project: str | None
    disabled: bool
    token_ttl: int | None
    token_max_ttl: int | None
    token_uses: int | None
    token_networks: tuple[str, ...]
    created_at: datetime
    created_by: str


class NewClientSecretBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What making a client secret takes."""

    description: Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")] = ""
    ttl: Duration | None = None
    uses: int | None = None
    networks: tuple[str, ...] = ()


class ClientSecretBody(Struct, frozen=True, omit_defaults=True):
    """A client secret; `client_secret` is there once, in the answer to making it."""

    id: str
    client_id: str
    description: str
    created_at: datetime
    expires_at: datetime | None
    uses_left: int | None
    networks: tuple[str, ...]
    last_used_at: datetime | None
    client_secret: str | None = None


def identity_body(identity: IdentityRecord) -> IdentityBody:
    """Return an identity as JSON shows it."""
    terms = identity.terms
    return IdentityBody(
        id=identity.id,
        name=identity.name,
        organization=identity.organization,
        project=identity.project,
        disabled=identity.disabled,
        token_ttl=None if terms.ttl is None else whole_seconds(terms.ttl),
        token_max_ttl=None if terms.max_ttl is None else whole_seconds(terms.max_ttl),
        token_uses=terms.uses,
        token_networks=terms.networks,
        created_at=identity.created_at,
        created_by=identity.created_by,
    )


def client_secret_body(record: ClientSecretRecord, text: str | None = None) -> ClientSecretBody:
    """Return a client secret as JSON shows it."""
    return ClientSecretBody(
        id=record.id,
        client_id=record.client_id,
        description=record.description,
        created_at=record.created_at,
        expires_at=record.expires_at,
        uses_left=record.uses_left,
        networks=record.networks,
        last_used_at=record.last_used_at,
        client_secret=text,
    )


def login_routes(universal: UniversalLogin) -> Sequence[ControllerRouterHandler]:
    """Return the public route of each login method."""

    @post(f"/v1/auth/{UNIVERSAL}/login", status_code=200, opt=reads(LoginBody, public=True))
    async def log_in_universally(request: AnyRequest) -> Response[TokenBody]:
        """Log in with a client id and a client secret."""
        throttle(request, "login")
        body = await decode(request, LoginBody)
        secret, address = SecretValue(body.client_secret), client_address(request)
        try:
            caller = await universal.verify(body.client_id, secret, address, request_id(request))
        except LoginRefusedError as error:
            if not error.is_audited:
                exchange_of(request).doors.refusals.count(
                    reason="login-refused", method=UNIVERSAL, address=address
                )
            raise
        outcome = await perform_as(request, caller, LogIn())
        issued = outcome.answer
        shown = TokenBody(
            access_token=issued.access_token.reveal(),
            expires_in=whole_seconds(issued.lifetime),
            max_ttl=whole_seconds(issued.max_ttl),
            token_type="Bearer",  # noqa: S106 - the scheme's name (RFC 6750)
        )
        return answer(outcome, shown)

    return (log_in_universally,)


@post("/v1/auth/token/renew", status_code=200, opt=reads(RenewBody))
async def renew_token(request: AnyRequest) -> Response[RenewedBody]:
    """Let the presented token live longer, never beyond its max ttl."""
    body = await decode(request, RenewBody)
    ttl = None if body.ttl is None else parse_duration(body.ttl, field="ttl")
    outcome = await perform(request, RenewToken(ttl=ttl))
    renewed = outcome.answer
    shown = RenewedBody(
        expires_in=whole_seconds(renewed.lifetime),
        max_ttl=whole_seconds(renewed.max_ttl),
        expires_at=renewed.expires_at,
        token_type="Bearer",  # noqa: S106 - the scheme's name (RFC 6750)
    )
    return answer(outcome, shown)


@post("/v1/auth/token/revoke", status_code=204)
async def revoke_token(request: AnyRequest) -> Response[None]:
    """End the presented token."""
    return no_content(await perform(request, RevokeToken()))


@get("/v1/auth/self")
async def read_self(request: AnyRequest) -> Response[SelfBody]:
    """Tell who is calling."""
    outcome = await perform(request, ReadSelf())
    known = outcome.answer
    shown = SelfBody(
        kind=known.kind.lower(),
        id=known.id,
        name=known.name,
        organization=known.organization,
        project=known.project,
        roles=known.roles,
        authenticated_by=known.authenticated_by,
        expires_at=known.expires_at,
        max_expires_at=known.max_expires_at,
        uses_left=known.uses_left,
    )
    return answer(outcome, shown)


_IDENTITIES = "/v1/organizations/{organization:str}/identities"
_IDENTITY = _IDENTITIES + "/{identity:str}"
_SECRETS = _IDENTITY + "/client-secrets"


@post(_IDENTITIES, opt=reads(NewIdentityBody))
async def create_identity(request: AnyRequest, organization: FromPath[str]) -> Response[IdentityBody]:
    """Make a machine identity."""
    body = await decode(request, NewIdentityBody)
    terms = TokenTerms(
        ttl=None if body.token_ttl is None else parse_duration(body.token_ttl, field="token_ttl"),
        max_ttl=None
        if body.token_max_ttl is None
        else parse_duration(body.token_max_ttl, field="token_max_ttl"),
        uses=body.token_uses,
        networks=body.token_networks,
    )
    operation = CreateIdentity(organization=organization, name=body.name, project=body.project, terms=terms)
    outcome = await perform(request, operation)
    made = outcome.answer
    return created(
        outcome, f"/v1/organizations/{made.organization}/identities/{made.id}", identity_body(made)
    )


@get(_IDENTITIES)
async def list_identities(request: AnyRequest, organization: FromPath[str]) -> Response[Page[IdentityBody]]:
    """List the organization's machine identities."""
    limit, after = parse_page(request)
    outcome = await perform(request, ListIdentities(organization=organization, limit=limit, after=after))
    found = outcome.answer
    return answer(outcome, page([identity_body(one) for one in found.items], found.next_key))


@get(_IDENTITY)
async def read_identity(
    request: AnyRequest, organization: FromPath[str], identity: FromPath[str]
) -> Response[IdentityBody]:
    """Show a machine identity."""
    outcome = await perform(request, ReadIdentity(organization=organization, identity=identity))
    return answer(outcome, identity_body(outcome.answer))


@patch(_IDENTITY, opt=reads(IdentityChangeBody))
async def update_identity(
    request: AnyRequest, organization: FromPath[str], identity: FromPath[str]
) -> Response[IdentityBody]:
    """Rename, disable or enable a machine identity."""
    body = await decode(request, IdentityChangeBody)
    operation = UpdateIdentity(
        organization=organization, identity=identity, name=body.name, disabled=body.disabled
    )
    outcome = await perform(request, operation)
    return answer(outcome, identity_body(outcome.answer))


@delete(_IDENTITY)
async def delete_identity(
    request: AnyRequest, organization: FromPath[str], identity: FromPath[str]
) -> Response[None]:
    """End a machine identity, its tokens and its secrets."""
    return no_content(await perform(request, DeleteIdentity(organization=organization, identity=identity)))


@post(_SECRETS, opt=reads(NewClientSecretBody))
async def create_client_secret(
    request: AnyRequest, organization: FromPath[str], identity: FromPath[str]
) -> Response[ClientSecretBody]:
    """Make a client secret; this answer alone shows it."""
    body = await decode(request, NewClientSecretBody)
    operation = CreateClientSecret(
        organization=organization,
        identity=identity,
        description=body.description,
        ttl=None if body.ttl is None else parse_duration(body.ttl, field="ttl"),
        uses=body.uses,
        networks=body.networks,
    )
    outcome = await perform(request, operation)
    made = outcome.answer
    location = f"/v1/organizations/{organization}/identities/{identity}/client-secrets/{made.record.id}"
    return created(outcome, location, client_secret_body(made.record, made.client_secret.reveal()))


@get(_SECRETS)
async def list_client_secrets(
    request: AnyRequest, organization: FromPath[str], identity: FromPath[str]
) -> Response[Page[ClientSecretBody]]:
    """List the client secrets of a machine identity, without their texts."""
    limit, after = parse_page(request)
    operation = ListClientSecrets(organization=organization, identity=identity, limit=limit, after=after)
    outcome = await perform(request, operation)
    found = outcome.answer
    return answer(outcome, page([client_secret_body(one) for one in found.items], found.next_key))


@delete(_SECRETS + "/{client_secret:str}")
async def revoke_client_secret(
    request: AnyRequest, organization: FromPath[str], identity: FromPath[str], client_secret: FromPath[str]
) -> Response[None]:
    """End a client secret and the tokens obtained with it."""
    operation = RevokeClientSecret(organization=organization, identity=identity, client_secret=client_secret)
    return no_content(await perform(request, operation))


OWN_TOKEN_ROUTES: Sequence[ControllerRouterHandler] = (renew_token, revoke_token, read_self)
MANAGEMENT_ROUTES: Sequence[ControllerRouterHandler] = (
    create_identity,
    list_identities,
    read_identity,
    update_identity,
    delete_identity,
    create_client_secret,
    list_client_secrets,
    revoke_client_secret,
)
