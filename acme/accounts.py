"""ACME accounts and their contacts (RFC 8555 sections 7.1.2 and 7.3)."""

import re
from datetime import datetime
from enum import StrEnum
from typing import NewType

from msgspec import Struct

from acme.directories import Directory, DirectoryId
from acme.errors import InvalidContactError, UnsupportedContactError, UserActionRequiredError
from acme.external_keys import ExternalKeyId
from ca_service.kernel.errors import MalformedError
from ca_service.kernel.tenancy import Tenant

AccountId = NewType("AccountId", str)

MAXIMUM_CONTACTS = 10
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)


class AccountStatus(StrEnum):
    """RFC 8555 section 7.1.6."""

    VALID = "valid"
    DEACTIVATED = "deactivated"


class ExternalAccount(Struct, frozen=True):
    """What an account is bound to: a key of its directory and the identity that owns it (S2).

    `binding` is the JWS by which the client proved it, as JSON; the account object echoes it.
    """

    key: ExternalKeyId
    identity: str
    binding: bytes


class Account(Struct, frozen=True):
    """One account of one directory; elsewhere it does not exist (S2). `jwk` is the key's canonical JWK.

    `terms_agreed` is the URL of the terms of service that were agreed to, the last time that anything was.
    """

    id: AccountId
    tenant: Tenant
    directory: DirectoryId
    thumbprint: str
    jwk: bytes
    contact: tuple[str, ...]
    created_at: datetime
    deactivated_at: datetime | None = None
    terms_agreed: str | None = None
    external: ExternalAccount | None = None

    @property
    def status(self) -> AccountStatus:
        """Return the status that the facts amount to."""
        return AccountStatus.VALID if self.deactivated_at is None else AccountStatus.DEACTIVATED


def verify_terms(directory: Directory, agreed: str | None) -> None:
    """Refuse who did not agree to the terms of service as they are now (RFC 8555 sections 7.3 and 7.3.3).

    Raises UserActionRequiredError; a directory without terms asks for nothing.
    """
    terms = directory.rules.terms_of_service
    if terms is None or agreed == terms:
        return
    if agreed is None:
        raise UserActionRequiredError(
            f"Agree to the terms of service with `termsOfServiceAgreed`: {terms}", terms=terms
        )
    raise UserActionRequiredError(
        "The terms of service have changed; read them, and agree with `termsOfServiceAgreed` in an update of "
        f"the account: {terms}",
        terms=terms,
    )


def parse_contacts(value: object) -> tuple[str, ...]:
    """Return the contact URLs of a request; None stands for none.

    Raises UnsupportedContactError, InvalidContactError or MalformedError, each with the contact's number.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise MalformedError("`contact` must be an array of URLs.", field="contact")
    if len(value) > MAXIMUM_CONTACTS:
        raise MalformedError(f"`contact` may hold at most {MAXIMUM_CONTACTS} URLs.", field="contact")
    return tuple(_parse_contact(contact, f"contact[{number}]") for number, contact in enumerate(value))


def _parse_contact(contact: object, field: str) -> str:
    if not isinstance(contact, str):
        raise MalformedError(f"`{field}` is not text.", field=field)
    scheme, colon, address = contact.partition(":")
    if not colon or scheme.lower() != "mailto":
        raise UnsupportedContactError(f"`{field}` must be a mailto URL.", field=field)
    if not address.isascii() or len(address) > 254:
        raise InvalidContactError(f"`{field}` must be ASCII and at most 254 characters long.", field=field)
    if "?" in address:
        raise InvalidContactError(f"`{field}` must not have header fields after `?`.", field=field)
    if "," in address or "%2C" in address.upper():
        raise InvalidContactError(f"`{field}` must name exactly one address.", field=field)
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or not all(map(_LABEL.fullmatch, domain.split("."))):
        raise InvalidContactError(f"`{field}` is not an e-mail address.", field=field)
    return contact
