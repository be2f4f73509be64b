"""Everything that can be asked of the ACME server, and what it answers.

Operations of an account do not name it: they are about the caller, whom a verified JWS established.
"""

from typing import ClassVar

from msgspec import Struct

from acme.accounts import Account
from acme.authorizations import Authorization
from acme.challenges import Challenge, ChallengeStatus
from acme.directories import Directory, ExternalAccountRule
from acme.identifiers import Identifier
from acme.orders import OrderView
from ca_service.gate.operation import ProjectOperation


class MadeAccount(Struct, frozen=True):
    """An account, and whether it is new or was found by its key."""

    account: Account
    is_new: bool


class CreateAccount(ProjectOperation[MadeAccount], frozen=True, kw_only=True):
    """Open an account for a key (RFC 8555 section 7.3); a key that has one is answered with that one.

    The account gets the id of the caller; `jwk` is the key in the canonical form of RFC 7638.
    """

    action: ClassVar[str] = "acme:create-account"

    directory: str
    jwk: bytes
    contact: tuple[str, ...] = ()


class UpdateAccount(ProjectOperation[Account], frozen=True, kw_only=True):
    """Replace the contacts of the calling account (RFC 8555 section 7.3.2)."""

    action: ClassVar[str] = "acme:update-account"

    contact: tuple[str, ...]


class DeactivateAccount(ProjectOperation[Account], frozen=True, kw_only=True):
    """Deactivate the calling account, with its orders and authorizations (RFC 8555 section 7.3.6)."""

    action: ClassVar[str] = "acme:update-account"


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
    """Order a certificate for these identifiers (RFC 8555 section 7.4)."""

    action: ClassVar[str] = "acme:create-order"

    identifiers: tuple[Identifier, ...]


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

    directory: str
    certificate_der: bytes
    reason_code: int = 0


class CreateDirectory(ProjectOperation[Directory], frozen=True, kw_only=True):
    """Make a directory; first start makes the one named `default`.

    `is_open` also stores the policy that lets every account of it have certificates (S2).
    """

    action: ClassVar[str] = "acme:manage-directory"

    slug: str
    profile: str
    authority: str | None = None
    eab: ExternalAccountRule = ExternalAccountRule.REQUIRED
    is_open: bool = False


class ListDirectories(ProjectOperation[tuple[Directory, ...]], frozen=True, kw_only=True):
    """List the directories of a project."""

    action: ClassVar[str] = "acme:list-directories"
    reads: ClassVar[bool] = True


class ReadDirectory(ProjectOperation[Directory], frozen=True, kw_only=True):
    """Read one directory of a project by its slug."""

    action: ClassVar[str] = "acme:read-directory"
    reads: ClassVar[bool] = True

    slug: str
