"""Universal login: a machine identity shows its client id and one of its client secrets."""

import msgspec

from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller, CallerKind
from ca_service.identity.credentials import CredentialHash, is_same
from ca_service.identity.errors import LoginRefusedError
from ca_service.identity.failures import LoginFailures
from ca_service.identity.identities import ClientSecret, MachineIdentity, TokenTerms
from ca_service.identity.lockouts.guard import LoginGuard
from ca_service.identity.opaque import CLIENT_SECRET_MARK
from ca_service.identity.roles import Generations
from ca_service.identity.storage import ClientSecretRows, IdentityRows
from ca_service.kernel.clock import from_microseconds
from ca_service.kernel.secret_value import SecretValue
from ca_service.kernel.tenancy import OrganizationId

METHOD = "universal"


class UniversalLogin:
    """Verifies client secrets. Whatever is wrong, the work and the answer are the same."""

    def __init__(
        self,
        database: Database,
        custody: Custody,
        generations: Generations,
        failures: LoginFailures,
        guard: LoginGuard,
    ) -> None:
        self._database = database
        self._generations = generations
        self._failures = failures
        self._guard = guard
        self._hash = CredentialHash(custody, CLIENT_SECRET_MARK)
        self._identities = IdentityRows(custody)
        self._secrets = ClientSecretRows(custody)
        # Read and verified in place of rows that are not there.
        self._decoy_identity = self._identities.row_of(_DECOY_IDENTITY)
        self._decoy_secret = self._secrets.row_of(_DECOY_SECRET)

    @property
    def name(self) -> str:
        return METHOD

    async def verify(
        self, client_id: str, client_secret: SecretValue[str], address: str, request_id: str
    ) -> Caller:
        """Return the identity as a caller that may log in. Raises LoginRefusedError for any reason.

        Whether it is locked out there is answered like everything else: with 401 and the same words, since a
        429 would tell that there is such an identity.
        """
        text = client_secret.reveal()
        tag = self._hash.tag(text)
        generation = await self._generations.current_generation()
        now = self._database.now()
        identity = await self._identities.find_anywhere(self._database, client_id)
        known = identity is not None
        identity = identity or self._identities.read(self._decoy_identity)
        secret = await self._secrets.find_anywhere(self._database, self._hash.row_id(text))
        secret = secret or self._secrets.read(self._decoy_secret)
        facts = {
            "locked-out": not await self._guard.is_locked_out(identity, address),
            "wrong-secret": is_same(secret.tag, tag) and secret.identity == identity.id,
            "ended-secret": secret.is_usable(now),
            "wrong-network": secret.is_usable_from(address),
            "inactive-identity": identity.is_active(),
        }
        refusals = [reason for reason, holds in facts.items() if not holds]
        if known and not refusals:
            return _caller_of(identity, secret, address, generation)
        if known:
            self._failures.note(identity, METHOD, refusals[0], address, request_id)
            if refusals[0] == "wrong-secret":
                self._guard.count(identity, address)
        await self._guard.wait()
        raise LoginRefusedError(is_audited=known)

    async def spend(self, transaction: Transaction, caller: Caller) -> None:
        """Take one use of the client secret. Raises LoginRefusedError if it ended since it was verified."""

        def take(secret: ClientSecret) -> ClientSecret:
            if secret.identity != caller.id or not secret.is_usable(transaction.now):
                raise LoginRefusedError(is_audited=True)
            if secret.uses_left is None:
                return secret
            return msgspec.structs.replace(secret, uses_left=secret.uses_left - 1)

        assert caller.organization is not None, "a machine identity lives in an organization"
        if await self._secrets.change(transaction, caller.organization, caller.credential, take) is None:
            raise LoginRefusedError(is_audited=True)
        self._guard.forget(transaction, caller)


def _caller_of(identity: MachineIdentity, secret: ClientSecret, address: str, generation: int) -> Caller:
    return Caller(
        kind=CallerKind.IDENTITY,
        id=identity.id,
        name=identity.name,
        address=address,
        authenticated_by=METHOD,
        credential=secret.id,
        organization=identity.organization,
        project=identity.project,
        generation=generation,
    )


_BEGINNING = from_microseconds(0)
_DECOY_IDENTITY = MachineIdentity(
    id="idn_decoy",
    organization=OrganizationId(""),
    project=None,
    name="",
    terms=TokenTerms(),
    created_at=_BEGINNING,
    created_by="",
)
_DECOY_SECRET = ClientSecret(
    id="csc_decoy",
    organization=OrganizationId(""),
    project=None,
    identity="",
    description="",
    tag=bytes(32),
    created_at=_BEGINNING,
    expires_at=None,
    uses_left=None,
    networks=(),
)
