"""Certificate revocation lists, version 2, signed before they are published (RFC 5280 section 5).

A list is put together from entries that were encoded when their certificates were revoked, so that signing
one anew costs a copy, a hash and a signature, however long it is.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from msgspec import Struct

from ca_service.custody.signers import Signer
from ca_service.x509.der import (
    BIT_STRING,
    BOOLEAN,
    ENUMERATED,
    GENERALIZED_TIME,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    DerError,
    encoded,
    header,
    spans,
)
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.signature_algorithms import signature_identifier

#: A list is good for a week and replaced at half of it, so that a publisher may be down for days.
LIST_LIFETIME = timedelta(days=7)
REPLACED_AFTER = LIST_LIFETIME / 2
#: Above so many bytes of entries, copying and hashing would be felt by whoever else waits for the loop.
_INLINE_BYTES = 256 * 1024

UTC_TIME = 0x17
_VERSION_2 = encoded(INTEGER, b"\x01")
_CRITICAL = encoded(BOOLEAN, b"\xff")
#: id-ce-cRLReasons, 2.5.29.21
_REASON = encoded(OBJECT_IDENTIFIER, bytes.fromhex("551d15"))


class Entry(Struct, frozen=True):
    """One revoked certificate."""

    serial_number: int
    revoked_at: datetime
    reason: RevocationReason


class ListScope(Struct, frozen=True):
    """What a list that is not the complete one tells of itself, in critical extensions.

    `addresses` are those that certificates name as the place of this list (RFC 5280 section 5.2.5); `since`
    is the number of the complete list that a delta continues (section 5.2.4).
    """

    addresses: tuple[str, ...] = ()
    since: int | None = None


COMPLETE = ListScope()


def encoded_entry(entry: Entry) -> bytes:
    """Return an entry as it stands in lists; no reason is left out rather than 0 (section 5.3.1)."""
    reason = b""
    if entry.reason is not RevocationReason.UNSPECIFIED:
        value = encoded(OCTET_STRING, encoded(ENUMERATED, bytes((entry.reason.code,))))
        reason = encoded(SEQUENCE, encoded(SEQUENCE, _REASON, value))
    return encoded(SEQUENCE, _number(entry.serial_number), _time(entry.revoked_at), reason)


def reason_of(entry: bytes, serial_number: int, revoked_at: datetime) -> RevocationReason:
    """Return the reason that an encoded entry tells. Raises DerError if it is not of this number and time."""
    for reason in RevocationReason:
        if encoded_entry(Entry(serial_number, revoked_at, reason)) == entry:
            return reason
    raise DerError("an entry of a revocation list is not as it was kept")


def entries_of(der: bytes) -> memoryview:
    """Return the entries of a list, one behind the other and uncopied; perhaps none. Raises DerError."""
    fields = list(spans(der, *_first(der, *_first(der, 0, len(der)))))
    # version, signature, issuer, thisUpdate, nextUpdate and then the entries (section 5.1).
    if len(fields) < 6 or fields[0][0] != INTEGER:
        raise DerError("a revocation list of version 2 was expected")
    tag, start, end = fields[5]
    return memoryview(der)[start:end] if tag == SEQUENCE else memoryview(b"")


def _first(der: bytes, start: int, end: int) -> tuple[int, int]:
    """Return where the content of the first sequence between two places begins and ends."""
    tag, begin, stop = next(spans(der, start, end), (0, 0, 0))
    if tag != SEQUENCE:
        raise DerError("a sequence was expected")
    return begin, stop


async def sign_revocation_list(
    name: x509.Name,
    key_identifier: x509.AuthorityKeyIdentifier,
    signer: Signer,
    number: int,
    this_update: datetime,
    entries: Sequence[bytes | memoryview],
    scope: ListScope = COMPLETE,
    further: Sequence[x509.ExtensionType] = (),
) -> bytes:
    """Return the signed list in DER; a long one is signed in a thread.

    `entries` are pieces of one or more encoded entries; `further` are extensions that are not critical.
    """
    extensions = [
        _extension(key_identifier),
        _extension(x509.CRLNumber(number)),
        *_scope_extensions(scope),
        *map(_extension, further),
    ]
    length = sum(map(len, entries))
    parts: list[bytes | memoryview] = [
        _VERSION_2,
        signature_identifier(signer.algorithm),
        name.public_bytes(),
        _time(this_update),
        _time(next_update(this_update)),
        *((header(SEQUENCE, length), *entries) if length else ()),
        encoded(0xA0, encoded(SEQUENCE, *extensions)),
    ]
    if length > _INLINE_BYTES and not signer.is_slow:
        return await asyncio.to_thread(_signed, signer, parts)
    return await signer.in_turn(_signed, signer, parts)


def next_update(this_update: datetime) -> datetime:
    """Return until when a list is good."""
    return this_update + LIST_LIFETIME


def _signed(signer: Signer, parts: Sequence[bytes | memoryview]) -> bytes:
    to_sign = [header(SEQUENCE, sum(map(len, parts))), *parts]
    signature = encoded(BIT_STRING, b"\x00", signer.sign_pieces(to_sign))
    identifier = signature_identifier(signer.algorithm)
    length = sum(map(len, to_sign)) + len(identifier) + len(signature)
    return b"".join((header(SEQUENCE, length), *to_sign, identifier, signature))


def _scope_extensions(scope: ListScope) -> list[bytes]:
    found = []
    if scope.since is not None:
        found.append(_extension(x509.DeltaCRLIndicator(scope.since), critical=True))
    if scope.addresses:
        point = x509.IssuingDistributionPoint(
            full_name=[x509.UniformResourceIdentifier(address) for address in scope.addresses],
            relative_name=None,
            only_contains_user_certs=True,
            only_contains_ca_certs=False,
            only_some_reasons=None,
            indirect_crl=False,
            only_contains_attribute_certs=False,
        )
        found.append(_extension(point, critical=True))
    return found


def _extension(value: x509.ExtensionType, *, critical: bool = False) -> bytes:
    # The identifiers of all extensions here are arcs of 2.5.29, two octets and the last arc.
    last = int(value.oid.dotted_string.rpartition(".")[2])
    identifier = encoded(OBJECT_IDENTIFIER, bytes((0x55, 0x1D, last)))
    return encoded(
        SEQUENCE, identifier, _CRITICAL if critical else b"", encoded(OCTET_STRING, value.public_bytes())
    )


def _number(value: int) -> bytes:
    return encoded(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _time(moment: datetime) -> bytes:
    """Return a time in UTC: two digits of the year through 2049, four after (section 5.1.2.4)."""
    text = f"{moment:%Y%m%d%H%M%SZ}".encode("ascii")
    return encoded(UTC_TIME, text[2:]) if moment.year < 2050 else encoded(GENERALIZED_TIME, text)
