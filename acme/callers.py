"""Who signed a request: from a JWS to an account of one directory, and from there to a caller (S2, S16).

The ACME counterpart of the bearer middleware. Its order is fixed: address, nonce's tag, key, signature, use
of the nonce, status of the account. Until the signature verified nothing is written; then the nonce is used.
"""

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

from acme.accounts import Account, AccountId, AccountStatus
from acme.directories import Directory, DirectoryId
from acme.errors import AccountDoesNotExistError, BadNonceError, DirectoryNotFoundError, UnauthorizedError
from acme.storage import accounts, directories, nonces
from acme.storage.scope import Scope
from acme.wire.jws import UnverifiedJws, VerifiedJws, parse_jws, verify_jws
from acme.wire.keys import AccountKey, KeyCache, parse_jwk
from acme.wire.nonces import Nonces
from ca_service.database.port import Database
from ca_service.gate.caller import Caller, CallerKind
from ca_service.gate.handler import Call
from ca_service.kernel.errors import MalformedError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant

DIRECTORY_GROUP = "Acme::Directory"
VALIDATOR = "acme-validate"
#: No account id has a colon, so that a key never passes for an account.
_KEY_PREFIX = "key:"


class Signer(Struct, frozen=True):
    """A verified request and the account that signed it; None where a key signed that may have none."""

    jws: VerifiedJws
    account: Account | None


class Expectation(Struct, frozen=True):
    """What a request must agree with: its own URL, and the prefixes under which its account may be named."""

    url: str
    account_prefixes: tuple[str, ...]
    takes_key: bool = False
    takes_account: bool = True


class AccountKeys(Protocol):
    """The authenticator as the door sees it."""

    async def directory(self, slug: str) -> Directory:
        """Return the directory at this address. Raises DirectoryNotFoundError."""

    def mint_nonce(self) -> str:
        """Return a fresh nonce."""

    async def authenticate(self, directory: Directory, body: bytes, expected: Expectation) -> Signer:
        """Return who signed `body`."""

    async def account_of_key(self, directory: Directory, key: AccountKey) -> Account | None:
        """Return the account that a key owns."""

    def new_caller(self, directory: Directory, key: AccountKey, address: str) -> Caller:
        """Return the caller for a key that has no account."""


class AcmeAuthenticator:
    """Establishes ACME callers over the database."""

    def __init__(self, database: Database, nonces_: Nonces, keys: KeyCache, identifiers: Identifiers) -> None:
        self._database = database
        self._nonces = nonces_
        self._keys = keys
        self._identifiers = identifiers

    async def directory(self, slug: str) -> Directory:
        found = await directories.find_by_slug(self._database, slug)
        if found is None:
            raise DirectoryNotFoundError
        return found

    def mint_nonce(self) -> str:
        return self._nonces.mint(self._database.now())

    async def authenticate(self, directory: Directory, body: bytes, expected: Expectation) -> Signer:
        """Return who signed `body`.

        Raises MalformedError, BadNonceError, BadSignatureAlgorithmError, BadPublicKeyError,
        AccountDoesNotExistError and UnauthorizedError.
        """
        unverified = parse_jws(body)
        _verify_place(unverified, expected)
        used = self._nonces.parse(unverified.nonce, self._database.now())
        account: Account | None = None
        if unverified.kid is not None:
            account = await self._account(directory, unverified.kid, expected.account_prefixes)
            key = self._keys.load(account.thumbprint, account.jwk)
        else:
            key = parse_jwk(unverified.jwk, unverified.algorithm)
        jws = verify_jws(unverified, key)
        if not await nonces.use(self._database, used):
            raise BadNonceError("The nonce was used before; use the one of this answer.")
        self._nonces.refuse_some()
        if account is not None:
            verify_usable(account)
        return Signer(jws, account)

    async def account_of_key(self, directory: Directory, key: AccountKey) -> Account | None:
        return await accounts.find_by_key(self._database, directory, key.thumbprint)

    def new_caller(self, directory: Directory, key: AccountKey, address: str) -> Caller:
        return _caller(directory, self._identifiers.new("acc"), key.thumbprint, address)

    async def _account(self, directory: Directory, kid: str, prefixes: Iterable[str]) -> Account:
        for prefix in prefixes:
            if kid.startswith(prefix):
                account = await accounts.find(self._database, directory, kid.removeprefix(prefix))
                if account is None:
                    break
                return account
        else:
            raise MalformedError("The `kid` is not the URL of an account of this directory.")
        raise AccountDoesNotExistError(
            "The `kid` names no account of this directory; make one with newAccount."
        )


def caller_of(directory: Directory, account: Account, address: str) -> Caller:
    """Return an account as the gate knows it: an `Acme::Account` in its `Acme::Directory`."""
    return _caller(directory, account.id, account.thumbprint, address)


def validator(tenant: Tenant) -> Caller:
    """Return the job that validates challenges, inside one project (S15)."""
    return Caller(
        kind=CallerKind.SYSTEM,
        id=VALIDATOR,
        name=VALIDATOR,
        address="",
        authenticated_by="job",
        organization=tenant.organization,
        project=tenant.project,
    )


def key_caller(directory: Directory, key: AccountKey, address: str) -> Caller:
    """Return who signed with a certificate's key: a member of the directory that is no account of it."""
    return _caller(directory, f"{_KEY_PREFIX}{key.thumbprint}", key.thumbprint, address)


def signs_as_key(caller: Caller) -> bool:
    """Return whether a caller is a bare key, as `key_caller` makes it."""
    return caller.id.startswith(_KEY_PREFIX)


def scope_of(call: Call) -> Scope:
    """Return where the rows of the calling account lie.

    A caller that is no account gets a scope without rows: it finds nothing, and the policy refuses it anyway.
    """
    groups = dict(call.caller.groups)
    is_account = call.caller.kind is CallerKind.ACME_ACCOUNT
    return Scope(
        call.home,
        DirectoryId(groups.get(DIRECTORY_GROUP, "") if is_account else ""),
        AccountId(call.caller.id if is_account else ""),
    )


def verify_usable(account: Account) -> None:
    """Refuse an account that was deactivated (RFC 8555 section 7.3.6). Raises UnauthorizedError."""
    if account.status is not AccountStatus.VALID:
        raise UnauthorizedError("The account was deactivated; make another with a new key.")


def _verify_place(jws: UnverifiedJws, expected: Expectation) -> None:
    if jws.url != expected.url:
        raise UnauthorizedError(
            f"The `url` in the protected header is not the one of this request: {expected.url}"
        )
    if jws.jwk is not None and not expected.takes_key:
        raise MalformedError(
            "This address takes requests signed by an account: name it with `kid`, not `jwk`."
        )
    if jws.kid is not None and not expected.takes_account:
        raise MalformedError("This address takes requests signed by a key: send it as `jwk`, not `kid`.")


def _caller(directory: Directory, id_: str, thumbprint: str, address: str) -> Caller:
    return Caller(
        kind=CallerKind.ACME_ACCOUNT,
        id=id_,
        name=id_,
        address=address,
        authenticated_by="acme-jws",
        credential=thumbprint,
        organization=directory.tenant.organization,
        project=directory.tenant.project,
        groups=((DIRECTORY_GROUP, directory.id),),
    )
