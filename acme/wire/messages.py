"""The JSON objects of RFC 8555 section 7.1, with the URLs of the place that answers.

Compact and on one line, `status` before anything nested: some clients read JSON with sed.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from acme.accounts import Account
from acme.authorizations import Authorization
from acme.challenges import Challenge, ChallengeStatus
from acme.directories import Directory, ExternalAccountRule
from acme.orders import OrderView
from acme.wire.problems import Problem, failure_document, failures_document

_encode = msgspec.json.Encoder().encode

#: Members of the directory object by the kind of resource each leads to (section 9.7.5).
_RESOURCES = {
    "newNonce": "new-nonce",
    "newAccount": "new-account",
    "newOrder": "new-order",
    "newAuthz": "new-authz",
    "revokeCert": "revoke-cert",
    "keyChange": "key-change",
}


class Urls(Struct, frozen=True):
    """The URLs below one prefix; `base` is the public URL with the prefix, `index` the directory's."""

    base: str
    index: str

    def of(self, kind: str, id_: str, verb: str = "") -> str:
        """Return the URL of one resource."""
        return f"{self.base}/{kind}/{id_}/{verb}" if verb else f"{self.base}/{kind}/{id_}"


class DirectoryMeta(Struct, frozen=True, rename="camel"):
    """RFC 8555 section 9.7.6; `profiles` is draft-ietf-acme-profiles': each name with a word for people."""

    external_account_required: bool
    profiles: dict[str, str]
    terms_of_service: str | UnsetType = UNSET
    website: str | UnsetType = UNSET
    caa_identities: tuple[str, ...] | UnsetType = UNSET


class IdentifierDocument(Struct, frozen=True):
    """RFC 8555 section 9.7.7."""

    type: str
    value: str


class AccountDocument(Struct, frozen=True, rename="camel"):
    """RFC 8555 section 7.1.2."""

    status: str
    contact: tuple[str, ...]
    orders: str
    terms_of_service_agreed: bool | UnsetType = UNSET
    external_account_binding: msgspec.Raw | UnsetType = UNSET


class OrderDocument(Struct, frozen=True, rename="camel"):
    """RFC 8555 section 7.1.3; `profile` is of draft-ietf-acme-profiles."""

    status: str
    expires: str
    identifiers: tuple[IdentifierDocument, ...]
    authorizations: tuple[str, ...]
    finalize: str
    certificate: str | UnsetType = UNSET
    profile: str | UnsetType = UNSET
    not_before: str | UnsetType = UNSET
    not_after: str | UnsetType = UNSET
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


def directory_document(
    directory: Directory, urls: Urls, kinds: Collection[str], unknown: str
) -> dict[str, Any]:
    """Return the directory object (section 7.1.1), with one key that clients must ignore.

    `kinds` are the resources that this server has: what it has not is not listed.
    """
    listed = {name: f"{urls.base}/{kind}" for name, kind in _RESOURCES.items() if kind in kinds}
    return {
        **listed,
        "meta": _directory_meta(directory),
        unknown: "https://www.rfc-editor.org/rfc/rfc8555#section-7.1.1",
    }


def _directory_meta(directory: Directory) -> DirectoryMeta:
    rules = directory.rules
    others = dict.fromkeys(rules.further_profiles, "Taken when an order names it.")
    return DirectoryMeta(
        terms_of_service=rules.terms_of_service or UNSET,
        website=rules.website or UNSET,
        caa_identities=rules.caa_identities or UNSET,
        external_account_required=directory.eab is ExternalAccountRule.REQUIRED,
        profiles={directory.profile: "Taken when an order names no profile.", **others},
    )


def account_document(account: Account, urls: Urls) -> AccountDocument:
    """Return an account object."""
    return AccountDocument(
        status=account.status.value,
        contact=account.contact,
        orders=urls.of("account", account.id, "orders"),
        terms_of_service_agreed=UNSET if account.terms_agreed is None else True,
        external_account_binding=UNSET if account.external is None else msgspec.Raw(account.external.binding),
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
        profile=UNSET if order.profile is None else order.profile,
        not_before=UNSET if order.not_before is None else _moment(order.not_before),
        not_after=UNSET if order.not_after is None else _moment(order.not_after),
        error=_order_error(view),
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
    """Return a challenge object; one that will be looked at again shows its trouble (section 8.2)."""
    failure = challenge.failure or (challenge.trouble if challenge.validated_at is None else None)
    return ChallengeDocument(
        type=challenge.type.value,
        url=urls.of("challenge", challenge.id),
        status=challenge.status.value,
        token=challenge.token,
        validated=UNSET if challenge.validated_at is None else _moment(challenge.validated_at),
        error=UNSET if failure is None else failure_document(failure),
    )


def _order_error(view: OrderView) -> Problem | UnsetType:
    if view.failure is None:
        return UNSET
    failures = [(each.ordered, each.failure) for each in view.authorizations if each.failure is not None]
    if len(failures) > 1 and view.failure in {failure for _, failure in failures}:
        return failures_document(failures)
    return failure_document(view.failure)


def is_processing(authorization: Authorization) -> bool:
    """Return whether a challenge of this authorization is being looked at."""
    return any(each.status is ChallengeStatus.PROCESSING for each in authorization.challenges)


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
