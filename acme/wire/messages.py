"""The JSON objects of RFC 8555 section 7.1, with the URLs of the place that answers.

Compact and on one line, `status` before anything nested: some clients read JSON with sed.
"""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from acme.accounts import Account
from acme.authorizations import Authorization
from acme.challenges import Challenge, ChallengeStatus
from acme.directories import Directory, ExternalAccountRule
from acme.orders import OrderView
from acme.wire.problems import Problem, failure_document

_encode = msgspec.json.Encoder().encode


class Urls(Struct, frozen=True):
    """The URLs below one prefix; `base` is the public URL with the prefix, `index` the directory's."""

    base: str
    index: str

    def of(self, kind: str, id_: str, verb: str = "") -> str:
        """Return the URL of one resource."""
        return f"{self.base}/{kind}/{id_}/{verb}" if verb else f"{self.base}/{kind}/{id_}"


class IdentifierDocument(Struct, frozen=True):
    """RFC 8555 section 9.7.7."""

    type: str
    value: str


class AccountDocument(Struct, frozen=True):
    """RFC 8555 section 7.1.2."""

    status: str
    contact: tuple[str, ...]
    orders: str


class OrderDocument(Struct, frozen=True):
    """RFC 8555 section 7.1.3."""

    status: str
    expires: str
    identifiers: tuple[IdentifierDocument, ...]
    authorizations: tuple[str, ...]
    finalize: str
    certificate: str | UnsetType = UNSET
    error: Problem | UnsetType = UNSET


class ChallengeDocument(Struct, frozen=True):
    """RFC 8555 section 7.1.5."""

    type: str
    url: str
    status: str
    token: str
    validated: str | UnsetType = UNSET
    error: Problem | UnsetType = UNSET


class AuthorizationDocument(Struct, frozen=True):
    """RFC 8555 section 7.1.4."""

    status: str
    identifier: IdentifierDocument
    expires: str
    challenges: tuple[ChallengeDocument, ...]
    wildcard: bool | UnsetType = UNSET


class OrdersDocument(Struct, frozen=True):
    """RFC 8555 section 7.1.2.1."""

    orders: tuple[str, ...]


def encode(document: Struct | dict[str, Any]) -> bytes:
    """Return a document as it goes over the wire."""
    return _encode(document)


def directory_document(directory: Directory, urls: Urls, unknown: str) -> dict[str, Any]:
    """Return the directory object (section 7.1.1): what exists, and one key that clients must ignore."""
    return {
        "newNonce": f"{urls.base}/new-nonce",
        "newAccount": f"{urls.base}/new-account",
        "newOrder": f"{urls.base}/new-order",
        "revokeCert": f"{urls.base}/revoke-cert",
        "meta": {"externalAccountRequired": directory.eab is ExternalAccountRule.REQUIRED},
        unknown: "https://www.rfc-editor.org/rfc/rfc8555#section-7.1.1",
    }


def account_document(account: Account, urls: Urls) -> AccountDocument:
    """Return an account object."""
    return AccountDocument(
        status=account.status.value,
        contact=account.contact,
        orders=urls.of("account", account.id, "orders"),
    )


def order_document(view: OrderView, urls: Urls) -> OrderDocument:
    """Return an order object."""
    order = view.order
    return OrderDocument(
        status=view.status.value,
        expires=_moment(order.expires_at),
        identifiers=tuple(IdentifierDocument(each.type, each.value) for each in order.identifiers),
        authorizations=tuple(urls.of("authz", each.id) for each in view.authorizations),
        finalize=urls.of("order", order.id, "finalize"),
        certificate=UNSET if order.certificate is None else urls.of("certificate", order.certificate),
        error=UNSET if view.failure is None else failure_document(view.failure),
    )


def authorization_document(authorization: Authorization, urls: Urls, now: datetime) -> AuthorizationDocument:
    """Return an authorization object; a valid one shows the challenge that was met and no others."""
    proof = authorization.proof
    shown = authorization.challenges if proof is None else (proof,)
    return AuthorizationDocument(
        status=authorization.status_at(now).value,
        identifier=IdentifierDocument(authorization.identifier.type, authorization.identifier.value),
        expires=_moment(authorization.expires_at),
        challenges=tuple(challenge_document(each, urls) for each in shown),
        wildcard=True if authorization.is_wildcard else UNSET,
    )


def challenge_document(challenge: Challenge, urls: Urls) -> ChallengeDocument:
    """Return a challenge object."""
    return ChallengeDocument(
        type=challenge.type.value,
        url=urls.of("challenge", challenge.id),
        status=challenge.status.value,
        token=challenge.token,
        validated=UNSET if challenge.validated_at is None else _moment(challenge.validated_at),
        error=UNSET if challenge.failure is None else failure_document(challenge.failure),
    )


def is_processing(authorization: Authorization) -> bool:
    """Return whether a challenge of this authorization is being looked at."""
    return any(each.status is ChallengeStatus.PROCESSING for each in authorization.challenges)


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
