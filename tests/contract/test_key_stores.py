"""What every key store promises: one suite, run on the keys in the database and on a PKCS #11 token."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from sqlalchemy import LargeBinary, bindparam

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.custody import Custody, SealedKey
from ca_service.custody.errors import IntegrityError, KeyStoreRefusedError, KeyStoreUnavailableError
from ca_service.custody.generation import GeneratedKey
from ca_service.custody.key_stores import KeyStore
from ca_service.custody.pkcs11.store import Pkcs11Store
from ca_service.custody.signers import Signer
from ca_service.custody.storage import KEYS
from ca_service.custody.stores import DATABASE
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import Statement, statement
from ca_service.kernel.randomness import SystemRandomness
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from tests.support.fakes.custody import custody_for
from tests.support.softhsm import SoftToken, soft_token

TOKEN = "hsm"
TENANT = Tenant(OrganizationId("org_a"), ProjectId("prj_a"))
ALGORITHMS = [
    KeyAlgorithm.RSA_2048,
    KeyAlgorithm.EC_P256,
    KeyAlgorithm.EC_P384,
    KeyAlgorithm.EC_P521,
    KeyAlgorithm.ED25519,
]
MOMENT = datetime(2030, 1, 1, tzinfo=UTC)
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
_CHANGE_STORE = statement(KEYS.update().values(store=bindparam("store")))
_CHANGE_KEY = statement(
    KEYS.update()
    .where(KEYS.c.id == bindparam("key_id"))
    .values(public_key=bindparam("public_key", type_=LargeBinary))
)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftToken]:
    with soft_token(tmp_path_factory.mktemp("softhsm")) as made:
        yield made


@pytest.fixture(params=[DATABASE, TOKEN])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def stores(token: SoftToken) -> list[KeyStore]:
    return [Pkcs11Store(TOKEN, token.settings, SystemRandomness())]


@pytest.fixture
def custody(sqlite_database: Database, token: SoftToken) -> Custody:
    return custody_for(sqlite_database, stores=stores(token))


async def keep(custody: Custody, database: Database, generated: GeneratedKey) -> SealedKey:
    sealed = await custody.seal_key(TENANT, generated)

    async def work(transaction: Transaction) -> None:
        await custody.keep(transaction, sealed)

    await database.begin(work)
    return sealed


async def change(database: Database, statement_: Statement, **parameters: Any) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(statement_, **parameters)

    await database.begin(work)


def verify(signer: Signer, signature: bytes, data: bytes) -> None:
    key: Any = signer.public_key
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    elif isinstance(key, ec.EllipticCurvePublicKey):
        assert signer.certificate_hash is not None
        key.verify(signature, data, ec.ECDSA(signer.certificate_hash))
    else:
        key.verify(signature, data)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_new_key_signs_what_its_public_key_verifies(
    custody: Custody, store: str, algorithm: KeyAlgorithm
) -> None:
    signer = (await custody.generate(algorithm, store=store)).signer("key_1")
    verify(signer, await signer.in_turn(signer.sign, b"data"), b"data")


async def test_a_kept_key_signs_after_a_restart(
    sqlite_database: Database, custody: Custody, store: str, token: SoftToken
) -> None:
    generated = await custody.generate(KeyAlgorithm.EC_P256, store=store)
    sealed = await keep(custody, sqlite_database, generated)
    again = custody_for(sqlite_database, stores=stores(token))
    signer = await again.signer(TENANT, sealed.id)
    verify(signer, await signer.in_turn(signer.sign, b"data"), b"data")
    assert signer.public_key == generated.public_key


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_the_builders_take_its_keys(custody: Custody, store: str, algorithm: KeyAlgorithm) -> None:
    signer = (await custody.generate(algorithm, store=store)).signer("key_1")
    certificate = x509.CertificateBuilder(
        issuer_name=NAME,
        subject_name=NAME,
        public_key=signer.public_key,
        serial_number=1,
        not_valid_before=MOMENT.replace(tzinfo=None),
        not_valid_after=MOMENT.replace(tzinfo=None) + timedelta(days=1),
    ).sign(signer.certificate_key, signer.certificate_hash)
    certificate.verify_directly_issued_by(certificate)


async def test_rsa_signs_with_the_hash_that_is_asked_for(custody: Custody, store: str) -> None:
    signer = (await custody.generate(KeyAlgorithm.RSA_2048, store=store)).signer("key_1")
    assert isinstance(signer.public_key, rsa.RSAPublicKey)
    signature = signer.sign(b"data", "sha512")
    signer.public_key.verify(signature, b"data", padding.PKCS1v15(), hashes.SHA512())


async def test_many_sign_at_once(custody: Custody, store: str) -> None:
    signer = (await custody.generate(KeyAlgorithm.EC_P256, store=store)).signer("key_1")
    data = [b"%d" % number for number in range(60)]
    signatures = await asyncio.gather(*(signer.in_turn(signer.sign, one) for one in data))
    for one, signature in zip(data, signatures, strict=True):
        verify(signer, signature, one)


async def test_the_event_loop_goes_on_while_a_key_is_made(custody: Custody, store: str) -> None:
    making = asyncio.ensure_future(custody.generate(KeyAlgorithm.RSA_2048, store=store))
    turns = 0
    while not making.done():
        await asyncio.sleep(0)
        turns += 1
    await making
    assert turns > 50


async def test_a_row_with_the_public_key_of_another_is_noticed(
    sqlite_database: Database, custody: Custody, store: str, token: SoftToken
) -> None:
    first = await keep(custody, sqlite_database, await custody.generate(KeyAlgorithm.EC_P256, store=store))
    other = await keep(custody, sqlite_database, await custody.generate(KeyAlgorithm.EC_P256, store=store))
    await change(sqlite_database, _CHANGE_KEY, key_id=first.id, public_key=other.kept.public_key)
    with pytest.raises(IntegrityError):
        await custody_for(sqlite_database, stores=stores(token)).signer(TENANT, first.id)


async def test_a_row_that_was_given_another_store_is_noticed(
    sqlite_database: Database, custody: Custody, store: str, token: SoftToken
) -> None:
    sealed = await keep(custody, sqlite_database, await custody.generate(KeyAlgorithm.EC_P256, store=store))
    await change(sqlite_database, _CHANGE_STORE, store=TOKEN if store == DATABASE else DATABASE)
    with pytest.raises(IntegrityError):
        await custody_for(sqlite_database, stores=stores(token)).signer(TENANT, sealed.id)


async def test_a_store_that_answers_has_no_trouble(custody: Custody) -> None:
    assert await custody.key_store_troubles() == []


async def test_a_store_that_nobody_configured_is_refused_with_those_there_are(custody: Custody) -> None:
    with pytest.raises(KeyStoreRefusedError, match="this instance has database, hsm"):
        await custody.generate(KeyAlgorithm.EC_P256, store="vault")


async def test_the_keys_of_a_store_that_is_configured_no_longer_wait_for_it(
    sqlite_database: Database, custody: Custody
) -> None:
    sealed = await keep(custody, sqlite_database, await custody.generate(KeyAlgorithm.EC_P256, store=TOKEN))
    with pytest.raises(KeyStoreUnavailableError, match=r"\[custody.pkcs11.hsm\]"):
        await custody_for(sqlite_database).signer(TENANT, sealed.id)
