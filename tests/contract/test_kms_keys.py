"""Keys over their life: made, used, rotated, held to a minimum version, disabled, ended; on both engines."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ca_service.database.port import Database
from ca_service.kernel.errors import KeywrightError, NotFoundError
from secrets_core.kms.destruction import destroyer_of
from secrets_core.kms.keys import KmsKeyChanges
from secrets_core.kms.operations import (
    CiphertextItem,
    DecryptWithKmsKey,
    DestroyKmsKey,
    ListKmsKeys,
    ListKmsKeyVersions,
    ReadKmsKey,
    RestoreKmsKey,
    RotateKmsKey,
    ScheduleKmsKeyDeletion,
    UpdateKmsKey,
)
from tests.support.fakes.kernel import FakeClock
from tests.support.kms_ground import KmsGround
from tests.support.x509_ground import TENANT

DAY = timedelta(days=1)
CANARY = b"canary-of-the-kms-4711"


@pytest.fixture
def ground(database: Database, clock: FakeClock) -> KmsGround:
    return KmsGround(database, clock)


async def refusal(work: Any) -> tuple[str, str | None, str | None]:
    with pytest.raises(KeywrightError) as caught:
        await work
    return caught.value.kind.value, caught.value.field, caught.value.rule


def changed(**changes: Any) -> UpdateKmsKey:
    return UpdateKmsKey(project="default", key="app", changes=KmsKeyChanges(**changes))


async def test_a_key_is_used_by_its_versions_until_a_minimum_refuses_them(ground: KmsGround) -> None:
    await ground.make()
    first = await ground.encrypt(CANARY, aad=b"row 1")
    rotated = await ground.perform(RotateKmsKey(project="default", key="app"))
    second = await ground.encrypt(CANARY)
    assert (rotated.version, first[:6], second[:6]) == (2, "kw1:1:", "kw1:2:")
    assert await ground.decrypt(first, aad=b"row 1") == CANARY
    assert await ground.decrypt(second) == CANARY

    await ground.perform(changed(minimum_version=2))
    assert await refusal(ground.decrypt(first, aad=b"row 1")) == (
        "unacceptable",
        "ciphertext",
        "minimum-version",
    )
    assert await ground.decrypt(second) == CANARY
    page = await ground.perform(ListKmsKeyVersions(project="default", key="app"))
    assert [(each.version, each.state) for each in page.items] == [(2, "current"), (1, "refused")]
    assert await refusal(ground.perform(changed(minimum_version=3))) == (
        "unacceptable",
        "minimum_version",
        "minimum-version",
    )


async def test_a_disabled_key_does_nothing_until_it_is_enabled(ground: KmsGround) -> None:
    await ground.make()
    ciphertext = await ground.encrypt(CANARY)
    await ground.perform(changed(is_enabled=False))
    for use in (ground.encrypt(b""), ground.decrypt(ciphertext)):
        assert await refusal(use) == ("conflict", "name", "key-disabled")
    await ground.perform(changed(is_enabled=True))
    assert await ground.decrypt(ciphertext) == CANARY


async def test_an_ending_key_is_stopped_restored_and_in_the_end_destroyed(
    ground: KmsGround, clock: FakeClock
) -> None:
    made = await ground.make()
    ciphertext = await ground.encrypt(CANARY)
    for days in (6, 366):
        operation = ScheduleKmsKeyDeletion(project="default", key="app", wait=days * DAY)
        assert await refusal(ground.perform(operation)) == ("unacceptable", "wait", "deletion-wait")
    end = ScheduleKmsKeyDeletion(project="default", key="app", wait=7 * DAY)
    await ground.perform(end)
    assert await refusal(ground.decrypt(ciphertext)) == ("conflict", "name", "key-scheduled-for-deletion")
    assert (await refusal(ground.perform(RotateKmsKey(project="default", key="app"))))[0] == "conflict"
    await ground.perform(RestoreKmsKey(project="default", key="app"))
    clock.advance(8 * DAY)
    await ground.destroyer.destroy_due()
    assert await ground.decrypt(ciphertext) == CANARY

    await ground.perform(end)
    clock.advance(7 * DAY - timedelta(seconds=1))
    await ground.destroyer.destroy_due()
    destroy = DestroyKmsKey(project="default", key=made.id)
    assert (await refusal(ground.perform(destroy, destroyer_of(TENANT))))[2] == "key-not-due"
    clock.advance(timedelta(seconds=1))
    await ground.destroyer.destroy_due()
    with pytest.raises(NotFoundError):
        await ground.perform(ReadKmsKey(project="default", key=made.id))
    last = (await ground.trail())[-1].entry
    assert (last.action, last.caller, last.details["versions"]) == ("kms:destroy", 'System::"kms-destroy"', 1)
    # Another key of the name is another key.
    await ground.make()
    assert await refusal(ground.decrypt(ciphertext)) == ("unacceptable", "ciphertext", "ciphertext")


async def test_the_destroying_job_may_do_nothing_else(ground: KmsGround) -> None:
    await ground.make()
    item = CiphertextItem(ciphertext=await ground.encrypt(CANARY))
    decrypt = DecryptWithKmsKey(project="default", key="app", items=(item,))
    with pytest.raises(NotFoundError):
        await ground.perform(decrypt, destroyer_of(TENANT))


async def test_a_key_under_another_name_opens_what_it_made(ground: KmsGround) -> None:
    await ground.make()
    ciphertext = await ground.encrypt(CANARY)
    await ground.perform(changed(name="shop"))
    assert await ground.decrypt(ciphertext, name="shop") == CANARY
    with pytest.raises(NotFoundError):
        await ground.decrypt(ciphertext)


async def test_keys_are_listed_by_name_in_pages(ground: KmsGround) -> None:
    for name in ("c", "a", "b"):
        await ground.make(name)
    first = await ground.perform(ListKmsKeys(project="default", limit=2))
    second = await ground.perform(ListKmsKeys(project="default", limit=2, after=first.next_key))
    names = [[key.name for key in page.items] for page in (first, second)]
    assert (names, second.next_key) == ([["a", "b"], ["c"]], None)


async def test_a_rotation_is_repeated_under_its_key_and_not_done_twice(ground: KmsGround) -> None:
    await ground.make()
    rotate = RotateKmsKey(project="default", key="app")
    answers = [await ground.perform(rotate, key="once") for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0].version == 2


async def test_of_two_rotations_at_once_each_makes_one_version(ground: KmsGround) -> None:
    await ground.make()
    rotate = RotateKmsKey(project="default", key="app")
    done = await asyncio.gather(*(ground.perform(rotate) for _ in range(2)), return_exceptions=True)
    kept = await ground.perform(ReadKmsKey(project="default", key="app"))
    assert kept.version == 1 + sum(not isinstance(each, Exception) for each in done)


async def test_a_name_is_given_once(ground: KmsGround) -> None:
    await ground.make()
    assert await refusal(ground.make()) == ("conflict", "name", "name-taken")


async def test_another_process_follows_a_change_at_once(
    ground: KmsGround, database: Database, clock: FakeClock
) -> None:
    other = KmsGround(database, clock)
    await ground.make()
    ciphertext = await other.encrypt(CANARY)
    assert await other.decrypt(ciphertext) == CANARY
    await ground.perform(changed(is_enabled=False))
    assert (await refusal(other.decrypt(ciphertext)))[2] == "key-disabled"
