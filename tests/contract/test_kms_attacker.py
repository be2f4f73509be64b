"""Somebody who writes to the database: edited, swapped and deleted rows are refused, never a wrong plaintext.

Another process that has not heard of a change reveals nothing that the change forbids.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from ca_service.custody.errors import IntegrityError
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import Statement, statement
from ca_service.kernel.secret_value import SecretValue
from secrets_core.kms.errors import KeyDisabledError
from secrets_core.kms.keys import KmsAlgorithm, KmsKeyChanges
from secrets_core.kms.operations import (
    MessageItem,
    ReadKmsKey,
    RotateKmsKey,
    SignatureItem,
    SignItem,
    SignWithKmsKey,
    TagWithKmsKey,
    UpdateKmsKey,
    VerifyWithKmsKey,
)
from secrets_core.kms.storage.tables import KEY_VERSIONS, KEYS
from tests.support.fakes.kernel import FakeClock
from tests.support.kms_ground import KmsGround, b64

_K, _V = KEYS.c, KEY_VERSIONS.c
#: What an attacker could want of the row of a key: back to life, an older minimum, another name or end.
_EDITS: dict[str, Statement] = {
    "enabled": statement(update(KEYS).where(_K.name == "app").values(is_enabled=1)),
    "minimum": statement(update(KEYS).where(_K.name == "app").values(minimum_version=1)),
    "newest": statement(update(KEYS).where(_K.name == "app").values(version=1)),
    "algorithm": statement(update(KEYS).where(_K.name == "app").values(algorithm="hmac-sha256")),
    "end": statement(update(KEYS).where(_K.name == "app").values(deletes_at=1)),
    "owner": statement(update(KEYS).where(_K.name == "app").values(created_by="nobody")),
    "mac": statement(update(KEYS).where(_K.name == "app").values(mac=b"\0" * 32)),
}


async def run(database: Database, done: Statement) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(done)

    await database.begin(work)


async def swap_versions(database: Database, first: tuple[str, int], second: tuple[str, int]) -> None:
    """Give two versions all of one another's columns but their names."""
    rows = {}
    for key, version in (first, second):
        where = (_V.key == key, _V.version == version)
        rows[key, version] = (await database.read(statement(select(KEY_VERSIONS).where(*where))))[0]
    for target, source in ((first, second), (second, first)):
        where = (_V.key == target[0], _V.version == target[1])
        row = dict(zip(KEY_VERSIONS.c.keys(), rows[source], strict=True))
        columns = {name: row[name] for name in ("public_key", "sealed", "created_at", "mac")}
        await run(database, statement(update(KEY_VERSIONS).where(*where).values(columns)))


async def test_an_edited_row_of_a_key_is_refused(database: Database, clock: FakeClock) -> None:
    ground = KmsGround(database, clock)
    await ground.make()
    for _ in range(2):
        await ground.perform(RotateKmsKey(project="default", key="app"))
    changes = KmsKeyChanges(minimum_version=2, is_enabled=False)
    await ground.perform(UpdateKmsKey(project="default", key="app", changes=changes))
    [kept] = await database.read(statement(select(KEYS)))
    whole = dict(zip(KEYS.c.keys(), kept, strict=True))
    accepted = []
    for what, edit in _EDITS.items():
        await run(database, edit)
        try:
            await KmsGround(database, clock).perform(ReadKmsKey(project="default", key="app"))
            accepted.append(what)
        except IntegrityError:
            await run(database, statement(update(KEYS).values(whole)))
    assert accepted == []


async def test_swapped_edited_and_deleted_material_is_refused(database: Database, clock: FakeClock) -> None:
    ground = KmsGround(database, clock)
    first, second = await ground.make("app"), await ground.make("other")
    ciphertext = await ground.encrypt(b"secret")
    await ground.perform(RotateKmsKey(project="default", key="app"))

    async def refused() -> None:
        with pytest.raises(IntegrityError):
            await KmsGround(database, clock).decrypt(ciphertext)

    for other in ((second.id, 1), (first.id, 2)):
        await swap_versions(database, (first.id, 1), other)
        await refused()
        await swap_versions(database, (first.id, 1), other)
    assert await KmsGround(database, clock).decrypt(ciphertext) == b"secret"
    where = (_V.key == first.id, _V.version == 1)
    await run(database, statement(update(KEY_VERSIONS).where(*where).values(sealed=b"\x01" * 80)))
    await refused()
    await run(database, statement(delete(KEY_VERSIONS).where(*where)))
    await refused()


async def test_a_swapped_public_key_verifies_nothing(database: Database, clock: FakeClock) -> None:
    ground = KmsGround(database, clock)
    first, second = [await ground.make(name, KmsAlgorithm.ED25519) for name in ("app", "other")]
    message = SecretValue(b64(b"a message"))
    signing = SignWithKmsKey(project="default", key="other", items=(SignItem(message=message),))
    [signed] = (await ground.perform(signing)).items
    await swap_versions(database, (first.id, 1), (second.id, 1))
    item = SignatureItem(message=message, signature=b64(signed.signature))
    with pytest.raises(IntegrityError):
        await KmsGround(database, clock).perform(
            VerifyWithKmsKey(project="default", key="app", items=(item,))
        )


class LateDatabase:
    """A database whose process hears nothing of what others changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def change_hint(self) -> int:
        return 1


async def test_who_has_not_heard_of_a_change_reveals_nothing_that_it_forbids(
    database: Database, clock: FakeClock
) -> None:
    ground = KmsGround(database, clock)
    deaf: Any = LateDatabase(database)
    late = KmsGround(deaf, clock)
    await ground.make()
    await ground.make("tag", KmsAlgorithm.HMAC_SHA256)
    ciphertext = await late.encrypt(b"secret")
    tagging = TagWithKmsKey(project="default", key="tag", items=(MessageItem(message=SecretValue("")),))
    uses: tuple[Callable[[], Any], ...] = (
        lambda: late.decrypt(ciphertext),
        lambda: late.perform(tagging),
    )
    for key, use in zip(("app", "tag"), uses, strict=True):
        await use()
        changes = KmsKeyChanges(is_enabled=False)
        await ground.perform(UpdateKmsKey(project="default", key=key, changes=changes))
        with pytest.raises(KeyDisabledError):
            await use()


async def test_what_was_encrypted_stands_nowhere_in_the_database(
    sqlite_database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    ground = KmsGround(sqlite_database, clock)
    await ground.make()
    canary = b"canary-4711-of-the-kms"
    assert await ground.decrypt(await ground.encrypt(canary, aad=canary), aad=canary) == canary
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    said = b"".join(file.read_bytes() for file in files)
    assert (b"kms:decrypt" in said, canary in said, b64(canary).encode() in said) == (True, False, False)
