"""How an authority tells the status of what it issued: where its CRLs lie, and who signs its OCSP answers."""

import re
from enum import StrEnum
from urllib.parse import urlsplit

from msgspec import Struct

from ca_service.x509.errors import ProfileRefusedError

#: Where the number of the shard stands in the address of a copy.
SHARD = "{shard}"
MOST_SHARDS = 128
_MOST_ADDRESSES = 4
_LONGEST_ADDRESS = 512
_SPACES_AND_CONTROLS = re.compile(r"[\x00-\x20\x7f]")


class ResponderKind(StrEnum):
    """Whose key signs OCSP answers: the authority's own, or that of a responder it delegates to."""

    DIRECT = "direct"
    DELEGATED = "delegated"


class Publishing(Struct, frozen=True):
    """The choices of one authority.

    With more than one shard, each new certificate names one of the shards 1 to `crl_shards` as the place of
    its CRL; with one it names the complete list. `crl_urls` are further places where the operator keeps
    copies, with `{shard}` for the number of the shard.
    """

    crl_shards: int = 1
    crl_urls: tuple[str, ...] = ()
    responder: ResponderKind = ResponderKind.DIRECT

    @property
    def shards(self) -> tuple[str, ...]:
        """Return the names of the shards; none where there is the complete list alone."""
        return () if self.crl_shards == 1 else tuple(map(str, range(1, self.crl_shards + 1)))

    def part_of(self, serial_number: int) -> str:
        """Return which list a new certificate names; empty for the complete one."""
        return "" if self.crl_shards == 1 else str(serial_number % self.crl_shards + 1)

    def copies_of(self, part: str) -> tuple[str, ...]:
        """Return where copies of a list lie; a place without `{shard}` has a copy of the complete list."""
        return tuple(
            address.replace(SHARD, part) for address in self.crl_urls if (SHARD in address) == bool(part)
        )


def verify_publishing(publishing: Publishing) -> None:
    """Raise ProfileRefusedError that names the field for a choice that cannot be kept."""
    if not 1 <= publishing.crl_shards <= MOST_SHARDS:
        detail = f"crl_shards is 1 to {MOST_SHARDS}."
        raise ProfileRefusedError(detail, field="crl_shards", rule="crl-shards")
    if len(publishing.crl_urls) > _MOST_ADDRESSES:
        detail = f"There are at most {_MOST_ADDRESSES} further addresses."
        raise ProfileRefusedError(detail, field="crl_urls", rule="crl-urls")
    for place, address in enumerate(publishing.crl_urls):
        _verify_address(address, f"crl_urls[{place}]", is_sharded=publishing.crl_shards > 1)


def _verify_address(address: str, field: str, *, is_sharded: bool) -> None:
    if len(address) > _LONGEST_ADDRESS or not address.isascii() or _SPACES_AND_CONTROLS.search(address):
        detail = f"An address has at most {_LONGEST_ADDRESS} printable ASCII characters and no space."
        raise ProfileRefusedError(detail, field=field, rule="crl-url")
    if address.count(SHARD) != int(is_sharded) or set("{}") & set(address.replace(SHARD, "")):
        detail = (
            f"An address holds {SHARD} once, where the number of the shard stands."
            if is_sharded
            else f"Only with more than one shard an address holds {SHARD}."
        )
        raise ProfileRefusedError(detail, field=field, rule="crl-url")
    parts = _split(address.replace(SHARD, "1"))
    # Clients do not fetch CRLs over TLS: verifying that certificate would need a CRL.
    if parts is None or parts[0] != "http":
        detail = "An address begins with http:// and names a host; it has no user part and no fragment."
        raise ProfileRefusedError(detail, field=field, rule="crl-url")


def _split(address: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or port == 0 or parts.fragment or "@" in parts.netloc:
        return None
    return parts.scheme, host
