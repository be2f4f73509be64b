"""Orders: from identifiers to one certificate (RFC 8555 sections 7.1.3 and 7.1.6)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from msgspec import Struct

from acme.accounts import AccountId
from acme.authorizations import LEAST_LIFE, Authorization, AuthorizationStatus
from acme.challenges import ChallengeFailure
from acme.directories import DirectoryId
from acme.identifiers import Identifier
from ca_service.kernel.tenancy import Tenant

OrderId = NewType("OrderId", str)
CertificateId = NewType("CertificateId", str)

LIFETIME = timedelta(days=7)
MAXIMUM_OPEN = 300


class OrderStatus(StrEnum):
    """RFC 8555 section 7.1.6. Finalizing is one transaction here, so nobody sees `processing`."""

    PENDING = "pending"
    READY = "ready"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"


class Order(Struct, frozen=True):
    """The facts of one order. `request_digest` is the SHA-256 of the CSR that it was finalized with.

    `profile` is None for an order from before orders had one; `not_before` and `not_after` are what was asked
    for, whole seconds.
    """

    id: OrderId
    tenant: Tenant
    directory: DirectoryId
    account: AccountId
    identifiers: tuple[Identifier, ...]
    created_at: datetime
    expires_at: datetime
    certificate: CertificateId | None = None
    request_digest: bytes | None = None
    failure: ChallengeFailure | None = None
    profile: str | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None

    def asks_like(self, other: "Order") -> bool:
        """Return whether two orders of one account ask for the same certificate."""
        return (self.identifiers, self.profile, self.not_before, self.not_after) == (
            other.identifiers,
            other.profile,
            other.not_before,
            other.not_after,
        )


class OrderView(Struct, frozen=True):
    """An order with its authorizations, as it stood at `now`."""

    order: Order
    authorizations: tuple[Authorization, ...]
    status: OrderStatus
    failure: ChallengeFailure | None


def view_of(order: Order, authorizations: Iterable[Authorization], now: datetime) -> OrderView:
    """Return the order with the status and the error that all the facts amount to."""
    listed = tuple(authorizations)
    status = status_at(order, listed, now)
    failure = order.failure
    if status is OrderStatus.INVALID and failure is None:
        failure = _failure_at(order, listed, now)
    return OrderView(order, listed, status, failure)


def expiry_of(now: datetime, authorizations: Iterable[Authorization], not_after: datetime | None) -> datetime:
    """Return when a new order ends: in a week, and never after what it rests on or what it asks for."""
    ends = [now + LIFETIME, *(each.expires_at for each in authorizations)]
    if not_after is not None:
        ends.append(not_after)
    return min(ends)


def serves_again(view: OrderView, now: datetime) -> bool:
    """Return whether a request for the same certificate is answered with this order instead of a new one."""
    is_open = view.status in {OrderStatus.PENDING, OrderStatus.READY}
    return is_open and now + LEAST_LIFE <= view.order.expires_at


def status_at(order: Order, authorizations: Iterable[Authorization], now: datetime) -> OrderStatus:
    """Return the status: valid and invalid are final, all else follows from the authorizations."""
    if order.certificate is not None:
        return OrderStatus.VALID
    if order.failure is not None or now >= order.expires_at:
        return OrderStatus.INVALID
    statuses = {authorization.status_at(now) for authorization in authorizations}
    if not statuses:
        return OrderStatus.INVALID
    if statuses <= {AuthorizationStatus.VALID}:
        return OrderStatus.READY
    if statuses <= {AuthorizationStatus.VALID, AuthorizationStatus.PENDING}:
        return OrderStatus.PENDING
    return OrderStatus.INVALID


def _failure_at(order: Order, authorizations: tuple[Authorization, ...], now: datetime) -> ChallengeFailure:
    if now >= order.expires_at:
        return ChallengeFailure("malformed", "The order expired before it was finalized; make a new one.")
    for authorization in authorizations:
        if authorization.failure is not None:
            return authorization.failure
    ended = [
        authorization
        for authorization in authorizations
        if authorization.status_at(now) not in {AuthorizationStatus.VALID, AuthorizationStatus.PENDING}
    ]
    name = ended[0].identifier.value if ended else "an identifier"
    return ChallengeFailure(
        "unauthorized", f"The authorization of {name} is no longer valid; make a new order."
    )
