"""From a bearer token to a caller: one hash and one look into a dictionary, until the generation changes."""

import asyncio
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller, CallerKind
from ca_service.identity.credentials import CredentialHash, is_same
from ca_service.identity.errors import SponsorRefusedError, TokenRefusedError
from ca_service.identity.identities import MachineIdentity
from ca_service.identity.networks import admits
from ca_service.identity.opaque import TOKEN_MARK
from ca_service.identity.roles import ADMINISTRATOR, Generations, HeldRoles, RoleSource
from ca_service.identity.storage import ClientSecretRows, IdentityRows
from ca_service.identity.token_storage import TokenRows
from ca_service.identity.tokens import INSTANCE_ADMINISTRATOR, Token
from ca_service.kernel.errors import UnavailableError
from ca_service.kernel.secret_value import SecretValue

#: How an identity got here on whose behalf another caller acts: that one was authenticated.
SPONSORSHIP = "sponsorship"
_LONGEST_TOKEN = 200
_MOST_KNOWN = 20_000
_TOUCH_EVERY = timedelta(minutes=10)


class _Known(Struct, frozen=True):
    """A caller established before. `until` is when the token or the first of its roles ends."""

    caller: Caller
    networks: tuple[str, ...]
    until: datetime | None


class IdentityAuthenticator:
    """Implements `gate.port.Authenticator` and `Sponsors`, and refreshes callers for the gate (S14).

    What was found for a token is kept only for the generation it was read at. A token with a uses limit is
    never kept: each presentation is one conditional update.
    """

    def __init__(
        self, database: Database, custody: Custody, generations: Generations, roles: RoleSource
    ) -> None:
        self._database = database
        self._generations = generations
        self._roles = roles
        self._hash = CredentialHash(custody, TOKEN_MARK)
        self._tokens = TokenRows(custody)
        self._identities = IdentityRows(custody)
        self._client_secrets = ClientSecretRows(custody)
        self._known: dict[bytes, _Known] = {}
        self._generation = -1

    async def authenticate(self, token: SecretValue[str], address: str) -> Caller:
        """Return the caller. Raises UnauthenticatedError, never saying which part was wrong."""
        text = token.reveal()
        if len(text) > _LONGEST_TOKEN:
            raise TokenRefusedError
        tag = self._hash.tag(text)
        generation = await self._generations.current_generation()
        if generation != self._generation:
            self._known.clear()
            self._generation = generation
        known, now = self._known.get(tag), self._database.now()
        if known is None or (known.until is not None and now >= known.until):
            known = await self._look_up(self._hash.row_id(text), tag, address, generation)
        if not admits(known.networks, address):
            raise TokenRefusedError
        if known.caller.address == address:
            return known.caller
        caller = msgspec.structs.replace(known.caller, address=address)
        if tag in self._known:
            # Whoever calls again, most likely calls from there.
            self._known[tag] = msgspec.structs.replace(known, caller=caller)
        return caller

    async def refresh(self, caller: Caller) -> Caller:
        """Return the caller with the roles it holds now. Raises UnauthenticatedError if it is one no longer.

        For the gate, when the generation changed while an operation ran; it counts as no further use.
        """
        if caller.on_behalf_of is not None:
            sponsor = await self.sponsor(caller.on_behalf_of.id)
            return msgspec.structs.replace(caller, on_behalf_of=sponsor)
        if caller.kind is not CallerKind.IDENTITY:
            return caller
        generation = await self._generations.current_generation()
        now = self._database.now()
        if caller.credential.startswith(f"{self._hash.prefix}_"):
            token = await self._tokens.find(self._database, caller.credential)
            # A limited token that this very request used up is still this request's.
            if token is None or not (token.is_usable(now) or _was_used_up(token, now)):
                raise TokenRefusedError
            fresh, _ = await self._caller_of(token, now, generation)
            return msgspec.structs.replace(fresh, address=caller.address)
        if caller.id == INSTANCE_ADMINISTRATOR:
            return caller
        identity = await self._active_identity(caller.id)
        await self._verify_client_secret(caller.credential)
        held = await self._roles.roles_of(identity.id, now) if caller.roles else HeldRoles(())
        return msgspec.structs.replace(caller, roles=held.grants, generation=generation)

    async def sponsor(self, identity: str) -> Caller:
        """Return an identity on whose behalf another caller acts (S2), with the roles it holds now.

        Always read afresh, so that what ended ends for every worker at once. Raises SponsorRefusedError.
        """
        generation = await self._generations.current_generation()
        found, held = await asyncio.gather(
            self._identities.find_anywhere(self._database, identity),
            self._roles.roles_of(identity, self._database.now()),
        )
        if found is None or not found.is_active():
            raise SponsorRefusedError
        return Caller(
            kind=CallerKind.IDENTITY,
            id=found.id,
            name=found.name,
            address="",
            authenticated_by=SPONSORSHIP,
            organization=found.organization,
            project=found.project,
            roles=held.grants,
            generation=generation,
        )

    async def _look_up(self, token_id: str, tag: bytes, address: str, generation: int) -> _Known:
        now = self._database.now()
        token = await self._tokens.find(self._database, token_id)
        if token is None or not is_same(token.tag, tag):
            raise TokenRefusedError
        if not token.is_usable(now) or not token.is_usable_from(address):
            raise TokenRefusedError
        caller, held = await self._caller_of(token, now, generation)
        known = _Known(caller, token.networks, _earliest(token.expires_at, held.until))
        if token.uses_left is not None:
            await self._spend(token)
        else:
            await self._touch(token, now)
            self._keep(tag, known, generation)
        return known

    def _keep(self, tag: bytes, known: _Known, generation: int) -> None:
        if generation != self._generation:
            return
        if len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[tag] = known

    async def _caller_of(self, token: Token, now: datetime, generation: int) -> tuple[Caller, HeldRoles]:
        if token.identity == INSTANCE_ADMINISTRATOR:
            name, held = INSTANCE_ADMINISTRATOR, HeldRoles((ADMINISTRATOR,))
        else:
            name = (await self._active_identity(token.identity)).name
            await self._verify_client_secret(token.credential)
            held = await self._roles.roles_of(token.identity, now)
        caller = Caller(
            kind=CallerKind.IDENTITY,
            id=token.identity,
            name=name,
            address="",
            authenticated_by=token.method,
            credential=token.id,
            organization=token.organization,
            project=token.project,
            roles=held.grants,
            generation=generation,
        )
        return caller, held

    async def _active_identity(self, identity_id: str) -> MachineIdentity:
        identity = await self._identities.find_anywhere(self._database, identity_id)
        if identity is None or not identity.is_active():
            raise TokenRefusedError
        return identity

    async def _verify_client_secret(self, credential: str) -> None:
        """Refuse what was obtained with a client secret that is revoked by now."""
        if not credential.startswith("csc_"):
            return
        secret = await self._client_secrets.find_anywhere(self._database, credential)
        if secret is None or secret.revoked_at is not None:
            raise TokenRefusedError

    async def _spend(self, token: Token) -> None:
        """Take one use; of several callers at once exactly as many succeed as uses are left."""

        async def work(transaction: Transaction) -> None:
            def spend(current: Token) -> Token:
                if not current.is_usable(transaction.now) or current.uses_left is None:
                    raise TokenRefusedError
                return msgspec.structs.replace(current, uses_left=current.uses_left - 1)

            if await self._tokens.change(transaction, token.organization, token.id, spend) is None:
                raise TokenRefusedError

        await self._database.begin(work)

    async def _touch(self, token: Token, now: datetime) -> None:
        """Remember the use, coarsely; what cannot be remembered now does not keep anyone out."""
        if token.last_used_at is not None and now - token.last_used_at < _TOUCH_EVERY:
            return

        async def work(transaction: Transaction) -> None:
            await self._tokens.touch(transaction, token.organization, token.id)

        try:
            await self._database.begin(work)
        except UnavailableError:
            return


def _was_used_up(token: Token, now: datetime) -> bool:
    return token.uses_left == 0 and msgspec.structs.replace(token, uses_left=1).is_usable(now)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
