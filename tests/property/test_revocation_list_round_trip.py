"""Whatever is revoked, the list reads back as that and says nothing more."""

from itertools import pairwise
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from ssh_ca.revocation_list import (
    HIGHEST_SERIAL_NUMBER,
    RevocationList,
    RevokedCertificates,
    encode_revocation_list,
    runs_of,
)
from ssh_ca.revocation_list_reader import read_revocation_list

T = TypeVar("T", str, bytes)
numbers = st.one_of(
    st.integers(1, HIGHEST_SERIAL_NUMBER), st.integers(1, 3000), st.integers(2**40, 2**40 + 40_000)
)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@st.composite
def serial_numbers(draw: st.DrawFn) -> set[int]:
    """Draw single numbers, runs of any length, and areas of any density."""
    found = set(draw(st.lists(numbers, max_size=60)))
    for start, count, step in draw(
        st.lists(st.tuples(st.integers(1, 2**41), st.integers(1, 700), st.integers(1, 40)), max_size=5)
    ):
        found.update(range(start, start + count * step, step))
    return found


def some(values: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    """Return sorted tuples of different values."""
    return st.sets(values, max_size=5).map(lambda found: tuple(sorted(found)))


revoked = st.builds(
    RevokedCertificates,
    authority_key=st.binary(max_size=40),
    runs=serial_numbers().map(runs_of),
    key_ids=some(texts),
).filter(lambda each: bool(each.runs or each.key_ids))
lists = st.builds(
    RevocationList,
    version=st.integers(0, 2**64 - 1),
    generated_at=st.integers(0, 2**64 - 1),
    comment=texts,
    certificates=st.lists(revoked, max_size=3).map(tuple),
    keys=st.sets(st.binary(max_size=40), max_size=4).map(lambda found: tuple(sorted(found))),
    key_hashes=st.sets(st.binary(min_size=32, max_size=32), max_size=4).map(
        lambda found: tuple(sorted(found))
    ),
)


@settings(max_examples=150, deadline=None)
@given(content=lists)
def test_a_list_reads_back_as_what_it_should_say(content: RevocationList) -> None:
    assert read_revocation_list(encode_revocation_list(content)) == content


@given(found=serial_numbers())
def test_runs_hold_every_number_once_and_no_other(found: set[int]) -> None:
    runs = runs_of(found)
    assert [number for low, high in runs for number in range(low, high + 1)] == sorted(found)
    assert all(high + 1 < low for (_, high), (low, _) in pairwise(runs))
