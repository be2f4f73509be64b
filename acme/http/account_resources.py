"""newAccount, account, keyChange and orders (RFC 8555 sections 7.1.2.1, 7.3)."""

import json
from typing import Any
from urllib.parse import parse_qs

from acme.accounts import Account, parse_contacts
from acme.errors import AccountDoesNotExistError, AccountTakenError, KeyInUseError, UnauthorizedError
from acme.http.visit import Answer, Visit, link
from acme.operations import (
    ChangeAccountKey,
    CreateAccount,
    DeactivateAccount,
    ListOrders,
    ReadAccount,
    UpdateAccount,
)
from acme.wire.key_change import parse_key_change
from acme.wire.messages import OrdersDocument, account_document, encode
from ca_service.kernel.errors import MalformedError
from ca_service.web.door import throttle

_ORDERS_PER_PAGE = 100
_LONGEST_CURSOR = 64


async def new_account(visit: Visit) -> Answer:
    """Open an account, or answer the one that the key has."""
    payload = visit.signer.jws.read_payload()
    key = visit.signer.jws.key
    only_existing, agreed = _flag(payload, "onlyReturnExisting"), _flag(payload, "termsOfServiceAgreed")
    existing = await visit.keys.account_of_key(visit.directory, key)
    if existing is not None:
        return await _existing(visit, existing, agrees_anew=agreed and not only_existing)
    if only_existing:
        raise AccountDoesNotExistError("No account of this directory has this key.")
    operation = CreateAccount(
        project=visit.directory.tenant.project,
        directory=visit.directory.id,
        jwk=key.jwk,
        contact=parse_contacts(payload.get("contact")),
        terms_agreed=agreed,
        external_binding=_binding(payload),
        binding_url=visit.signer.jws.url,
    )
    throttle(visit.request, "accounts")
    caller = visit.keys.new_caller(visit.directory, key, visit.address)
    try:
        made = await visit.perform_as(caller, operation)
    except AccountTakenError:
        # Two requests opened an account for one key: this one finds what the other made.
        made = await visit.perform_as(caller, operation)
    return _account(visit, made.account, status=201 if made.is_new else 200)


async def account(visit: Visit) -> Answer:
    """Read, change or deactivate the account of the caller."""
    _require_own(visit)
    project = visit.directory.tenant.project
    if visit.signer.jws.is_post_as_get:
        return _account(visit, await visit.perform(ReadAccount(project=project)))
    payload = visit.signer.jws.read_payload()
    status = payload.get("status", "valid")
    if status == "deactivated":
        return _account(visit, await visit.perform(DeactivateAccount(project=project)))
    if status != "valid":
        raise MalformedError("An account's `status` can only be changed to `deactivated`.", field="status")
    contact = None if payload.get("contact") is None else parse_contacts(payload["contact"])
    agreed = _flag(payload, "termsOfServiceAgreed")
    if contact is None and not agreed:
        return _account(visit, await visit.perform(ReadAccount(project=project)))
    operation = UpdateAccount(project=project, contact=contact, terms_agreed=agreed)
    return _account(visit, await visit.perform(operation))


async def key_change(visit: Visit) -> Answer:
    """Give the account of the caller another key."""
    new = parse_key_change(visit.signer.jws)
    operation = ChangeAccountKey(project=visit.directory.tenant.project, jwk=new.jwk)
    try:
        return _account(visit, await visit.perform(operation))
    except KeyInUseError as error:
        location = visit.urls.of("account", error.account)
        raise KeyInUseError(error.account, location=location) from error


async def orders(visit: Visit) -> Answer:
    """List the account's orders, newest first."""
    _require_own(visit)
    visit.require_read()
    operation = ListOrders(
        project=visit.directory.tenant.project, limit=_ORDERS_PER_PAGE, cursor=_cursor(visit)
    )
    page = await visit.perform(operation)
    document = OrdersDocument(tuple(visit.urls.of("order", id_) for id_ in page.ids))
    listing = visit.urls.of("account", visit.account.id, "orders")
    headers = () if page.next_cursor is None else (link(f"{listing}?cursor={page.next_cursor}", "next"),)
    return Answer(200, encode(document), headers=headers)


async def _existing(visit: Visit, account: Account, *, agrees_anew: bool) -> Answer:
    """Answer the account of a key, which may agree to the terms as they are now (section 7.3.3)."""
    caller = await visit.keys.caller_of_account(visit.directory, account, visit.address)
    project = visit.directory.tenant.project
    terms = visit.directory.rules.terms_of_service
    if agrees_anew and terms is not None and account.terms_agreed != terms:
        operation = UpdateAccount(project=project, terms_agreed=True)
        return _account(visit, await visit.perform_as(caller, operation))
    return _account(visit, await visit.perform_as(caller, ReadAccount(project=project)))


def _account(visit: Visit, account: Account, *, status: int = 200) -> Answer:
    location = ("location", visit.urls.of("account", account.id))
    return Answer(status, encode(account_document(account, visit.urls)), headers=(location,))


def _require_own(visit: Visit) -> None:
    if visit.resource.id != visit.account.id:
        raise UnauthorizedError("The request is signed by another account than the one it is about.")


def _flag(payload: dict[str, Any], name: str) -> bool:
    value = payload.get(name, False)
    if not isinstance(value, bool):
        raise MalformedError(f"`{name}` must be true or false.", field=name)
    return value


def _binding(payload: dict[str, Any]) -> bytes | None:
    """Return the external account binding as JSON, if the request has one."""
    binding = payload.get("externalAccountBinding")
    if binding is None:
        return None
    if not isinstance(binding, dict):
        raise MalformedError("`externalAccountBinding` must be a JWS.", field="externalAccountBinding")
    return json.dumps(binding, separators=(",", ":")).encode()


def _cursor(visit: Visit) -> str | None:
    query = visit.request.scope["query_string"].decode("ascii", "replace")
    values = parse_qs(query).get("cursor", [])
    if not values:
        return None
    if len(values) > 1 or len(values[0]) > _LONGEST_CURSOR or not values[0].isascii():
        raise MalformedError("The `cursor` is none of ours.", field="cursor")
    return values[0]
