"""Who signed a request: from a JWS to an account of one directory, and from there to a caller (S2, S16).

The ACME counterpart of the bearer middleware. Its order is fixed: address, nonce's tag, key, signature, use
of the nonce, status of the account. Until the signature verified nothing is written; then the nonce is used.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from acme.account_cache import AccountCache, Found
from acme.accounts import Account, AccountId, AccountStatus, verify_terms
from acme.directories import Directory, DirectoryId
from acme.directory_cache import DirectoryCache
from acme.errors import (
    AccountDoesNotExistError,
    DirectoryNotFoundError,
    ExternalAccountEndedError,
    UnauthorizedError,
    UserActionRequiredError,
)
from acme.external_accounts import ExternalAccounts
from acme.nonce_use import NonceUse
from acme.storage.accounts import AccountRows
from acme.storage.scope import Scope
from acme.wire.jws import UnverifiedJws, VerifiedJws, parse_jws, verify_jws
from acme.wire.keys import AccountKey, KeyCache, parse_jwk
from acme.wire.nonces import Nonces
from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller, CallerKind
from ca_service.gate.handler import Call
from ca_service.kernel.errors import KeywrightError, MalformedError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant

DIRECTORY_GROUP = "Acme::Directory"
VALIDATOR = "acme-validate"
#: No account id has a colon, so that a key never passes for an account.
_KEY_PREFIX = "key:"


class Signer(Struct, frozen=True):
    """A verified request and the account that signed it; None where a key signed that may have none.

    `nonce` is to be used up with the operation, or without one, before the answer (S16).
    `sponsor` is the identity on whose behalf the account acts, if it is bound to an external one (S2).
    """

    jws: VerifiedJws
    account: Account | None
    nonce: NonceUse
    sponsor: Caller | None = None


class Expectation(Struct, frozen=True):
    """What a request must agree with: its own URL, and the prefixes under which its account may be named.

    `needs_terms` tells that the account must have agreed to the terms of service as they are now. `admit_key`
    is asked before a signature is verified by a key that needs no account; it raises RateLimitedError.
    """

    url: str
    account_prefixes: tuple[str, ...]
    admit_key: Callable[[], None]
    takes_key: bool = False
    takes_account: bool = True
    needs_terms: bool = False


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

    async def caller_of_account(self, directory: Directory, account: Account, address: str) -> Caller:
        """Return an account that did not sign by its URL as a caller."""

    def new_caller(self, directory: Directory, key: AccountKey, address: str) -> Caller:
        """Return the caller for a key that has no account."""


class AcmeAuthenticator:
    """Establishes ACME callers over the database."""

    def __init__(
        self,
        database: Database,
        nonces_: Nonces,
        keys: KeyCache,
        identifiers: Identifiers,
        directories: DirectoryCache,
        external: ExternalAccounts,
        accounts: AccountRows,
    ) -> None:
        self._database = database
        self._rows = accounts
        self._accounts = AccountCache(database, accounts)
        self._directories = directories
        self._nonces = nonces_
        self._keys = keys
        self._identifiers = identifiers
        self._external = external

    async def directory(self, slug: str) -> Directory:
        found = await self._directories.by_slug(slug)
        if found is None:
            raise DirectoryNotFoundError
        return found

    def mint_nonce(self) -> str:
        return self._nonces.mint(self._database.now())

    async def authenticate(self, directory: Directory, body: bytes, expected: Expectation) -> Signer:
        """Return who signed `body`.

        Raises MalformedError, BadNonceError, BadSignatureAlgorithmError, BadPublicKeyError,
        AccountDoesNotExistError, UnauthorizedError, ExternalAccountEndedError, UserActionRequiredError and
        what `expected.admit_key` does.
        """
        unverified = parse_jws(body)
        _verify_place(unverified, expected)
        used = self._nonces.parse(unverified.nonce, self._database.now())
        if unverified.kid is None:
            account = None
            # From here on the nonce is used up, which is a row: the last chance to refuse without one (S8).
            expected.admit_key()
            jws = verify_jws(unverified, parse_jwk(unverified.jwk, unverified.algorithm))
        else:
            account, jws = await self._verify(
                directory, unverified, unverified.kid, expected.account_prefixes
            )
        nonce = NonceUse(self._database, used, self._condition(account))
        try:
            self._nonces.refuse_some()
            if account is None:
                return Signer(jws, None, nonce)
            sponsor = _not_ended(await self._external.sponsor_of(account))
            verify_usable(account)
            if expected.needs_terms:
                await self._verify_terms(directory, account)
        except KeywrightError:
            await nonce.use_alone()
            raise
        return Signer(jws, account, nonce, sponsor)

    async def account_of_key(self, directory: Directory, key: AccountKey) -> Account | None:
        return await self._rows.find_by_key(self._database, directory.tenant, directory.id, key.thumbprint)

    async def caller_of_account(self, directory: Directory, account: Account, address: str) -> Caller:
        """Return an account as a caller. Raises UnauthorizedError or ExternalAccountEndedError."""
        verify_usable(account)
        return caller_of(directory, account, address, _not_ended(await self._external.sponsor_of(account)))

    def new_caller(self, directory: Directory, key: AccountKey, address: str) -> Caller:
        return _caller(directory, self._identifiers.new("acc"), key.thumbprint, address)

    async def _verify(
        self, directory: Directory, unverified: UnverifiedJws, kid: str, prefixes: Iterable[str]
    ) -> tuple[Account, VerifiedJws]:
        """Return the account that `kid` names and what its key signed."""
        account, was_kept = await self._account(directory, kid, prefixes)
        try:
            return account, verify_jws(unverified, self._keys.load(account.thumbprint, account.jwk))
        except KeywrightError:
            # The account may have got this key a moment ago, from another process.
            anew = await self._accounts.find_anew(directory, account.id) if was_kept else None
            if anew is None or anew.thumbprint == account.thumbprint:
                raise
            return anew, verify_jws(unverified, self._keys.load(anew.thumbprint, anew.jwk))

    async def _verify_terms(self, directory: Directory, account: Account) -> None:
        try:
            verify_terms(directory, account.terms_agreed)
        except UserActionRequiredError:
            # Another process may have taken the agreement a moment ago.
            anew = await self._accounts.find_anew(directory, account.id)
            verify_terms(directory, None if anew is None else anew.terms_agreed)

    def _condition(self, account: Account | None) -> Callable[[Transaction], None] | None:
        """Return what keeps an operation from being done for an account that changed since it was read."""
        if account is None:
            return None

        def found_changed() -> UnauthorizedError:
            self._accounts.forget()
            return UnauthorizedError(
                "The account was deactivated, or has another key, since this request was signed."
            )

        return lambda transaction: self._rows.require_usable(transaction, account, found_changed)

    async def _account(self, directory: Directory, kid: str, prefixes: Iterable[str]) -> Found:
        for prefix in prefixes:
            if kid.startswith(prefix):
                id_ = kid.removeprefix(prefix)
                # No id of ours has anything else, and PostgreSQL keeps no text with a NUL.
                is_like_ours = id_.isidentifier()
                found = await self._accounts.find(directory, id_) if is_like_ours else None
                if found is None:
                    break
                return found
        else:
            raise MalformedError("The `kid` is not the URL of an account of this directory.")
        raise AccountDoesNotExistError(
            "The `kid` names no account of this directory; make one with newAccount."
        )


def caller_of(directory: Directory, account: Account, address: str, sponsor: Caller | None = None) -> Caller:
    """Return an account as the gate knows it: an `Acme::Account` in its `Acme::Directory`.

    One that is bound to an external account acts on behalf of its `sponsor`, and never without (S2).
    """
    owner = None if account.external is None else account.external.identity
    assert owner == (None if sponsor is None else sponsor.id), "a bound account acts for its identity"
    caller = _caller(directory, account.id, account.thumbprint, address)
    return caller if sponsor is None else replace(caller, on_behalf_of=sponsor)


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


def _not_ended(sponsor: Caller | ExternalAccountEndedError | None) -> Caller | None:
    if isinstance(sponsor, ExternalAccountEndedError):
        raise sponsor
    return sponsor


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
