"""The doors of identity: logging in, one's own token, and the identities of an organization."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from ca_service.gate.caller import RoleGrant
from ca_service.identity.bodies import (
    ClientSecretBody,
    Duration,
    IdentityBody,
    IdentityChangeBody,
    NewClientSecretBody,
    NewIdentityBody,
    client_secret_body,
    identity_body,
    lockout_terms,
    optional_span,
    token_terms,
)
from ca_service.identity.errors import LoginRefusedError
from ca_service.identity.methods.universal import METHOD as UNIVERSAL
from ca_service.identity.methods.universal import UniversalLogin
from ca_service.identity.operations import (
    CreateClientSecret,
    CreateIdentity,
    DeleteIdentity,
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
from ca_service.web.durations import whole_seconds
from ca_service.web.exchange import exchange_of

AnyRequest = Request[Any, Any, Any]


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
    ttl = optional_span(body.ttl, "ttl")
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
    operation = CreateIdentity(
        organization=organization, name=body.name, project=body.project, terms=token_terms(body)
    )
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
        organization=organization,
        identity=identity,
        name=body.name,
        disabled=body.disabled,
        lockout=lockout_terms(body),
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
        ttl=optional_span(body.ttl, "ttl"),
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
