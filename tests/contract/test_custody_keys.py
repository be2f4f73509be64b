"""Custody over a real database: keys made once in a race, found after a restart, and a wrong root refused."""

import asyncio
import os
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, bindparam

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.custody import INSTANCE, Custody
from ca_service.custody.errors import IntegrityError, RecoveryCodeError, RootKeyError
from ca_service.custody.recovery import has_recovery, make_recovery_code, open_with_recovery, store_recovery
from ca_service.custody.root_key import RootKey, open_root_key
from ca_service.custody.sealing import RecordName
from ca_service.custody.storage import KEYS, ORGANIZATION_KEYS, PROJECT_KEYS, ROOTS, SLOTS
from ca_service.database.port import Database, Transaction, Value
from ca_service.database.statement import Statement, statement
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.randomness import SystemRandomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from tests.support.fakes.custody import ROOT, custody_for

TENANT = Tenant(OrganizationId("org_a"), ProjectId("prj_a"))
OTHER = Tenant(OrganizationId("org_a"), ProjectId("prj_b"))
RECORD = RecordName("things", "thg_1", 1)
HEX = "00112233445566778899aabbccddeeff" * 2


async def run(database: Database, change: Statement, **parameters: Value) -> int:
    async def work(transaction: Transaction) -> int:
        return await transaction.execute(change, **parameters)

    return await database.begin(work)


async def keep(custody: Custody, database: Database, tenant: Tenant = TENANT) -> str:
    sealed = await custody.seal_key(tenant, await custody.generate(KeyAlgorithm.EC_P256))

    async def work(transaction: Transaction) -> None:
        await custody.keep(transaction, sealed)

    await database.begin(work)
    return sealed.id


async def open_root(database: Database, source: str, data: Path, **variables: str) -> RootKey:
    return await open_root_key(database, source, data, variables, SystemRandomness())


async def test_ten_first_uses_at_once_make_one_key(database: Database) -> None:
    custodies = [custody_for(database) for _ in range(10)]
    sealers = await asyncio.gather(*(custody.sealer(TENANT) for custody in custodies))
    sealed = [sealer.seal(RECORD, b"x") for sealer in sealers]
    assert {sealer.open(RECORD, value) for sealer in sealers for value in sealed} == {b"x"}


async def test_what_was_sealed_opens_after_a_restart(database: Database) -> None:
    sealed = (await custody_for(database).sealer(TENANT)).seal(RECORD, b"x")
    assert (await custody_for(database).sealer(TENANT)).open(RECORD, sealed) == b"x"


async def test_projects_have_keys_of_their_own(database: Database) -> None:
    custody = custody_for(database)
    sealed = (await custody.sealer(TENANT)).seal(RECORD, b"x")
    with pytest.raises(IntegrityError):
        (await custody.sealer(OTHER)).open(RECORD, sealed)


async def test_the_instance_sealer_opens_after_a_restart(database: Database) -> None:
    sealed = custody_for(database).instance_sealer().seal(RECORD, b"x")
    assert custody_for(database).instance_sealer().open(RECORD, sealed) == b"x"


async def test_another_root_key_opens_no_project(database: Database) -> None:
    await custody_for(database).sealer(TENANT)
    with pytest.raises(IntegrityError):
        await custody_for(database, root=RootKey(SecretValue(b"w" * 32))).sealer(TENANT)


async def test_a_project_key_put_in_anothers_place_does_not_unwrap(database: Database) -> None:
    custody = custody_for(database)
    await custody.sealer(TENANT)
    await custody.sealer(OTHER)
    wrapped = await database.read_one(
        statement(
            PROJECT_KEYS.select()
            .with_only_columns(PROJECT_KEYS.c.wrapped)
            .where(PROJECT_KEYS.c.project == "prj_b")
        )
    )
    assert wrapped is not None
    move = statement(
        PROJECT_KEYS.update()
        .where(PROJECT_KEYS.c.project == "prj_a")
        .values(wrapped=bindparam("wrapped", type_=LargeBinary))
    )
    await run(database, move, wrapped=wrapped[0])
    with pytest.raises(IntegrityError):
        await custody_for(database).sealer(TENANT)


async def test_a_changed_organization_key_does_not_unwrap(database: Database) -> None:
    await custody_for(database).sealer(TENANT)
    change = statement(ORGANIZATION_KEYS.update().values(wrapped=bindparam("wrapped", type_=LargeBinary)))
    await run(database, change, wrapped=b"\0" * 40)
    with pytest.raises(IntegrityError):
        await custody_for(database).sealer(TENANT)


async def test_a_kept_key_signs_after_a_restart(database: Database) -> None:
    key_id = await keep(custody_for(database), database)
    signer = await custody_for(database).signer(TENANT, key_id)
    assert (signer.key_id, signer.algorithm, len(signer.sign(b"x")) > 60) == (
        key_id,
        KeyAlgorithm.EC_P256,
        True,
    )


async def test_a_signer_is_opened_once(database: Database) -> None:
    custody = custody_for(database)
    key_id = await keep(custody, database)
    assert await custody.signer(TENANT, key_id) is await custody.signer(TENANT, key_id)


async def test_a_key_that_was_never_kept_does_not_exist(database: Database) -> None:
    custody = custody_for(database)
    sealed = await custody.seal_key(TENANT, await custody.generate(KeyAlgorithm.EC_P256))
    with pytest.raises(NotFoundError):
        await custody.signer(TENANT, sealed.id)


async def test_a_key_of_another_project_does_not_exist(database: Database) -> None:
    custody = custody_for(database)
    key_id = await keep(custody, database)
    with pytest.raises(NotFoundError):
        await custody.signer(OTHER, key_id)


async def test_a_key_moved_to_another_project_does_not_open(database: Database) -> None:
    key_id = await keep(custody_for(database), database)
    await run(database, statement(KEYS.update().values(project=bindparam("project"))), project="prj_b")
    with pytest.raises(IntegrityError):
        await custody_for(database).signer(OTHER, key_id)


async def test_a_public_key_put_beside_another_private_key_is_noticed(database: Database) -> None:
    key_id = await keep(custody_for(database), database)
    change = statement(KEYS.update().values(public_key=bindparam("public_key", type_=LargeBinary)))
    await run(database, change, public_key=b"another")
    with pytest.raises(IntegrityError):
        await custody_for(database).signer(TENANT, key_id)


async def test_the_private_key_does_not_stand_in_its_row(database: Database) -> None:
    custody = custody_for(database)
    generated = await custody.generate(KeyAlgorithm.ED25519)
    sealed = await custody.seal_key(INSTANCE, generated)
    assert generated.pkcs8_der().reveal()[-32:] not in sealed.kept.sealed


async def test_the_listener_gets_the_pem_of_an_instance_key(database: Database) -> None:
    custody = custody_for(database)
    key_id = await keep(custody, database, INSTANCE)
    pem = await custody.listener_key_pem(key_id)
    assert pem.reveal().startswith("-----BEGIN PRIVATE KEY-----")


async def test_first_start_makes_the_file_of_the_root_key_for_its_owner_alone(
    database: Database, tmp_path: Path
) -> None:
    await open_root(database, "file", tmp_path)
    status = (tmp_path / "root-key").stat()
    assert (status.st_mode & 0o777, status.st_uid) == (0o600, os.getuid())
    assert [path.name for path in tmp_path.iterdir() if "root-key" in path.name] == ["root-key"]


async def test_a_later_start_finds_the_same_root_key(database: Database, tmp_path: Path) -> None:
    assert (await open_root(database, "file", tmp_path)).id == (
        await open_root(database, "file", tmp_path)
    ).id


async def test_starts_at_the_same_time_agree_on_one_root_key(database: Database, tmp_path: Path) -> None:
    roots = await asyncio.gather(*(open_root(database, "file", tmp_path) for _ in range(5)))
    assert len({root.id for root in roots}) == 1


async def test_a_file_elsewhere_is_made_there(database: Database, tmp_path: Path) -> None:
    await open_root(database, f"file:{tmp_path}/elsewhere", tmp_path / "data")
    assert (tmp_path / "elsewhere").exists()


async def test_a_database_whose_root_key_is_missing_is_refused(database: Database, tmp_path: Path) -> None:
    await open_root(database, "file", tmp_path)
    (tmp_path / "root-key").unlink()
    with pytest.raises(RootKeyError, match="bring that file"):
        await open_root(database, "file", tmp_path)
    assert not (tmp_path / "root-key").exists()


async def test_a_wrong_root_key_is_refused(database: Database, tmp_path: Path) -> None:
    await open_root(database, "file", tmp_path)
    (tmp_path / "root-key").write_text(HEX)
    with pytest.raises(RootKeyError, match="is not the one of this database"):
        await open_root(database, "file", tmp_path)


async def test_a_changed_root_row_is_refused(database: Database, tmp_path: Path) -> None:
    await open_root(database, "file", tmp_path)
    await run(
        database, statement(ROOTS.update().values(tag=bindparam("tag", type_=LargeBinary))), tag=b"x" * 32
    )
    with pytest.raises(RootKeyError, match="was changed outside Keywright"):
        await open_root(database, "file", tmp_path)


@pytest.mark.parametrize("text", [HEX, HEX.upper(), "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8="])
async def test_a_variable_holds_the_root_key(sqlite_database: Database, tmp_path: Path, text: str) -> None:
    root = await open_root(sqlite_database, "env:ROOT", tmp_path, ROOT=text)
    assert root.reveal().reveal() == bytes.fromhex(HEX)


@pytest.mark.parametrize(
    ("source", "variables", "sentence"),
    [
        ("env:ROOT", {}, "ROOT, which is not set"),
        ("env:ROOT", {"ROOT": "abc"}, "is not a root key"),
        ("env:ROOT", {"ROOT": HEX[:-2]}, "is not a root key"),
        ("env:ROOT", {"ROOT": "z" * 64}, "is not a root key"),
        ("env:", {}, "it must be"),
        ("pkcs11:token", {}, "it must be"),
        ("file:/nowhere/at/all/key", {}, "cannot write the root key"),
    ],
)
async def test_a_source_without_a_root_key_is_refused(
    sqlite_database: Database, tmp_path: Path, source: str, variables: dict[str, str], sentence: str
) -> None:
    with pytest.raises(RootKeyError, match=sentence):
        await open_root(sqlite_database, source, tmp_path, **variables)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
async def test_a_root_key_that_others_may_read_is_refused(
    sqlite_database: Database, tmp_path: Path, mode: int
) -> None:
    await open_root(sqlite_database, "file", tmp_path)
    (tmp_path / "root-key").chmod(mode)
    with pytest.raises(RootKeyError, match="chmod 600"):
        await open_root(sqlite_database, "file", tmp_path)


async def test_the_recovery_code_opens_the_root_key(database: Database, tmp_path: Path) -> None:
    root = await open_root(database, "file", tmp_path)
    code = make_recovery_code(SystemRandomness())
    await store_recovery(database, root, code)
    assert (await open_with_recovery(database, code)).reveal() == root.reveal()


async def test_a_database_tells_whether_it_has_a_recovery_code(database: Database) -> None:
    before = await has_recovery(database)
    await store_recovery(database, ROOT, make_recovery_code(SystemRandomness()))
    assert (before, await has_recovery(database)) == (False, True)


async def test_a_new_recovery_code_puts_an_end_to_the_one_before(database: Database, tmp_path: Path) -> None:
    root = await open_root(database, "file", tmp_path)
    first, second = make_recovery_code(SystemRandomness()), make_recovery_code(SystemRandomness())
    await store_recovery(database, root, first)
    await store_recovery(database, root, second)
    with pytest.raises(RecoveryCodeError, match="does not open this database"):
        await open_with_recovery(database, first)


async def test_the_code_stands_nowhere_in_the_database(sqlite_database: Database, tmp_path: Path) -> None:
    root = await open_root(sqlite_database, "file", tmp_path)
    code = make_recovery_code(SystemRandomness())
    await store_recovery(sqlite_database, root, code)
    (slot,) = await sqlite_database.read(statement(SLOTS.select()))
    assert len(slot[1]) == 40
    assert root.reveal().reveal() not in slot[1]
