"""What can be asked of identity, and what is answered."""

from datetime import datetime, timedelta
from typing import ClassVar

from msgspec import Struct

from ca_service.gate.caller import RoleGrant
from ca_service.gate.operation import Operation, OrganizationOperation
from ca_service.identity.identities import TokenTerms
from ca_service.identity.lockouts.lockouts import LockoutTerms
from ca_service.kernel.secret_value import SecretValue
from ca_service.kernel.tenancy import OrganizationId, ProjectId


class IssuedToken(Struct, frozen=True, kw_only=True):
    """A new token. `lifetime` is how long it lives from now, `max_ttl` how long with renewals."""

    id: str
    access_token: SecretValue[str]
    lifetime: timedelta
    max_ttl: timedelta
    expires_at: datetime


class RenewedToken(Struct, frozen=True, kw_only=True):
    """The caller's token with its new end. `max_ttl` counts from the token's birth."""

    id: str
    lifetime: timedelta
    max_ttl: timedelta
    expires_at: datetime


class SelfDescription(Struct, frozen=True, kw_only=True):
    """Who the caller is. None in `expires_at`: its credential does not expire."""

    kind: str
    id: str
    name: str
    organization: OrganizationId | None
    project: ProjectId | None
    roles: tuple[RoleGrant, ...]
    authenticated_by: str
    expires_at: datetime | None
    max_expires_at: datetime | None
    uses_left: int | None


class IdentityRecord(Struct, frozen=True, kw_only=True):
    """A machine identity as its administrators see it."""

    id: str
    organization: OrganizationId
    project: ProjectId | None
    name: str
    terms: TokenTerms
    disabled: bool
    created_at: datetime
    created_by: str


class ClientSecretRecord(Struct, frozen=True, kw_only=True):
    """A client secret without its text. `client_id` is the identity's id."""

    id: str
    client_id: str
    description: str
    created_at: datetime
    expires_at: datetime | None
    uses_left: int | None
    networks: tuple[str, ...]
    last_used_at: datetime | None


class NewClientSecret(Struct, frozen=True, kw_only=True):
    """A client secret with its text, which is shown this once."""

    record: ClientSecretRecord
    client_secret: SecretValue[str]


class IdentityPage(Struct, frozen=True):
    """One page of identities; `next_key` is None on the last one."""

    items: tuple[IdentityRecord, ...]
    next_key: str | None


class ClientSecretPage(Struct, frozen=True):
    """One page of client secrets; `next_key` is None on the last one."""

    items: tuple[ClientSecretRecord, ...]
    next_key: str | None


class LogIn(Operation[IssuedToken], frozen=True, kw_only=True):
    """Give the caller a token. The caller is the identity itself, made by a login method that verified it."""

    action: ClassVar[str] = "identity:login"


class RenewToken(Operation[RenewedToken], frozen=True, kw_only=True):
    """Let the presented token live longer. None: for its own ttl, as far as its max ttl allows."""

    action: ClassVar[str] = "identity:renew-token"
    ttl: timedelta | None = None


class RevokeToken(Operation[None], frozen=True, kw_only=True):
    """End the presented token."""

    action: ClassVar[str] = "identity:revoke-token"
    takes_away: ClassVar[bool] = True


class ReadSelf(Operation[SelfDescription], frozen=True, kw_only=True):
    """Tell who the caller is."""

    action: ClassVar[str] = "identity:read-self"
    reads: ClassVar[bool] = True


class CreateIdentity(OrganizationOperation[IdentityRecord], frozen=True, kw_only=True):
    """Make a machine identity; with `project` (slug or id) it belongs to that project of the organization."""

    action: ClassVar[str] = "identity:create"
    idempotent: ClassVar[bool] = True
    name: str
    project: str | None = None
    terms: TokenTerms = TokenTerms()


class ListIdentities(OrganizationOperation[IdentityPage], frozen=True, kw_only=True):
    """List the organization's identities in the order of their birth, those after the id `after`."""

    action: ClassVar[str] = "identity:list"
    reads: ClassVar[bool] = True
    limit: int
    after: str | None = None


class ReadIdentity(OrganizationOperation[IdentityRecord], frozen=True, kw_only=True):
    """Read one identity."""

    action: ClassVar[str] = "identity:read"
    reads: ClassVar[bool] = True
    identity: str


class UpdateIdentity(OrganizationOperation[IdentityRecord], frozen=True, kw_only=True):
    """Change what is not None. A disabled identity's tokens and secrets open nothing until it is enabled.

    Of `lockout` each of its terms that is not None.
    """

    action: ClassVar[str] = "identity:update"
    identity: str
    name: str | None = None
    disabled: bool | None = None
    lockout: LockoutTerms | None = None


class DeleteIdentity(OrganizationOperation[None], frozen=True, kw_only=True):
    """End an identity with all its tokens and secrets; its id is never used again."""

    action: ClassVar[str] = "identity:delete"
    takes_away: ClassVar[bool] = True
    identity: str


class CreateClientSecret(OrganizationOperation[NewClientSecret], frozen=True, kw_only=True):
    """Give an identity another client secret."""

    action: ClassVar[str] = "identity:create-client-secret"
    idempotent: ClassVar[bool] = True
    identity: str
    description: str = ""
    ttl: timedelta | None = None
    uses: int | None = None
    networks: tuple[str, ...] = ()


class ListClientSecrets(OrganizationOperation[ClientSecretPage], frozen=True, kw_only=True):
    """List an identity's client secrets that are not revoked, without their texts."""

    action: ClassVar[str] = "identity:list-client-secrets"
    reads: ClassVar[bool] = True
    identity: str
    limit: int
    after: str | None = None


class RevokeClientSecret(OrganizationOperation[None], frozen=True, kw_only=True):
    """End a client secret, and with it every token that was obtained with it."""

    action: ClassVar[str] = "identity:revoke-client-secret"
    takes_away: ClassVar[bool] = True
    identity: str
    client_secret: str
