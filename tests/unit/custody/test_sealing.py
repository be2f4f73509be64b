"""Sealing: what was sealed for one record opens for that record and nothing else."""

import pytest

from ca_service.custody.errors import IntegrityError
from ca_service.custody.sealing import RecordName, Sealer, sealing_key
from ca_service.kernel.randomness import SystemRandomness
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant

TENANT = Tenant(OrganizationId("org_a"), ProjectId("prj_a"))
RECORD = RecordName("secrets_versions", "sec_1", 3)
FIRST, SECOND = sealing_key(1, b"1" * 32), sealing_key(2, b"2" * 32)


class FixedRandomness:
    def __init__(self, size: int) -> None:
        self.size = size

    def token_bytes(self, size: int) -> bytes:
        return b"\x07" * self.size


def sealer(tenant: Tenant = TENANT, *keys: object) -> Sealer:
    return Sealer(tenant, {1: FIRST}, SystemRandomness())


def test_what_was_sealed_opens_for_the_same_record() -> None:
    assert sealer().open(RECORD, sealer().seal(RECORD, b"plain")) == b"plain"


def test_an_empty_value_is_sealed_like_any_other() -> None:
    assert sealer().open(RECORD, sealer().seal(RECORD, b"")) == b""


def test_the_plaintext_does_not_stand_in_the_sealed_value() -> None:
    assert b"attack at dawn" not in sealer().seal(RECORD, b"attack at dawn")


def test_sealing_twice_gives_two_values() -> None:
    assert sealer().seal(RECORD, b"plain") != sealer().seal(RECORD, b"plain")


@pytest.mark.parametrize(
    "other",
    [
        RecordName("other_table", "sec_1", 3),
        RecordName("secrets_versions", "sec_2", 3),
        RecordName("secrets_versions", "sec_1", 2),
        RecordName("secrets_versionss", "ec_1", 3),
    ],
)
def test_a_value_moved_to_another_record_does_not_open(other: RecordName) -> None:
    with pytest.raises(IntegrityError):
        sealer().open(other, sealer().seal(RECORD, b"plain"))


@pytest.mark.parametrize(
    "other",
    [
        Tenant(OrganizationId("org_b"), ProjectId("prj_a")),
        Tenant(OrganizationId("org_a"), ProjectId("prj_b")),
        Tenant(OrganizationId("org_apr"), ProjectId("j_a")),
    ],
)
def test_a_value_moved_to_another_tenant_does_not_open_even_under_the_same_key(other: Tenant) -> None:
    with pytest.raises(IntegrityError):
        sealer(other).open(RECORD, sealer().seal(RECORD, b"plain"))


def test_a_value_of_an_earlier_key_version_still_opens() -> None:
    before = Sealer(TENANT, {1: FIRST}, SystemRandomness()).seal(RECORD, b"old")
    after = Sealer(TENANT, {1: FIRST, 2: SECOND}, SystemRandomness())
    assert after.open(RECORD, before) == b"old"


def test_new_values_are_sealed_under_the_newest_version() -> None:
    sealed = Sealer(TENANT, {2: SECOND, 1: FIRST}, SystemRandomness()).seal(RECORD, b"new")
    assert Sealer(TENANT, {2: SECOND}, SystemRandomness()).open(RECORD, sealed) == b"new"


def test_a_version_that_does_not_exist_is_refused_and_no_other_key_is_tried() -> None:
    sealed = Sealer(TENANT, {2: SECOND}, SystemRandomness()).seal(RECORD, b"new")
    with pytest.raises(IntegrityError):
        sealer().open(RECORD, sealed)


def test_another_key_of_the_same_version_is_refused() -> None:
    sealed = Sealer(TENANT, {1: sealing_key(1, b"9" * 32)}, SystemRandomness()).seal(RECORD, b"x")
    with pytest.raises(IntegrityError):
        sealer().open(RECORD, sealed)


@pytest.mark.parametrize("size", [8, 11, 13, 16])
def test_a_nonce_of_another_size_is_never_used(size: int) -> None:
    with pytest.raises(ValueError, match="12 bytes"):
        Sealer(TENANT, {1: FIRST}, FixedRandomness(size)).seal(RECORD, b"x")


def test_the_key_is_not_in_its_repr() -> None:
    assert "11111111" not in repr(FIRST)
