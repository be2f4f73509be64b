"""The tag over a stored CRL, so that what the next one continues is what we wrote (S5).

A long list is tagged at a quarter of what a hash would take: Poly1305 (RFC 8439 section 2.5) under a key that
is used once, since it is made of the list's number and no number is taken twice (S6).
"""

import asyncio

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.poly1305 import Poly1305

from ca_service.custody.custody import Custody
from ca_service.identity.row_macs import RowMac
from ca_service.x509.storage.revocation_lists import TABLE, ListKey

#: Above so many bytes it is made in a thread.
_INLINE_BYTES = 1024 * 1024


class ListMacs:
    """Tags lists and verifies the tags."""

    def __init__(self, custody: Custody) -> None:
        self._mac = RowMac(custody, TABLE)

    async def tag(self, key: ListKey, number: int, published: int, entries: int, der: bytes) -> bytes:
        """Return the tag of a list that tells so many entries up to the position `published`."""
        once = self._key(key, number, published, entries)
        if len(der) > _INLINE_BYTES:
            return await asyncio.to_thread(Poly1305.generate_tag, once, der)
        return Poly1305.generate_tag(once, der)

    async def is_ours(
        self, tag: bytes, key: ListKey, number: int, published: int, entries: int, der: bytes
    ) -> bool:
        """Tell whether we wrote this list so."""
        once = self._key(key, number, published, entries)
        try:
            if len(der) > _INLINE_BYTES:
                await asyncio.to_thread(Poly1305.verify_tag, once, der, tag)
            else:
                Poly1305.verify_tag(once, der, tag)
        except InvalidSignature:
            return False
        return True

    def _key(self, key: ListKey, number: int, published: int, entries: int) -> bytes:
        tenant = key.tenant
        return self._mac.tag(
            tenant.organization, tenant.project, key.authority_id, key.part, number, published, entries
        )
