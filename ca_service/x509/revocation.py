"""Certificate revocation lists: full, version 2, signed before they are published (RFC 5280 section 5)."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from ca_service.custody.signers import Signer
from ca_service.x509.reasons import RevocationReason

#: A list is good for a week and replaced at half of it, so that a publisher may be down for days.
LIST_LIFETIME = timedelta(days=7)
REPLACED_AFTER = LIST_LIFETIME / 2
#: Above so many entries the building stalls the loop for milliseconds: 10 µs an entry.
_INLINE_ENTRIES = 100

_REASONS = {reason: x509.ReasonFlags(reason.value) for reason in RevocationReason}


class Entry(Struct, frozen=True):
    """One revoked certificate."""

    serial_number: int
    revoked_at: datetime
    reason: RevocationReason


async def sign_revocation_list(
    name: x509.Name,
    key_identifier: x509.AuthorityKeyIdentifier,
    signer: Signer,
    number: int,
    this_update: datetime,
    entries: list[Entry],
) -> bytes:
    """Return the signed list in DER; a long one is built in a thread."""
    arguments = (name, key_identifier, signer, number, this_update, entries)
    if len(entries) > _INLINE_ENTRIES or signer.is_slow:
        return await asyncio.to_thread(_sign, *arguments)
    return _sign(*arguments)


def next_update(this_update: datetime) -> datetime:
    """Return until when a list is good."""
    return this_update + LIST_LIFETIME


def _sign(
    name: x509.Name,
    key_identifier: x509.AuthorityKeyIdentifier,
    signer: Signer,
    number: int,
    this_update: datetime,
    entries: Iterable[Entry],
) -> bytes:
    # Entries go to the constructor: adding them one by one copies the list each time.
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=name,
        last_update=this_update.replace(tzinfo=None, microsecond=0),
        next_update=next_update(this_update).replace(tzinfo=None, microsecond=0),
        extensions=[
            x509.Extension(key_identifier.oid, critical=False, value=key_identifier),
            x509.Extension(x509.CRLNumber.oid, critical=False, value=x509.CRLNumber(number)),
        ],
        revoked_certificates=[_revoked(entry) for entry in entries],
    )
    signed = builder.sign(signer.certificate_key, signer.certificate_hash)
    return signed.public_bytes(serialization.Encoding.DER)


def _revoked(entry: Entry) -> x509.RevokedCertificate:
    extensions: list[x509.Extension[x509.ExtensionType]] = []
    if entry.reason is not RevocationReason.UNSPECIFIED:
        # Never 0, which says nothing (RFC 5280 section 5.3.1).
        value = x509.CRLReason(_REASONS[entry.reason])
        extensions.append(x509.Extension(value.oid, critical=False, value=value))
    return x509.RevokedCertificateBuilder(
        serial_number=entry.serial_number,
        revocation_date=entry.revoked_at.replace(tzinfo=None, microsecond=0),
        extensions=extensions,
    ).build()
