"""Revokes numbers that stand in no inventory: certificates that were issued and then lost (S6)."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from msgspec import Struct

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import ConflictError, MalformedError, NotFoundError
from ca_service.policy.values import Grant
from ca_service.x509.accesses import authority_access
from ca_service.x509.authorities import Authority
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.certificates import serial_text
from ca_service.x509.errors import ChangedMeanwhileError
from ca_service.x509.operations.unknown_certificates import RevokedSerialNumber, RevokeUnknownCertificate
from ca_service.x509.publication import Publisher, start_later
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.revocation import Entry
from ca_service.x509.storage.ocsp import find_statuses
from ca_service.x509.storage.revocation_lists import WHOLE
from ca_service.x509.storage.revoked_entries import (
    RevokedRow,
    find_revoked_numbers,
    is_in_inventory,
    keep_entries,
)

#: At most 20 octets (RFC 5280 section 4.1.2.2).
_SERIAL_NUMBER = re.compile(r"(?:[0-9a-f]{2}(?::[0-9a-f]{2}){0,19}|[0-9a-f]{1,40})", re.ASCII)


class UnknownDraft(Struct, frozen=True):
    """Which number of which authority; `part` is the shard that a certificate of this number names.

    `known` is what stands there already.
    """

    authority: Authority
    number: int
    reason: RevocationReason
    part: str
    known: RevokedSerialNumber | None


class RevokeUnknownCertificateHandler(
    Handler[RevokeUnknownCertificate, UnknownDraft, UnknownDraft, RevokedSerialNumber]
):
    """Revokes one number; it is told until the authority ends: nobody knows when its certificate does."""

    def __init__(self, catalogue: Catalogue, database: Database, publisher: Publisher) -> None:
        self._catalogue = catalogue
        self._database = database
        self._publisher = publisher

    async def prepare(self, call: Call, operation: RevokeUnknownCertificate) -> Prepared[UnknownDraft]:
        """Read what the inventory says of the number, and ask whether the caller may."""
        number = parse_serial_number(operation.serial_number)
        authority = await self._catalogue.authority(call.home, operation.authority)
        if authority is None:
            raise NotFoundError("authority")
        text = serial_text(number)
        entries = await find_revoked_numbers(self._database, authority, [text])
        known = None
        if text in entries:
            revoked_at, reason = entries[text]
            known = _answer(authority, Entry(number, revoked_at, reason))
        elif await find_statuses(self._database, authority, [text]):
            raise _in_inventory()
        issuer = await self._catalogue.issuer(authority)
        draft = UnknownDraft(authority, number, operation.reason, issuer.publishing.part_of(number), known)
        details = {"serial_number": text, "reason": operation.reason.value}
        return Prepared(draft, (authority_access(operation.action, authority),), details)

    async def sign(self, call: Call, draft: UnknownDraft, grant: Grant) -> UnknownDraft:
        """Return the draft: a revocation is not signed, its CRL is."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: UnknownDraft) -> RevokedSerialNumber:
        """Keep the entry, marked by having no certificate, and have the lists tell it."""
        del call
        if signed.known is not None:
            return signed.known
        authority = signed.authority
        entry = Entry(signed.number, transaction.now, signed.reason)
        row = RevokedRow(entry, serial_text(signed.number), signed.part, authority.not_after)
        try:
            await keep_entries(transaction, authority.tenant, authority.id, [row])
        except UniqueViolationError as error:
            detail = "The number is being revoked by another request; send this one again."
            raise ChangedMeanwhileError(detail) from error
        # Behind the lock of the list that `keep_entries` took: who imports the certificate waits for it.
        if await is_in_inventory(transaction, authority, row.serial_number):
            raise _in_inventory()
        transaction.announce()
        for part in {signed.part, WHOLE}:
            publish = partial(self._publisher.publish_soon, authority.tenant, authority.id, part)
            start_later(transaction, publish)
        return _answer(authority, entry)

    def details(self, answer: RevokedSerialNumber) -> Mapping[str, Any]:
        """Return since when it is revoked."""
        return {"revoked_at": answer.revoked_at.isoformat()}


def parse_serial_number(text: str) -> int:
    """Return the number. Raises MalformedError for what is no positive number of at most 20 octets."""
    found = _SERIAL_NUMBER.fullmatch(text.lower())
    number = int(text.replace(":", ""), 16) if found else 0
    if not number:
        detail = "A serial number is hexadecimal, positive and of at most 20 octets, like 0a1b2c or 0a:1b:2c."
        raise MalformedError(detail, field="serial_number", rule="serial-number")
    return number


def _in_inventory() -> ConflictError:
    return ConflictError(
        "The inventory has a certificate of this number; find it by `serial_number` and revoke it by its id.",
        field="serial_number",
        rule="in-inventory",
    )


def _answer(authority: Authority, entry: Entry) -> RevokedSerialNumber:
    return RevokedSerialNumber(
        authority=authority.name,
        authority_id=authority.id,
        serial_number=serial_text(entry.serial_number),
        reason=entry.reason,
        revoked_at=entry.revoked_at,
    )
