"""Logging in, and what a caller does with its own token."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.config import IdentityConfig
from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.identity.credentials import CredentialHash
from ca_service.identity.errors import LoginRefusedError, TokenRefusedError
from ca_service.identity.identities import NO_PROJECT
from ca_service.identity.methods.port import LoginMethod
from ca_service.identity.opaque import TOKEN_MARK
from ca_service.identity.operations import (
    IssuedToken,
    LogIn,
    ReadSelf,
    RenewedToken,
    RenewToken,
    RevokeToken,
    SelfDescription,
)
from ca_service.identity.roles import Generations
from ca_service.identity.storage import IdentityRows
from ca_service.identity.token_storage import TokenRows
from ca_service.identity.tokens import Token, renewed_expiry
from ca_service.kernel.errors import UnacceptableError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Access, Entity, Grant, Resource


def access_to_self(caller: Caller, action: str, *, ttl: timedelta | None = None) -> Access:
    """Return the question whether the caller may do this with the credential it called with."""
    home = None
    if caller.organization is not None:
        home = Tenant(caller.organization, NO_PROJECT)
    credential = Resource(Entity("Credential", caller.credential), "credential", home)
    return Access(action, credential, visible_by="identity:read-self", ttl=ttl)


class TokenDraft(Struct, frozen=True):
    """How long a token to come may live."""

    ttl: timedelta
    max_ttl: timedelta
    uses: int | None
    networks: tuple[str, ...]


class MintedToken(Struct, frozen=True):
    """A token to be recorded, and its text to be answered after that."""

    token: Token
    text: SecretValue[str]
    lifetime: timedelta
    max_ttl: timedelta


class LogInHandler(Handler[LogIn, TokenDraft, MintedToken, IssuedToken]):
    """Gives a token to an identity that a login method verified."""

    def __init__(
        self,
        database: Database,
        custody: Custody,
        methods: Mapping[str, LoginMethod],
        config: IdentityConfig,
        identifiers: Identifiers,
        randomness: Randomness,
    ) -> None:
        self._database = database
        self._methods = methods
        self._config = config
        self._identifiers = identifiers
        self._randomness = randomness
        self._hash = CredentialHash(custody, TOKEN_MARK)
        self._tokens = TokenRows(custody)
        self._identities = IdentityRows(custody)

    async def prepare(self, call: Call, operation: LogIn) -> Prepared[TokenDraft]:
        caller = call.caller
        # Only a method makes a caller with its name and without a token: tokens do not beget tokens.
        if caller.authenticated_by not in self._methods or caller.credential.startswith(self._hash.prefix):
            raise LoginRefusedError(is_audited=True)
        identity = await self._identities.find_anywhere(self._database, caller.id)
        if identity is None:
            raise LoginRefusedError(is_audited=True)
        terms = identity.terms
        max_ttl = terms.max_ttl or timedelta(seconds=self._config.token_max_ttl)
        ttl = min(terms.ttl or timedelta(seconds=self._config.token_ttl), max_ttl)
        return Prepared(
            draft=TokenDraft(ttl, max_ttl, terms.uses, terms.networks),
            accesses=(access_to_self(caller, operation.action),),
            details={"method": caller.authenticated_by, "credential": caller.credential},
        )

    async def sign(self, call: Call, draft: TokenDraft, grant: Grant) -> MintedToken:
        ceiling = grant.max_ttl
        max_ttl = draft.max_ttl if ceiling is None else min(draft.max_ttl, ceiling)
        ttl = min(draft.ttl, max_ttl)
        token_id = self._identifiers.new(self._hash.prefix)
        text, tag = self._hash.mint(token_id, self._randomness)
        caller = call.caller
        token = Token(
            id=token_id,
            organization=caller.organization,
            project=caller.project,
            identity=caller.id,
            method=caller.authenticated_by,
            credential=caller.credential,
            tag=tag,
            created_at=call.now,
            ttl=ttl,
            expires_at=call.now + ttl,
            max_expires_at=call.now + max_ttl,
            uses_left=draft.uses,
            networks=draft.networks,
        )
        return MintedToken(token, text, ttl, max_ttl)

    async def record(self, transaction: Transaction, call: Call, signed: MintedToken) -> IssuedToken:
        await self._methods[call.caller.authenticated_by].spend(transaction, call.caller)
        await self._tokens.insert(transaction, signed.token)
        return IssuedToken(
            id=signed.token.id,
            access_token=signed.text,
            lifetime=signed.lifetime,
            max_ttl=signed.max_ttl,
            expires_at=call.now + signed.lifetime,
        )

    def details(self, answer: IssuedToken) -> Mapping[str, Any]:
        return {"token": answer.id, "ttl": int(answer.lifetime.total_seconds())}


class Renewal(Struct, frozen=True):
    """What was asked for, and how far the policy permits it."""

    asked: timedelta | None
    ceiling: timedelta | None = None

    def of(self, token: Token, now: datetime) -> Token:
        """Return the token renewed. Raises UnacceptableError, TokenRefusedError for one that ended."""
        if token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now):
            raise TokenRefusedError
        expires_at = renewed_expiry(token, now, self.asked)
        if self.ceiling is not None:
            expires_at = min(expires_at, now + self.ceiling)
        return msgspec.structs.replace(token, expires_at=expires_at)


class RenewTokenHandler(Handler[RenewToken, Renewal, Renewal, RenewedToken]):
    """Moves the end of the presented token."""

    def __init__(self, custody: Custody) -> None:
        self._tokens = TokenRows(custody)

    async def prepare(self, call: Call, operation: RenewToken) -> Prepared[Renewal]:
        access = access_to_self(call.caller, operation.action, ttl=operation.ttl)
        return Prepared(Renewal(operation.ttl), (access,), {"token": call.caller.credential})

    async def sign(self, call: Call, draft: Renewal, grant: Grant) -> Renewal:
        del call
        return Renewal(draft.asked, grant.max_ttl)

    async def record(self, transaction: Transaction, call: Call, signed: Renewal) -> RenewedToken:
        caller = call.caller
        token = await self._tokens.change(
            transaction, caller.organization, caller.credential, lambda token: signed.of(token, call.now)
        )
        if token is None or token.expires_at is None or token.max_expires_at is None:
            raise not_a_token()
        return RenewedToken(
            id=token.id,
            lifetime=token.expires_at - call.now,
            max_ttl=token.max_expires_at - token.created_at,
            expires_at=token.expires_at,
        )


class RevokeTokenHandler(Handler[RevokeToken, None, None, None]):
    """Ends the presented token."""

    def __init__(self, custody: Custody, generations: Generations) -> None:
        self._tokens = TokenRows(custody)
        self._generations = generations

    async def prepare(self, call: Call, operation: RevokeToken) -> Prepared[None]:
        access = access_to_self(call.caller, operation.action)
        return Prepared(None, (access,), {"token": call.caller.credential})

    async def sign(self, call: Call, draft: None, grant: Grant) -> None:
        del call, draft, grant

    async def record(self, transaction: Transaction, call: Call, signed: None) -> None:
        del signed

        def revoke(token: Token) -> Token:
            return msgspec.structs.replace(token, revoked_at=token.revoked_at or call.now)

        caller = call.caller
        if await self._tokens.change(transaction, caller.organization, caller.credential, revoke) is None:
            raise not_a_token()
        await self._generations.raise_generation(transaction)


class ReadSelfHandler(Reader[ReadSelf, SelfDescription]):
    """Tells a caller who it is."""

    def __init__(self, database: Database, custody: Custody) -> None:
        self._database = database
        self._tokens = TokenRows(custody)

    async def prepare(self, call: Call, operation: ReadSelf) -> Prepared[SelfDescription]:
        caller = call.caller
        token = await self._tokens.find(self._database, caller.credential)
        description = SelfDescription(
            kind=caller.kind.value,
            id=caller.id,
            name=caller.name,
            organization=caller.organization,
            project=caller.project,
            roles=caller.roles,
            authenticated_by=caller.authenticated_by,
            expires_at=None if token is None else token.expires_at,
            max_expires_at=None if token is None else token.max_expires_at,
            uses_left=None if token is None else token.uses_left,
        )
        return Prepared(description, (access_to_self(caller, operation.action),))


def not_a_token() -> UnacceptableError:
    """Return the error for a caller that holds no token of ours (an ACME account, a job)."""
    return UnacceptableError("You are not calling with an access token.", rule="access-token")
