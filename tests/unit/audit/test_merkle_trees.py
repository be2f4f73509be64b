"""Merkle trees against the definition in RFC 6962 section 2.1."""

from hashlib import sha256

import pytest

from ca_service.audit.merkle import leaf_hash, merkle_root


def by_definition(leaves: list[bytes]) -> bytes:
    """Return the root as the RFC writes it: split at the largest power of two below the count."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


@pytest.mark.parametrize("count", [*range(20), 31, 32, 33, 1000])
def test_the_root_is_the_one_of_the_definition(count: int) -> None:
    leaves = [leaf_hash(str(number).encode()) for number in range(count)]
    assert merkle_root(leaves) == by_definition(leaves)


def test_a_known_root_of_the_reference_implementation() -> None:
    # Certificate Transparency's test tree: entries "", 00, 10, 2021, 3031, 40414243.
    entries = [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43"]
    expected = "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"
    assert merkle_root([leaf_hash(entry) for entry in entries]).hex() == expected


def test_a_leaf_is_never_a_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != merkle_root([left, right])
