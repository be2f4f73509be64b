"""The bootstrap token in `DATA/admin-token`: whoever holds it is the instance administrator (S13)."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ca_service.audit.entries import AuditEntry, AuditOutcome
from ca_service.audit.trail import AuditTrail
from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller, CallerKind
from ca_service.identity.credentials import CredentialHash
from ca_service.identity.opaque import TOKEN_MARK
from ca_service.identity.roles import ADMINISTRATOR, Generations
from ca_service.identity.token_storage import TokenRows
from ca_service.identity.tokens import INSTANCE_ADMINISTRATOR, Token
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue

METHOD = "bootstrap"


def instance_administrator(*, address: str = "local", authenticated_by: str = "first-start") -> Caller:
    """Return the caller of first start and of local administration, which nobody has to log in for."""
    return Caller(
        kind=CallerKind.IDENTITY,
        id=INSTANCE_ADMINISTRATOR,
        name=INSTANCE_ADMINISTRATOR,
        address=address,
        authenticated_by=authenticated_by,
        roles=(ADMINISTRATOR,),
    )


class BootstrapToken:
    """Makes, replaces and ends the bootstrap token; each is audited as the instance administrator's doing.

    `deliver` is handed the text before the database has it: after a crash in between, the file holds a token
    that opens nothing, and the next start makes another. It may write a file; it is called once at most.
    """

    def __init__(
        self,
        database: Database,
        custody: Custody,
        audit: AuditTrail,
        generations: Generations,
        identifiers: Identifiers,
        randomness: Randomness,
    ) -> None:
        self._database = database
        self._audit = audit
        self._generations = generations
        self._identifiers = identifiers
        self._randomness = randomness
        self._hash = CredentialHash(custody, TOKEN_MARK)
        self._tokens = TokenRows(custody)

    async def make_once(
        self, deliver: Callable[[SecretValue[str]], None] | None = None
    ) -> SecretValue[str] | None:
        """Make the token if there never was one, and return it; else None, also after `disable`."""
        if await self._database.begin(self._was_made):
            return None
        secret, token = self._mint()
        if deliver is not None:
            deliver(secret)

        async def work(transaction: Transaction) -> bool:
            if await self._was_made(transaction):
                return False
            await self._tokens.insert(transaction, token)
            await self._note(transaction, "identity:make-bootstrap-token", {"token": token.id})
            return True

        return secret if await self._database.begin(work) else None

    async def rotate(self, deliver: Callable[[SecretValue[str]], None] | None = None) -> SecretValue[str]:
        """Make another token and end all before it."""
        secret, token = self._mint()
        if deliver is not None:
            deliver(secret)

        async def work(transaction: Transaction) -> None:
            ended = await self._end_all(transaction)
            await self._tokens.insert(transaction, token)
            await self._note(
                transaction, "identity:rotate-bootstrap-token", {"token": token.id, "ended": ended}
            )

        await self._database.begin(work)
        return secret

    async def disable(self) -> int:
        """End the token for good and return how many there were; `rotate` makes one again."""

        async def work(transaction: Transaction) -> int:
            ended = await self._end_all(transaction)
            await self._note(transaction, "identity:disable-bootstrap-token", {"ended": ended})
            return len(ended)

        return await self._database.begin(work)

    async def is_alive(self) -> bool:
        """Tell whether a bootstrap token still opens the instance."""

        async def work(transaction: Transaction) -> bool:
            return bool(await self._tokens.of_identity(transaction, INSTANCE_ADMINISTRATOR))

        return await self._database.begin(work)

    async def _was_made(self, transaction: Transaction) -> bool:
        return await self._tokens.has_any(transaction, INSTANCE_ADMINISTRATOR)

    async def _end_all(self, transaction: Transaction) -> list[str]:
        now = transaction.now
        ended = await self._tokens.of_identity(transaction, INSTANCE_ADMINISTRATOR)
        for token in ended:
            await self._tokens.change(
                transaction,
                None,
                token.id,
                lambda current: msgspec.structs.replace(current, revoked_at=now),
            )
        await self._generations.raise_generation(transaction)
        return [token.id for token in ended]

    def _mint(self) -> tuple[SecretValue[str], Token]:
        token_id = self._identifiers.new(self._hash.prefix)
        secret, tag = self._hash.mint(token_id, self._randomness)
        token = Token(
            id=token_id,
            organization=None,
            project=None,
            identity=INSTANCE_ADMINISTRATOR,
            method=METHOD,
            credential="",
            tag=tag,
            created_at=self._database.now(),
            ttl=None,
            expires_at=None,
            max_expires_at=None,
            uses_left=None,
            networks=(),
        )
        return secret, token

    async def _note(self, transaction: Transaction, action: str, details: Mapping[str, Any]) -> None:
        principal = f'Identity::"{INSTANCE_ADMINISTRATOR}"'
        await self._audit.record(
            transaction,
            AuditEntry(
                id=self._identifiers.new("aud"),
                at=transaction.now,
                organization=None,
                project=None,
                caller=principal,
                action=action,
                resource=principal,
                outcome=AuditOutcome.DONE,
                reason="local administration",
                request_id="",
                address="local",
                details=details,
            ),
        )
