"""Everything that can be asked of the ACME server, and what it answers.

Operations of an account do not name it: they are about the caller, whom a verified JWS established.
"""

from datetime import datetime, timedelta
from typing import ClassVar

from msgspec import UNSET, Struct, UnsetType

from acme.accounts import Account
from acme.authorizations import Authorization
from acme.challenges import Challenge, ChallengeStatus
from acme.directories import CaaMode, Directory, DirectoryRules, ExternalAccountRule
from acme.external_keys import ExternalKey, ExternalKeyView
from acme.identifiers import Identifier
from acme.orders import OrderView
from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.secret_value import SecretValue


class MadeAccount(Struct, frozen=True):
    """An account, and whether it is new or was found by its key."""

    account: Account
    is_new: bool


class CreateAccount(ProjectOperation[MadeAccount], frozen=True, kw_only=True):
    """Open an account for a key (RFC 8555 section 7.3); a key that has one is answered with that one.

    The account gets the id of the caller; `jwk` is the key in the canonical form of RFC 7638.
    `external_binding` is the JWS of section 7.3.4 as JSON, `binding_url` the URL that it must be made for.
    """

    action: ClassVar[str] = "acme:create-account"

    directory: str
    jwk: bytes
    contact: tuple[str, ...] = ()
    terms_agreed: bool = False
    external_binding: bytes | None = None
    binding_url: str = ""


class UpdateAccount(ProjectOperation[Account], frozen=True, kw_only=True):
    """Change the calling account (RFC 8555 section 7.3.2): its contacts, its agreement to the terms, or both.

    `contact` None leaves the contacts as they are.
    """

    action: ClassVar[str] = "acme:update-account"

    contact: tuple[str, ...] | None = None
    terms_agreed: bool = False


class ChangeAccountKey(ProjectOperation[Account], frozen=True, kw_only=True):
    """Give the calling account another key (RFC 8555 section 7.3.5).

    `jwk` is the new key in the canonical form of RFC 7638; the old one is the caller's credential.
    """

    action: ClassVar[str] = "acme:change-key"

    jwk: bytes


class DeactivateAccount(ProjectOperation[Account], frozen=True, kw_only=True):
    """Deactivate the calling account, with its orders and authorizations (RFC 8555 section 7.3.6)."""

    action: ClassVar[str] = "acme:update-account"
    takes_away: ClassVar[bool] = True


class ReadAccount(ProjectOperation[Account], frozen=True, kw_only=True):
    """Read the calling account."""

    action: ClassVar[str] = "acme:read-account"
    reads: ClassVar[bool] = True


class OrderPage(Struct, frozen=True):
    """Ids of orders, newest first; `next_cursor` asks for the page after it."""

    ids: tuple[str, ...]
    next_cursor: str | None


class ListOrders(ProjectOperation[OrderPage], frozen=True, kw_only=True):
    """List the calling account's orders that did not fail (RFC 8555 section 7.1.2.1)."""

    action: ClassVar[str] = "acme:list-orders"
    reads: ClassVar[bool] = True

    limit: int = 100
    cursor: str | None = None


class CreateOrder(ProjectOperation[OrderView], frozen=True, kw_only=True):
    """Order a certificate for these identifiers (RFC 8555 section 7.4), sorted and each once.

    `profile` None takes the directory's own. `not_before` and `not_after` are whole seconds. The answer is
    the account's open order for the same, if there is one.
    """

    action: ClassVar[str] = "acme:create-order"

    identifiers: tuple[Identifier, ...]
    profile: str | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None


class CreateAuthorization(ProjectOperation[Authorization], frozen=True, kw_only=True):
    """Open an authorization ahead of any order (RFC 8555 section 7.4.1); wildcards have none."""

    action: ClassVar[str] = "acme:create-authorization"

    identifier: Identifier


class ReadOrder(ProjectOperation[OrderView], frozen=True, kw_only=True):
    """Read one order of the calling account."""

    action: ClassVar[str] = "acme:read-order"
    reads: ClassVar[bool] = True

    order: str


class FinalizeOrder(ProjectOperation[OrderView], frozen=True, kw_only=True):
    """Issue the certificate of a ready order (RFC 8555 section 7.4).

    The same CSR on an order that has its certificate answers the order again, so that a client may retry.
    """

    action: ClassVar[str] = "acme:finalize-order"

    order: str
    csr_der: bytes


class ReadAuthorization(ProjectOperation[Authorization], frozen=True, kw_only=True):
    """Read one authorization of the calling account (RFC 8555 section 7.5)."""

    action: ClassVar[str] = "acme:read-authorization"
    reads: ClassVar[bool] = True

    authorization: str


class DeactivateAuthorization(ProjectOperation[Authorization], frozen=True, kw_only=True):
    """Give an authorization up (RFC 8555 section 7.5.2); orders that need it fail."""

    action: ClassVar[str] = "acme:deactivate-authorization"
    takes_away: ClassVar[bool] = True

    authorization: str


class ReadChallenge(ProjectOperation[Challenge], frozen=True, kw_only=True):
    """Read one challenge of the calling account."""

    action: ClassVar[str] = "acme:read-challenge"
    reads: ClassVar[bool] = True

    challenge: str


class RespondToChallenge(ProjectOperation[Challenge], frozen=True, kw_only=True):
    """Say that a challenge can be validated now (RFC 8555 section 7.5.1); saying it again changes nothing."""

    action: ClassVar[str] = "acme:respond-to-challenge"

    challenge: str


class ValidateChallenge(ProjectOperation[ChallengeStatus], frozen=True, kw_only=True):
    """Look whether a challenge is met. Jobs perform it as `System::"acme-validate"`, and nobody else."""

    action: ClassVar[str] = "acme:validate-challenge"

    challenge: str


class RevokeIssued(ProjectOperation[None], frozen=True, kw_only=True):
    """Revoke a certificate that this directory issued (RFC 8555 section 7.6).

    An account revokes what was issued to it, a key the certificates that are about it.
    """

    action: ClassVar[str] = "acme:revoke-certificate"
    takes_away: ClassVar[bool] = True

    directory: str
    certificate_der: bytes
    reason_code: int = 0


class NewExternalKey(Struct, frozen=True):
    """A new key for external account binding with its HMAC key (base64url), which is shown this once."""

    key: ExternalKey
    hmac_key: SecretValue[str]


class CreateExternalKey(ProjectOperation[NewExternalKey], frozen=True, kw_only=True):
    """Make a key with which clients open accounts in the name of an identity (RFC 8555 section 7.3.4).

    What those accounts ask for is decided as the identity too (S2). `maximum_uses` None: any number of
    accounts; `ttl` None: for ever.
    """

    action: ClassVar[str] = "acme:manage-external-key"
    idempotent: ClassVar[bool] = True

    directory: str
    name: str
    identity: str
    maximum_uses: int | None = 1
    ttl: timedelta | None = None


class ExternalKeyPage(Struct, frozen=True):
    """One page of keys; `next_key` is None on the last one."""

    items: tuple[ExternalKeyView, ...]
    next_key: str | None


class ListExternalKeys(ProjectOperation[ExternalKeyPage], frozen=True, kw_only=True):
    """List the external account keys of a directory."""

    action: ClassVar[str] = "acme:read-external-key"
    reads: ClassVar[bool] = True

    directory: str
    limit: int = 100
    after: str | None = None


class ReadExternalKey(ProjectOperation[ExternalKeyView], frozen=True, kw_only=True):
    """Read one external account key of a directory."""

    action: ClassVar[str] = "acme:read-external-key"
    reads: ClassVar[bool] = True

    directory: str
    key: str


class DisableExternalKey(ProjectOperation[ExternalKeyView], frozen=True, kw_only=True):
    """Disable an external account key for good; its accounts stop at their next request (S2)."""

    action: ClassVar[str] = "acme:manage-external-key"
    takes_away: ClassVar[bool] = True

    directory: str
    key: str


class AccountPage(Struct, frozen=True):
    """One page of accounts; `next_key` is None on the last one."""

    items: tuple[Account, ...]
    next_key: str | None


class ListAccounts(ProjectOperation[AccountPage], frozen=True, kw_only=True):
    """List the accounts of a directory, for its operator."""

    action: ClassVar[str] = "acme:read-accounts"
    reads: ClassVar[bool] = True

    directory: str
    limit: int = 100
    after: str | None = None


class DeactivateAccountById(ProjectOperation[Account], frozen=True, kw_only=True):
    """Deactivate an account of a directory, as its operator; doing it again changes nothing."""

    action: ClassVar[str] = "acme:deactivate-account"
    takes_away: ClassVar[bool] = True

    directory: str
    account: str


class CreateDirectory(ProjectOperation[Directory], frozen=True, kw_only=True):
    """Make a directory; first start makes the one named `default`.

    `is_open` also stores the policy that lets every account of it have certificates (S2).
    """

    action: ClassVar[str] = "acme:manage-directory"
    idempotent: ClassVar[bool] = True

    slug: str
    profile: str
    authority: str | None = None
    eab: ExternalAccountRule = ExternalAccountRule.REQUIRED
    rules: DirectoryRules = DirectoryRules()
    is_open: bool = False


class DirectoryChanges(Struct, frozen=True, kw_only=True):
    """What of a directory changes; what is UNSET stays, and None is what it is in `Directory`."""

    profile: str | UnsetType = UNSET
    authority: str | UnsetType | None = UNSET
    eab: ExternalAccountRule | UnsetType = UNSET
    further_profiles: tuple[str, ...] | UnsetType = UNSET
    challenges: tuple[str, ...] | UnsetType | None = UNSET
    caa: CaaMode | UnsetType = UNSET
    caa_identities: tuple[str, ...] | UnsetType = UNSET
    resolvers: tuple[str, ...] | UnsetType = UNSET
    terms_of_service: str | UnsetType | None = UNSET
    website: str | UnsetType | None = UNSET


class UpdateDirectory(ProjectOperation[Directory], frozen=True, kw_only=True):
    """Change a directory. Accounts, orders and authorizations stay as they are."""

    action: ClassVar[str] = "acme:manage-directory"

    slug: str
    changes: DirectoryChanges


class DeleteDirectory(ProjectOperation[None], frozen=True, kw_only=True):
    """Close a directory for good. Its certificates stay in the inventory; its slug is never used again."""

    action: ClassVar[str] = "acme:manage-directory"
    takes_away: ClassVar[bool] = True

    slug: str


class ListDirectories(ProjectOperation[tuple[Directory, ...]], frozen=True, kw_only=True):
    """List the directories of a project."""

    action: ClassVar[str] = "acme:list-directories"
    reads: ClassVar[bool] = True


class ReadDirectory(ProjectOperation[Directory], frozen=True, kw_only=True):
    """Read one directory of a project by its slug."""

    action: ClassVar[str] = "acme:read-directory"
    reads: ClassVar[bool] = True

    slug: str
