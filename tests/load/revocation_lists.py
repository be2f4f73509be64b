"""What it costs to tell one more revocation in a CRL of a million: `python -m tests.load.revocation_lists`.

Prints the CPU time of putting the list together anew from stored entries, and of continuing it by one, each
from the stored list's bytes to the signed new list and its tag; databases are not part of it.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.poly1305 import Poly1305

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.signers import Signer
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.revocation import Entry, encoded_entry, entries_of, sign_revocation_list

_NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Load")])
_NOW = datetime(2026, 11, 23, tzinfo=UTC)
_ROUNDS = 7
_PAGE = 20_000


def _entry(number: int) -> bytes:
    serial = int.from_bytes(sha256(number.to_bytes(4, "big")).digest()[:16], "big") | 1
    reason = RevocationReason.SUPERSEDED if number % 2 else RevocationReason.KEY_COMPROMISE
    return encoded_entry(Entry(serial, _NOW - timedelta(seconds=number), reason))


async def _figures(count: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = Signer("key_load", KeyAlgorithm.EC_P256, key)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    began = time.process_time()
    pieces = [_entry(number) for number in range(count)]
    print(f"{count} entries encoded in {time.process_time() - began:.2f} s of CPU, at their revocations")
    first = await sign_revocation_list(_NAME, identifier, signer, 1, _NOW, pieces)
    one_more, once = _entry(count), b"k" * 32
    tag = Poly1305.generate_tag(once, first)

    async def from_entries() -> bytes:
        # As the handler does: it reads pages of entries and keeps none of them as a row.
        pages = [b"".join(pieces[place : place + _PAGE]) for place in range(0, count, _PAGE)]
        return await sign_revocation_list(_NAME, identifier, signer, 2, _NOW, pages)

    async def continued() -> bytes:
        Poly1305.verify_tag(once, first, tag)
        return await from_memory()

    async def from_memory() -> bytes:
        # As the handler does: continue what it published before, and tag the new list.
        der = await sign_revocation_list(_NAME, identifier, signer, 2, _NOW, [entries_of(first), one_more])
        Poly1305.generate_tag(once, der)
        return der

    print(f"the list has {len(first) / 1e6:.1f} MB")
    await _measure("signed from stored entries", from_entries)
    await _measure("continued by one entry, the former list in memory", from_memory)
    new = await _measure("continued by one entry, the former list read and verified", continued)
    crl = x509.load_der_x509_crl(new)
    assert len(crl) == count + 1
    assert crl.is_signature_valid(key.public_key())


async def _measure(what: str, work: Callable[[], Awaitable[bytes]]) -> bytes:
    took = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        der = await work()
        took.append(time.process_time() - began)
    took.sort()
    print(f"{what}: {took[len(took) // 2] * 1000:.0f} ms of CPU (best {took[0] * 1000:.0f})")
    return der


if __name__ == "__main__":
    asyncio.run(_figures(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
