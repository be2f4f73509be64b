"""Bytes from strangers as a key revocation list: a list that is written back the same, or our refusal."""

from hypothesis import given
from hypothesis import strategies as st

from ssh_ca.errors import WireError
from ssh_ca.revocation_list import (
    RevocationList,
    RevokedCertificates,
    encode_revocation_list,
    runs_of,
)
from ssh_ca.revocation_list_reader import read_revocation_list

LIST = encode_revocation_list(
    RevocationList(
        version=1,
        generated_at=2,
        comment="c",
        certificates=(
            RevokedCertificates(
                authority_key=b"key", runs=runs_of([*range(1, 60, 2), 900, 5000, 5001]), key_ids=("alice",)
            ),
        ),
        keys=(b"key",),
        key_hashes=(b"\1" * 32,),
    )
)
HEAD = LIST[:45]


def read_or_refuse(data: bytes) -> None:
    try:
        content = read_revocation_list(data)
    except WireError:
        return
    # What was read says the same in our way of writing it.
    assert read_revocation_list(encode_revocation_list(content)) == content


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    read_or_refuse(data)


@given(st.binary(max_size=300))
def test_any_sections(data: bytes) -> None:
    read_or_refuse(HEAD + data)


@given(st.integers(0, len(LIST) - 1), st.integers(0, 255))
def test_any_byte_changed(place: int, value: int) -> None:
    read_or_refuse(LIST[:place] + bytes((value,)) + LIST[place + 1 :])


@given(st.integers(0, len(LIST) - 1), st.integers(0, len(LIST)), st.binary(max_size=12))
def test_any_part_replaced(start: int, length: int, data: bytes) -> None:
    read_or_refuse(LIST[:start] + data + LIST[start + length :])
