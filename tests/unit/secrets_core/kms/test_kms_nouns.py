"""Keys and what callers send, as pure functions of facts and a moment."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from ca_service.custody.derivation import canonical
from ca_service.custody.raw_signatures import SignatureAlgorithm
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from secrets_core.kms.ciphertexts import associated_data, parse_ciphertext, write_ciphertext
from secrets_core.kms.errors import InputRefusedError, KeyEndingError, KeyVersionError
from secrets_core.kms.keys import (
    MOST_VERSIONS,
    KmsAlgorithm,
    KmsKey,
    KmsKeyChanges,
    changed_key,
    ending_key,
    restored_key,
    rotated_key,
    verify_version,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KEY = KmsKey(
    id="kmk_1",
    tenant=Tenant(OrganizationId("org_1"), ProjectId("prj_1")),
    name="app",
    algorithm=KmsAlgorithm.AES_256_GCM,
    description="",
    is_enabled=True,
    version=3,
    minimum_version=2,
    created_at=NOW,
    created_by="nobody",
    updated_at=NOW,
)
LATER = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("version", "rule"),
    [(0, "key-version"), (4, "key-version"), (2**70, "key-version"), (1, "minimum-version")],
)
def test_a_version_that_is_not_there_or_too_old_is_refused(version: int, rule: str) -> None:
    with pytest.raises(KeyVersionError) as caught:
        verify_version(KEY, version, field="ciphertext")
    assert (caught.value.field, caught.value.rule) == ("ciphertext", rule)


def test_versions_from_the_minimum_to_the_newest_are_used() -> None:
    for version in (2, 3):
        verify_version(KEY, version, field="ciphertext")


def test_each_change_is_a_revision_of_its_moment() -> None:
    changed = changed_key(KEY, KmsKeyChanges(minimum_version=3, is_enabled=False), LATER)
    assert (changed.revision, changed.updated_at, changed.is_enabled) == (2, LATER, False)
    rotated = rotated_key(changed, LATER)
    assert (rotated.revision, rotated.version, rotated.minimum_version) == (3, 4, 3)


def test_a_key_has_so_many_versions_and_no_more() -> None:
    with pytest.raises(InputRefusedError):
        rotated_key(msgspec.structs.replace(KEY, version=MOST_VERSIONS), NOW)


@pytest.mark.parametrize("wait", [timedelta(days=7), timedelta(days=365)])
def test_a_wait_of_seven_to_365_days_can_be_taken_back(wait: timedelta) -> None:
    ending = ending_key(KEY, wait, NOW)
    assert ending.deletes_at == NOW + wait
    assert restored_key(ending, LATER).deletes_at is None


@pytest.mark.parametrize("wait", [timedelta(days=7, seconds=-1), timedelta(days=365, seconds=1)])
def test_another_wait_is_refused(wait: timedelta) -> None:
    with pytest.raises(InputRefusedError) as caught:
        ending_key(KEY, wait, NOW)
    assert (caught.value.field, caught.value.rule) == ("wait", "deletion-wait")


def test_a_key_that_stays_is_not_restored() -> None:
    with pytest.raises(KeyEndingError):
        restored_key(KEY, NOW)


def test_a_ciphertext_is_read_as_it_was_written() -> None:
    assert parse_ciphertext(write_ciphertext(7, b"\xff\0")) == (7, b"\xff\0")


def test_a_ciphertext_is_bound_to_tenant_key_version_and_aad() -> None:
    others = (
        associated_data(msgspec.structs.replace(KEY, id="kmk_2"), 1, b"row"),
        associated_data(
            msgspec.structs.replace(KEY, tenant=Tenant(OrganizationId("org_1"), ProjectId("prj_2"))),
            1,
            b"row",
        ),
        associated_data(KEY, 2, b"row"),
        associated_data(KEY, 1, b"rows"),
    )
    mine = associated_data(KEY, 1, b"row")
    assert mine == canonical("kms", "org_1", "prj_1", "kmk_1", 1, b"row")
    assert mine not in others


def test_every_algorithm_says_what_it_is_for_and_how_it_signs() -> None:
    pairs = [algorithm for algorithm in KmsAlgorithm if algorithm.pair is not None]
    assert all(algorithm.schemes for algorithm in pairs)
    assert {scheme for algorithm in pairs for scheme in algorithm.schemes} == set(SignatureAlgorithm)
    assert KmsAlgorithm.EC_P384.schemes[0] is SignatureAlgorithm.ECDSA_SHA_384
    assert [algorithm.purpose for algorithm in KmsAlgorithm][:3] == [
        "encrypts and decrypts",
        "makes and verifies HMACs",
        "signs and verifies",
    ]
