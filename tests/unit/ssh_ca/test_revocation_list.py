"""Key revocation lists, byte by byte, and what the strict reader refuses."""

import random

import pytest

from ssh_ca.errors import WireError
from ssh_ca.revocation_list import (
    BITMAP_BITS,
    KEY_ID,
    SECTION_CERTIFICATES,
    SECTION_EXPLICIT_KEY,
    SECTION_SHA256,
    SERIAL_BITMAP,
    SERIAL_LIST,
    SERIAL_RANGE,
    RevocationList,
    RevokedCertificates,
    Run,
    encode_revocation_list,
    runs_of,
)
from ssh_ca.revocation_list_reader import read_revocation_list
from ssh_ca.wire import WireReader, mpint, string, uint32, uint64

AUTHORITY = b"authority"
HEAD = b"SSHKRL\n\0" + uint32(1) + uint64(7) + uint64(1_700_000_000) + uint64(0) + string(b"") + string(b"c")


def listing(*numbers: int, **fields: object) -> RevocationList:
    revoked = RevokedCertificates(authority_key=AUTHORITY, runs=runs_of(numbers))
    return plain(certificates=(revoked,) if numbers else (), **fields)


def plain(**fields: object) -> RevocationList:
    return RevocationList(version=7, generated_at=1_700_000_000, comment="c", **fields)  # type: ignore[arg-type]


def certificates(*parts: bytes) -> bytes:
    return bytes((SECTION_CERTIFICATES,)) + string(string(AUTHORITY) + string(b"") + b"".join(parts))


def part(kind: int, *values: bytes) -> bytes:
    return bytes((kind,)) + string(b"".join(values))


def parts_of(encoded: bytes) -> list[tuple[int, bytes]]:
    """Return the parts of the one section of certificates."""
    reader = WireReader(encoded[len(HEAD) + 5 :])
    reader.string()
    reader.string()
    found = []
    while not reader.is_at_end:
        found.append((reader.take(1)[0], reader.string()))
    return found


def test_an_empty_list_is_its_head() -> None:
    assert encode_revocation_list(listing()) == HEAD


def test_single_numbers_are_a_sorted_list() -> None:
    expected = HEAD + certificates(part(SERIAL_LIST, uint64(5), uint64(7000), uint64(2**64 - 1)))
    assert encode_revocation_list(listing(2**64 - 1, 7000, 5)) == expected


def test_two_in_sequence_are_a_range() -> None:
    assert encode_revocation_list(listing(6, 7)) == HEAD + certificates(
        part(SERIAL_RANGE, uint64(6), uint64(7))
    )


def test_a_dense_area_is_a_bitmap() -> None:
    numbers = (100, 102, 104, 106, 108)
    bits = sum(1 << (number - 100) for number in numbers)
    expected = HEAD + certificates(part(SERIAL_BITMAP, uint64(100), mpint(bits)))
    assert encode_revocation_list(listing(*numbers)) == expected


def test_a_long_run_is_never_spelled_in_bits() -> None:
    found = parts_of(encode_revocation_list(listing(*range(1, 10_000), 10_001, 10_003)))
    assert [kind for kind, _ in found] == [SERIAL_RANGE, SERIAL_LIST]


def test_no_bitmap_spans_more_than_sshd_takes() -> None:
    found = parts_of(encode_revocation_list(listing(*range(1, 200_001, 3))))
    assert {kind for kind, _ in found} == {SERIAL_BITMAP}
    for _, body in found:
        reader = WireReader(body)
        reader.uint64()
        assert reader.mpint().bit_length() <= BITMAP_BITS


def test_key_ids_are_sorted_behind_the_numbers() -> None:
    revoked = RevokedCertificates(authority_key=AUTHORITY, runs=((5, 5),), key_ids=("bob", "alice"))
    expected = HEAD + certificates(
        part(SERIAL_LIST, uint64(5)), part(KEY_ID, string(b"alice"), string(b"bob"))
    )
    assert encode_revocation_list(plain(certificates=(revoked,))) == expected


def test_keys_and_hashes_follow_in_sections_of_their_own() -> None:
    content = plain(keys=(b"a", b"b"), key_hashes=(b"\1" * 32,))
    expected = (
        HEAD
        + part(SECTION_EXPLICIT_KEY, string(b"a"), string(b"b"))
        + part(SECTION_SHA256, string(b"\1" * 32))
    )
    assert encode_revocation_list(content) == expected


def test_an_authority_without_revocations_has_no_section() -> None:
    assert encode_revocation_list(plain(certificates=(RevokedCertificates(authority_key=b"x"),))) == HEAD


@pytest.mark.parametrize("number", [0, -1, 2**64])
def test_a_number_that_would_lock_everybody_out_is_never_written(number: int) -> None:
    with pytest.raises(ValueError, match="from 1 to"):
        runs_of([5, number])


@pytest.mark.parametrize("runs", [((0, 5),), ((5, 4),), ((5, 9), (9, 10)), ((9, 9), (5, 5)), ((1, 2**64),)])
def test_runs_that_do_not_rise_are_never_written(runs: tuple[Run, ...]) -> None:
    revoked = RevokedCertificates(authority_key=AUTHORITY, runs=runs)
    with pytest.raises(ValueError, match="rise from 1"):
        encode_revocation_list(plain(certificates=(revoked,)))


def test_entries_are_counted_of_every_kind() -> None:
    revoked = RevokedCertificates(authority_key=AUTHORITY, runs=((5, 5), (7, 9)), key_ids=("alice",))
    assert plain(certificates=(revoked,), keys=(b"k",), key_hashes=(b"h", b"i")).entries == 8


def test_100_000_revoked_of_a_million_in_sequence_take_less_than_150_kb() -> None:
    numbers = random.Random(5).sample(range(1, 1_000_001), 100_000)
    content = listing(*numbers)
    encoded = encode_revocation_list(content)
    assert len(encoded) <= 150_000
    assert read_revocation_list(encoded) == content


BAD = {
    "nothing": b"",
    "other bytes": b"SSHKRL\n\1" + HEAD[8:],
    "another format": HEAD[:8] + uint32(2) + HEAD[12:],
    "flags": HEAD[:28] + uint64(1) + HEAD[36:],
    "cut short": encode_revocation_list(listing(5))[:-1],
    "one byte more": encode_revocation_list(listing(5)) + b"\0",
    "serial number 0 in a list": HEAD + certificates(part(SERIAL_LIST, uint64(0))),
    "serial number 0 in a range": HEAD + certificates(part(SERIAL_RANGE, uint64(0), uint64(5))),
    "serial number 0 in a bitmap": HEAD + certificates(part(SERIAL_BITMAP, uint64(0), mpint(1))),
    "a number beyond the last": HEAD + certificates(part(SERIAL_BITMAP, uint64(2**64 - 1), mpint(3))),
    "a range that ends before it begins": HEAD + certificates(part(SERIAL_RANGE, uint64(6), uint64(5))),
    "an unsorted list": HEAD + certificates(part(SERIAL_LIST, uint64(6), uint64(5))),
    "a number twice": HEAD
    + certificates(part(SERIAL_LIST, uint64(6)), part(SERIAL_RANGE, uint64(5), uint64(7))),
    "a bitmap that is too long": HEAD + certificates(part(SERIAL_BITMAP, uint64(1), mpint(1 << 16_384))),
    "an empty bitmap": HEAD + certificates(part(SERIAL_BITMAP, uint64(1), mpint(0))),
    "an empty section": HEAD + certificates(),
    "an empty list": HEAD + certificates(part(SERIAL_LIST)),
    "key ids that are not sorted": HEAD + certificates(part(KEY_ID, string(b"b"), string(b"a"))),
    "a key id that is no text": HEAD + certificates(part(KEY_ID, string(b"\xff"))),
    "an extension inside": HEAD + certificates(part(0x39, b"")),
    "a hash of SHA-1": HEAD + part(3, string(b"\1" * 20)),
    "a signature": HEAD + part(4, string(b"key")),
    "an extension section": HEAD + part(255, b""),
    "a hash of another length": HEAD + part(SECTION_SHA256, string(b"\1" * 31)),
    "keys before certificates": HEAD
    + part(SECTION_EXPLICIT_KEY, string(b"a"))
    + certificates(part(SERIAL_LIST, uint64(5))),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_what_some_sshd_would_refuse_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        read_revocation_list(data)
