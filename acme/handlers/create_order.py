"""Takes orders and opens an authorization for each identifier that needs one (RFC 8555 section 7.4).

Who asks again for the same certificate is answered with the order that is still open; what the account
proved a short while ago need not be proved again (S18).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from acme.authorizations import Authorization
from acme.callers import scope_of
from acme.directories import Directory
from acme.directory_cache import DirectoryCache
from acme.errors import (
    AuthorizationLostError,
    DirectoryNotFoundError,
    InvalidProfileError,
    UnauthorizedError,
)
from acme.handlers.authorization_drafts import AuthorizationDrafts
from acme.identifiers import Identifier, rejection
from acme.operations import CreateOrder
from acme.orders import MAXIMUM_OPEN, Order, OrderId, OrderView, expiry_of, serves_again, view_of
from acme.profile_limits import faults_of
from acme.resources import directory_access
from acme.storage import authorizations, order_views, orders
from acme.storage.scope import Scope
from acme.validity import AskedValidity, verify_ceiling, verify_validity
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import RateLimitedError
from ca_service.kernel.identifiers import Identifiers
from ca_service.policy.values import Grant
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.profiles import ProfileStatus


class OrderDraft(Struct, frozen=True):
    """The order to answer with. `new` are those of its authorizations that are not written yet."""

    view: OrderView
    is_new: bool
    new: tuple[Authorization, ...] = ()


class OrderCreation(Handler[CreateOrder, OrderDraft, OrderDraft, OrderView]):
    """Takes one order; nothing is validated yet."""

    def __init__(
        self,
        database: Database,
        identifiers: Identifiers,
        directories: DirectoryCache,
        catalogue: Catalogue,
        drafts: AuthorizationDrafts,
    ) -> None:
        self._database = database
        self._identifiers = identifiers
        self._directories = directories
        self._catalogue = catalogue
        self._drafts = drafts

    async def prepare(self, call: Call, operation: CreateOrder) -> Prepared[OrderDraft]:
        scope = scope_of(call)
        directory = await self._directories.by_id(call.home, scope.directory)
        if directory is None:
            raise DirectoryNotFoundError
        profile = _profile_of(directory, operation.profile)
        await self._verify(call, directory, profile, operation)
        wanted = Order(
            id=OrderId(self._identifiers.new("ord")),
            tenant=scope.tenant,
            directory=scope.directory,
            account=scope.account,
            identifiers=operation.identifiers,
            created_at=call.now,
            expires_at=call.now,
            profile=profile,
            not_before=operation.not_before,
            not_after=operation.not_after,
        )
        draft = await self._draft(scope, directory, wanted, call.now)
        details: dict[str, Any] = {
            "order": draft.view.order.id,
            "identifiers": [each.value for each in operation.identifiers],
            "profile": profile,
        }
        if not draft.is_new:
            details["reused"] = True
        return Prepared(draft, (directory_access(operation.action, directory),), details)

    async def sign(self, call: Call, draft: OrderDraft, grant: Grant) -> OrderDraft:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: OrderDraft) -> OrderView:
        view = signed.view
        reused = [] if not signed.is_new else [each for each in view.authorizations if each not in signed.new]
        orders.require_valid_account(transaction, scope_of(call), _deactivated)
        if not signed.is_new:
            return view
        if reused:
            orders.require_held(transaction, call.home, [each.id for each in reused], _lost)
        orders.require_room(transaction, scope_of(call), MAXIMUM_OPEN, _too_many)
        for authorization in signed.new:
            authorizations.add(transaction, authorization)
        orders.add(transaction, view.order, view.authorizations)
        return view

    async def _verify(self, call: Call, directory: Directory, profile: str, operation: CreateOrder) -> None:
        """Refuse what could never be issued, before anybody proves anything for it."""
        asked = AskedValidity(operation.not_before, operation.not_after)
        verify_validity(asked, call.now)
        self._drafts.verify_provable(directory, operation.identifiers)
        known = await self._catalogue.profile(call.home, profile)
        if known is None or known.status is not ProfileStatus.ACTIVE:
            raise InvalidProfileError(
                f"The profile {profile} is not in use; ask who operates this directory, or order another.",
                field="profile",
            )
        verify_ceiling(asked, call.now, profile, known.settings)
        faults = faults_of(known, operation.identifiers)
        if faults:
            raise rejection(faults)

    async def _draft(self, scope: Scope, directory: Directory, wanted: Order, now: datetime) -> OrderDraft:
        found = await order_views.list_reusable(self._database, scope, wanted.identifiers)
        for order, authorizations_ in reversed(found.orders):
            needed = _in_order(order, authorizations_)
            view = view_of(order, needed, now)
            if order.asks_like(wanted) and serves_again(view, now):
                return OrderDraft(view, is_new=False)
        held = _by_identifier(each for each in found.proved if each.serves_at(now))
        needed = tuple(
            held.get(identifier) or self._drafts.draft(scope, directory, identifier, now)
            for identifier in wanted.identifiers
        )
        ends = expiry_of(now, needed, wanted.not_after)
        view = view_of(replace(wanted, expires_at=ends), needed, now)
        return OrderDraft(view, is_new=True, new=tuple(each for each in needed if each.proof is None))


def _deactivated() -> UnauthorizedError:
    return UnauthorizedError("The account was deactivated; make another with a new key.")


def _lost() -> AuthorizationLostError:
    return AuthorizationLostError(
        "An authorization that the order would rest on was given up in the meantime; send it again."
    )


def _too_many() -> RateLimitedError:
    return RateLimitedError(
        f"The account has {MAXIMUM_OPEN} open orders; finish some or let them expire.",
        retry_after=timedelta(hours=1),
    )


def _profile_of(directory: Directory, asked: str | None) -> str:
    if asked is None:
        return directory.profile
    if asked not in directory.profiles:
        raise InvalidProfileError(
            f"This directory issues from the profiles {', '.join(directory.profiles)}; order one of them or "
            "leave `profile` out.",
            field="profile",
        )
    return asked


def _in_order(order: Order, found: Iterable[Authorization]) -> tuple[Authorization, ...]:
    """Return what an order needs in the order of its identifiers; nothing if part of it is missing."""
    needed = _by_identifier(found)
    return tuple(needed[each] for each in order.identifiers) if len(needed) == len(order.identifiers) else ()


def _by_identifier(found: Iterable[Authorization]) -> dict[Identifier, Authorization]:
    """Return the newest authorization for each identifier of an order, wildcards apart from their base."""
    return {
        Identifier(each.identifier.type, f"*.{each.identifier.value}")
        if each.is_wildcard
        else each.identifier: each
        for each in found
    }
