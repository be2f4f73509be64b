"""Writes OpenSSH key revocation lists: what `RevokedKeys` names in sshd_config (openssh PROTOCOL.krl).

Only what every sshd reads: sections of certificates, explicit keys and SHA-256 hashes of keys. One serial
number 0, a bitmap of more than 16,384 bits, or an extension section makes an sshd refuse everybody.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from ssh_ca.wire import mpint, string, uint32, uint64

MAGIC = b"SSHKRL\n\0"
FORMAT_VERSION = 1
SECTION_CERTIFICATES = 1
SECTION_EXPLICIT_KEY = 2
SECTION_SHA256 = 5
SERIAL_LIST = 0x20
SERIAL_RANGE = 0x21
SERIAL_BITMAP = 0x22
KEY_ID = 0x23
HIGHEST_SERIAL_NUMBER = 2**64 - 1
#: How many serial numbers one bitmap may span; sshd takes 16,384.
BITMAP_BITS = 16_000
#: What stands in front of the content: a type and a length, and for a bitmap its offset and inner length.
_RANGE_BYTES = 1 + 4 + 16
_BITMAP_BYTES = 1 + 4 + 8 + 4
_NUMBER_BYTES = 8
#: A gap or a run of so many bits is cheaper between two bitmaps than inside of one.
_SPLITTING_BITS = 8 * (_BITMAP_BYTES + 1)

#: The first and the last of numbers that follow one another.
Run = tuple[int, int]


class RevokedCertificates(Struct, frozen=True, kw_only=True):
    """What is revoked under one authority. `runs` rise, with a gap between each and the next.

    `authority_key` is its key in wire format; empty means every authority.
    """

    authority_key: bytes
    runs: tuple[Run, ...] = ()
    key_ids: tuple[str, ...] = ()


class RevocationList(Struct, frozen=True, kw_only=True):
    """Everything a list says. `generated_at` is in seconds since 1970.

    `keys` are keys in wire format: a subject's or an authority's, which revokes all it signed. `key_hashes`
    are SHA-256 hashes of such keys. Both are sorted.
    """

    version: int
    generated_at: int
    comment: str = ""
    certificates: tuple[RevokedCertificates, ...] = ()
    keys: tuple[bytes, ...] = ()
    key_hashes: tuple[bytes, ...] = ()

    @property
    def entries(self) -> int:
        """Return how many serial numbers, key ids and keys are revoked."""
        numbers = sum(high - low + 1 for each in self.certificates for low, high in each.runs)
        key_ids = sum(len(each.key_ids) for each in self.certificates)
        return numbers + key_ids + len(self.keys) + len(self.key_hashes)


def runs_of(serial_numbers: Iterable[int]) -> tuple[Run, ...]:
    """Return serial numbers, in any order, as runs. Raises ValueError for one below 1 or above 2^64 - 1."""
    found = sorted(set(serial_numbers))
    if found and not 0 < found[0] <= found[-1] <= HIGHEST_SERIAL_NUMBER:
        raise ValueError("a serial number in a revocation list is from 1 to 2^64 - 1")
    runs: list[Run] = []
    for number in found:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return tuple(runs)


def encode_revocation_list(content: RevocationList) -> bytes:
    """Return the bytes of a list. Raises ValueError for a serial number 0, or above 2^64 - 1."""
    head = (
        MAGIC,
        uint32(FORMAT_VERSION),
        uint64(content.version),
        uint64(content.generated_at),
        uint64(0),
        string(b""),
        string(content.comment.encode()),
    )
    sections = [
        _section(SECTION_CERTIFICATES, _certificates(revoked))
        for revoked in content.certificates
        if revoked.runs or revoked.key_ids
    ]
    if content.keys:
        sections.append(_section(SECTION_EXPLICIT_KEY, b"".join(map(string, content.keys))))
    if content.key_hashes:
        sections.append(_section(SECTION_SHA256, b"".join(map(string, content.key_hashes))))
    return b"".join((*head, *sections))


def _section(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + string(body)


def _certificates(revoked: RevokedCertificates) -> bytes:
    singles: list[int] = []
    parts: list[bytes] = []
    for cluster in _clusters(revoked.runs):
        first, last = cluster[0][0], cluster[-1][1]
        if len(cluster) > 1 and _BITMAP_BYTES + (last - first) // 8 + 2 < _cost_without_bitmap(cluster):
            parts.append(_section(SERIAL_BITMAP, uint64(first) + mpint(_bits(cluster))))
            continue
        for low, high in cluster:
            if low == high:
                singles.append(low)
            else:
                parts.append(_section(SERIAL_RANGE, uint64(low) + uint64(high)))
    if singles:
        parts.append(_section(SERIAL_LIST, b"".join(map(uint64, singles))))
    if revoked.key_ids:
        body = b"".join(string(key_id.encode()) for key_id in sorted(revoked.key_ids))
        parts.append(_section(KEY_ID, body))
    return string(revoked.authority_key) + string(b"") + b"".join(parts)


def _clusters(runs: tuple[Run, ...]) -> Iterator[list[Run]]:
    """Yield runs that might share a bitmap: near to one another, short, and within its span."""
    cluster: list[Run] = []
    last = 0
    for low, high in runs:
        if not last < low <= high <= HIGHEST_SERIAL_NUMBER:
            raise ValueError("serial numbers in a revocation list rise from 1 to 2^64 - 1")
        is_long = high - low >= 2 * _SPLITTING_BITS
        if cluster and (is_long or low - last > _SPLITTING_BITS or high - cluster[0][0] >= BITMAP_BITS):
            yield cluster
            cluster = []
        last = high
        if is_long:
            yield [(low, high)]
        else:
            cluster.append((low, high))
    if cluster:
        yield cluster


def _cost_without_bitmap(cluster: list[Run]) -> int:
    return sum(_NUMBER_BYTES if low == high else _RANGE_BYTES for low, high in cluster)


def _bits(cluster: list[Run]) -> int:
    """Return the bitmap of a cluster: bit N stands for its first number plus N."""
    first, last = cluster[0][0], cluster[-1][1]
    bits = bytearray((last - first) // 8 + 1)
    for low, high in cluster:
        for number in range(low - first, high - first + 1):
            bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")
