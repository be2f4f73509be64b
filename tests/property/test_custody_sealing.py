"""Properties of sealing, canonical tuples and recovery words over arbitrary input."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ca_service.custody.derivation import canonical
from ca_service.custody.errors import IntegrityError
from ca_service.custody.sealing import RecordName, Sealer, sealing_key
from ca_service.kernel.randomness import SystemRandomness
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant

KEY = sealing_key(1, bytes(range(32)))
names = st.text(max_size=12)
tenants = st.builds(Tenant, names.map(OrganizationId), names.map(ProjectId))
records = st.builds(RecordName, names, names, st.integers(0, 2**40))
parts = st.lists(st.one_of(st.text(max_size=5), st.binary(max_size=5), st.integers(-99, 99)), max_size=4)


def sealer(tenant: Tenant) -> Sealer:
    return Sealer(tenant, {1: KEY}, SystemRandomness())


@given(tenants, records, st.binary(max_size=200))
def test_sealing_and_opening_is_a_round_trip(tenant: Tenant, record: RecordName, plaintext: bytes) -> None:
    assert sealer(tenant).open(record, sealer(tenant).seal(record, plaintext)) == plaintext


@given(tenants, records, tenants, records)
def test_a_value_opens_under_no_other_name(
    tenant: Tenant, record: RecordName, other: Tenant, moved: RecordName
) -> None:
    assume((tenant, record) != (other, moved))
    sealed = sealer(tenant).seal(record, b"value")
    with pytest.raises(IntegrityError):
        sealer(other).open(moved, sealed)


@given(st.binary(max_size=40), st.data())
def test_any_flipped_bit_is_refused(plaintext: bytes, data: st.DataObject) -> None:
    tenant, record = Tenant(OrganizationId("o"), ProjectId("p")), RecordName("t", "r", 1)
    sealed = bytearray(sealer(tenant).seal(record, plaintext))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(IntegrityError):
        sealer(tenant).open(record, bytes(sealed))


@given(st.binary(max_size=80))
def test_bytes_that_were_never_sealed_are_refused(junk: bytes) -> None:
    with pytest.raises(IntegrityError):
        sealer(Tenant(OrganizationId("o"), ProjectId("p"))).open(RecordName("t", "r", 1), junk)


@given(parts, parts)
def test_different_tuples_have_different_encodings(
    one: list[str | bytes | int], two: list[str | bytes | int]
) -> None:
    same = [(type(part), part) for part in one] == [(type(part), part) for part in two]
    assert (canonical(*one) == canonical(*two)) is same
