"""Reads key revocation lists, strictly: what some sshd would refuse or read otherwise is refused."""

from collections.abc import Callable

from ssh_ca.errors import WireError
from ssh_ca.revocation_list import (
    FORMAT_VERSION,
    HIGHEST_SERIAL_NUMBER,
    KEY_ID,
    MAGIC,
    SECTION_CERTIFICATES,
    SECTION_EXPLICIT_KEY,
    SECTION_SHA256,
    SERIAL_BITMAP,
    SERIAL_LIST,
    SERIAL_RANGE,
    RevocationList,
    RevokedCertificates,
    Run,
)
from ssh_ca.wire import WireReader

#: More bits make OpenSSH refuse the whole file.
_MOST_BITS = 16_384
_SHA256_BYTES = 32


def read_revocation_list(data: bytes) -> RevocationList:
    """Return what a list says, its serial numbers joined to runs. Raises WireError.

    Sections come in the order certificates, keys, hashes; signatures, extensions and SHA-1 are refused.
    """
    reader = WireReader(data)
    if reader.take(len(MAGIC)) != MAGIC or reader.uint32() != FORMAT_VERSION:
        raise WireError("it is not a key revocation list")
    version, generated_at = reader.uint64(), reader.uint64()
    if reader.uint64() or reader.string():
        raise WireError("its flags or its reserved field are set")
    comment = reader.text()
    certificates: list[RevokedCertificates] = []
    keys: tuple[bytes, ...] = ()
    key_hashes: tuple[bytes, ...] = ()
    last = 0
    while not reader.is_at_end:
        kind, body = reader.take(1)[0], WireReader(reader.string())
        if kind < last or (kind == last != SECTION_CERTIFICATES):
            raise WireError("its sections are not in order, or one stands twice")
        last = kind
        if kind == SECTION_CERTIFICATES:
            certificates.append(_certificates(body))
        elif kind == SECTION_EXPLICIT_KEY:
            keys = _sorted_strings(body)
        elif kind == SECTION_SHA256:
            key_hashes = _sorted_strings(body)
        else:
            raise WireError(f"it has a section of type {kind}")
    if any(len(value) != _SHA256_BYTES for value in key_hashes):
        raise WireError("a hash in it is not of 32 bytes")
    return RevocationList(
        version=version,
        generated_at=generated_at,
        comment=comment,
        certificates=tuple(certificates),
        keys=keys,
        key_hashes=key_hashes,
    )


def _certificates(reader: WireReader) -> RevokedCertificates:
    authority_key = reader.string()
    if reader.string():
        raise WireError("its reserved field is set")
    runs: list[Run] = []
    key_ids: tuple[bytes, ...] = ()
    while not reader.is_at_end:
        kind, body = reader.take(1)[0], WireReader(reader.string())
        if kind in _RUNS:
            runs += _RUNS[kind](body)
        elif kind == KEY_ID and not key_ids:
            key_ids = _sorted_strings(body)
        else:
            raise WireError(f"it has a part of type {kind}, or its key ids stand twice")
        body.end()
    if not runs and not key_ids:
        raise WireError("a section of it is empty")
    try:
        texts = tuple(key_id.decode() for key_id in key_ids)
    except UnicodeDecodeError:
        raise WireError("a key id in it is not UTF-8") from None
    return RevokedCertificates(authority_key=authority_key, runs=_joined(runs), key_ids=texts)


def _read_list(reader: WireReader) -> list[Run]:
    runs: list[Run] = []
    while not reader.is_at_end:
        number = reader.uint64()
        runs.append((number, number))
    if not runs or runs != sorted(runs):
        raise WireError("a list of serial numbers in it is empty or not sorted")
    return runs


def _read_range(reader: WireReader) -> list[Run]:
    return [(reader.uint64(), reader.uint64())]


def _read_bitmap(reader: WireReader) -> list[Run]:
    offset, bits = reader.uint64(), reader.mpint()
    if bits.bit_length() > _MOST_BITS:
        raise WireError("a bitmap in it is too long")
    text = bin(bits)[:1:-1]
    runs: list[Run] = []
    start = text.find("1")
    while start >= 0:
        end = text.find("0", start)
        end = len(text) if end < 0 else end
        runs.append((offset + start, offset + end - 1))
        start = text.find("1", end)
    return runs


_RUNS: dict[int, Callable[[WireReader], list[Run]]] = {
    SERIAL_LIST: _read_list,
    SERIAL_RANGE: _read_range,
    SERIAL_BITMAP: _read_bitmap,
}


def _joined(runs: list[Run]) -> tuple[Run, ...]:
    """Return runs in order, those that touch made one. Raises WireError where one number stands twice."""
    joined: list[Run] = []
    for low, high in sorted(runs):
        if not 0 < low <= high <= HIGHEST_SERIAL_NUMBER:
            raise WireError("a serial number in it is 0 or too high, or a range ends before it begins")
        if joined and low <= joined[-1][1]:
            raise WireError("a serial number in it stands twice")
        if joined and low == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return tuple(joined)


def _sorted_strings(reader: WireReader) -> tuple[bytes, ...]:
    found: list[bytes] = []
    while not reader.is_at_end:
        found.append(reader.string())
    if not found or found != sorted(set(found)):
        raise WireError("values in it are missing, not sorted, or stand twice")
    return tuple(found)
