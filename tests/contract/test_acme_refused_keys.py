"""Keys that no account may have, and accounts' keys that no certificate may have (RFC 8555 section 11.1)."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from ca_service.database.port import Database
from ca_service.database.statement import statement
from ca_service.x509.blocked_keys import BlockedKey, BlockProof, key_hash
from ca_service.x509.storage.refused_keys import insert_blocked
from ca_service.x509.storage.tables import REFUSED_KEYS
from tests.support.acme_client import AcmeClient, ClientKey
from tests.support.acme_stack import AcmeStack
from tests.support.fakes.gate import TENANT
from tests.support.fakes.kernel import FakeClock

_HASHES = statement(select(REFUSED_KEYS.c.holder, REFUSED_KEYS.c.key_hash))


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


def hash_of(key: ClientKey) -> bytes:
    return key_hash(key.private_key.public_key())


def block(stack: AcmeStack, key: ClientKey) -> None:
    """Block a key, as whoever has the certificates of the project can."""
    blocked = BlockedKey(
        id="blk_1",
        tenant=TENANT,
        key_hash=hash_of(key),
        proof=BlockProof.STATEMENT,
        comment="",
        created_by="somebody",
        created_at=stack.clock.now(),
    )
    stack.runner.run(stack.database.begin(lambda transaction: insert_blocked(transaction, blocked)))


def held(stack: AcmeStack) -> dict[str, bytes]:
    """Return the hash of the key that each account keeps from being certified."""
    rows = stack.runner.run(stack.database.read(_HASHES))
    return {holder: bytes(hash_) for holder, hash_ in rows if holder}


def id_of(client: AcmeClient) -> str:
    return (client.kid or "").rpartition("/")[2]


def test_a_blocked_key_opens_no_account(stack: AcmeStack) -> None:
    client = stack.client()
    block(stack, client.key)
    refused = client.register()
    assert (refused.status, refused.problem) == (400, "badPublicKey")
    assert client.register(onlyReturnExisting=True).problem == "accountDoesNotExist"


def test_no_account_takes_a_blocked_key(stack: AcmeStack) -> None:
    client, key = stack.account(), ClientKey.new()
    block(stack, key)
    refused = client.change_key(key)
    assert (refused.status, refused.problem) == (400, "badPublicKey")
    assert client.post(client.kid or "").status == 200


def test_who_has_an_account_already_keeps_it(stack: AcmeStack) -> None:
    client = stack.account()
    block(stack, client.key)
    assert client.register().status == 200


def test_the_key_of_an_account_is_kept_from_being_certified(stack: AcmeStack) -> None:
    client = stack.account()
    assert held(stack) == {id_of(client): hash_of(client.key)}


def test_after_a_key_change_it_is_the_new_key(stack: AcmeStack) -> None:
    client = stack.account()
    assert client.change_key(ClientKey.new(ec.SECP384R1())).status == 200
    assert held(stack) == {id_of(client): hash_of(client.key)}


def test_each_change_is_a_line_of_the_trail_below_its_operation(stack: AcmeStack) -> None:
    stack.account()
    [opened] = [entry for entry in stack.trail.entries if entry.action == "acme:create-account"]
    [reserved] = [entry for entry in stack.trail.entries if entry.action == "x509:reserve-account-key"]
    assert reserved.parent == opened.id
