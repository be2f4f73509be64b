"""What keys do, over HTTP: each use, alone and in batches, and how the trail tells of it."""

import asyncio
from base64 import b64decode
from hashlib import sha384
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ca_service.database.port import Database
from ca_service.kernel.errors import ForbiddenError, NotFoundError
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.sets import BuiltInPolicy
from secrets_core.kms.keys import KmsAlgorithm, KmsKeyChanges
from secrets_core.kms.operations import (
    CiphertextItem,
    CreateKmsKey,
    DecryptWithKmsKey,
    EncryptWithKmsKey,
    ListKmsKeys,
    PlaintextItem,
    ReadKmsKey,
    UpdateKmsKey,
)
from tests.support.fakes.kernel import FakeClock
from tests.support.kms_ground import KmsGround, b64
from tests.support.x509_ground import MEMBER, STRANGER, VIEWER, identity

BOB = identity("idn_bob")
_BOBS = BuiltInPolicy(
    "test:bob",
    'permit(principal == Identity::"idn_bob", action in [Action::"kms:describe", Action::"kms:encrypt", '
    'Action::"kms:manage"], resource is KmsKey) when { resource.name like "app*" };',
)
_BOBS_LIST = BuiltInPolicy(
    "test:bobs-list",
    'permit(principal == Identity::"idn_bob", action in [Action::"kms:describe", '
    'Action::"governance:read-project"], resource is Project);',
)


class Door:
    """The routes of the KMS, called on the loop of the test."""

    def __init__(self, runner: asyncio.Runner, ground: KmsGround) -> None:
        self._runner = runner
        self.ground = ground

    def run(self, work: Any) -> Any:
        return self._runner.run(work)

    def post(self, path: str, status: int = 200, **value: Any) -> Any:
        return self.call("POST", path, value, status)

    def call(self, method: str, path: str, value: Any = None, status: int = 200) -> Any:
        answered = self._runner.run(self.ground.call(method, path, value))
        assert answered.status == status, answered.body
        assert answered.headers["cache-control"] == "no-store"
        return answered.json()


@pytest.fixture
def door(runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock) -> Door:
    return Door(runner, KmsGround(sqlite_database, clock, (_BOBS, _BOBS_LIST)))


def test_a_key_is_made_described_and_shown_as_the_contract_says(door: Door) -> None:
    made = door.post("keys", 201, name="app", algorithm="aes-256-gcm", description="of the shop")
    assert {name: made[name] for name in ("name", "algorithm", "status", "current_version")} == {
        "name": "app",
        "algorithm": "aes-256-gcm",
        "status": "enabled",
        "current_version": 1,
    }
    assert door.call("GET", f"keys/{made['id']}") == door.call("GET", "keys/app") == made
    changed = door.call("PATCH", "keys/app", {"description": "of the till"})
    assert (changed["description"], changed["minimum_version"]) == ("of the till", 1)
    ending = door.call("DELETE", "keys/app", {"wait": "7d"}, 202)
    assert (ending["status"], ending["deletes_at"][:10]) == ("scheduled", "2026-01-09")
    assert "deletes_at" not in door.post("keys/app/restore")
    assert [key["name"] for key in door.call("GET", "keys")["items"]] == ["app"]
    assert door.post("keys/app/rotate")["current_version"] == 2
    versions = door.call("GET", "keys/app/versions?limit=1")
    assert [(each["version"], each["state"]) for each in versions["items"]] == [(2, "current")]


def test_what_is_encrypted_comes_back_with_its_aad_and_moves_to_the_newest_version(door: Door) -> None:
    door.post("keys", 201, name="app", algorithm="aes-256-gcm")
    sent: dict[str, Any] = {"plaintext": b64(b"\x00secret\xff"), "aad": b64(b"row 7")}
    largest: dict[str, Any] = {"plaintext": b64(b"x" * 65536), "aad": b64(b"x" * 8192)}
    made = door.post("keys/app/encrypt", **largest)["ciphertext"]
    opened = door.post("keys/app/decrypt", ciphertext=made, aad=largest["aad"])
    assert opened["plaintext"] == largest["plaintext"]
    first = door.post("keys/app/encrypt", **sent)
    again = door.post("keys/app/encrypt", **sent)
    assert first["ciphertext"] != again["ciphertext"]
    door.post("keys/app/rotate")
    moved = door.post("keys/app/rewrap", ciphertext=first["ciphertext"], aad=sent["aad"])
    assert (first["version"], moved["version"], moved["ciphertext"][:6]) == (1, 2, "kw1:2:")
    for ciphertext in (first["ciphertext"], moved["ciphertext"]):
        opened = door.post("keys/app/decrypt", ciphertext=ciphertext, aad=sent["aad"])
        assert opened["plaintext"] == sent["plaintext"]


def test_data_keys_come_in_the_clear_and_wrapped_or_wrapped_alone(door: Door) -> None:
    door.post("keys", 201, name="app", algorithm="aes-256-gcm")
    for bits in (128, 256, 512):
        made = door.post("keys/app/data-key", bits=bits, aad=b64(b"disk"))
        assert len(b64decode(made["plaintext"])) == bits // 8
        opened = door.post("keys/app/decrypt", ciphertext=made["ciphertext"], aad=b64(b"disk"))
        assert opened["plaintext"] == made["plaintext"]
    wrapped = door.post("keys/app/data-key", wrapped_only=True)
    assert "plaintext" not in wrapped
    opened = door.post("keys/app/decrypt", ciphertext=wrapped["ciphertext"])
    assert len(b64decode(opened["plaintext"])) == 32


def test_every_pair_signs_messages_and_digests_by_every_scheme_it_names(door: Door) -> None:
    kinds = {"rsa-2048": rsa.RSAPublicKey, "ec-p256": ec.EllipticCurvePublicKey}
    kinds |= {"ec-p384": ec.EllipticCurvePublicKey, "ed25519": ed25519.Ed25519PublicKey}
    message, failures = b64(b"a message"), []
    for algorithm, kind in kinds.items():
        made = door.post("keys", 201, name=algorithm, algorithm=algorithm)
        public = door.call("GET", f"keys/{algorithm}/public-key")
        assert isinstance(load_pem_public_key(public["public_key"].encode()), kind)
        for scheme in made["signature_algorithms"]:
            signed = door.post(f"keys/{algorithm}/sign", message=message, signature_algorithm=scheme)
            said: dict[str, Any] = {"signature": signed["signature"], "signature_algorithm": scheme}
            good = door.post(f"keys/{algorithm}/verify", message=message, **said)
            bad = door.post(f"keys/{algorithm}/verify", message=b64(b"another"), **said)
            if (signed["signature_algorithm"], good["valid"], bad["valid"]) != (scheme, True, False):
                failures.append((algorithm, scheme))
    digest = b64(sha384(b"a message").digest())
    signed = door.post("keys/ec-p384/sign", digest=digest)
    assert signed["signature_algorithm"] == "ECDSA_SHA_384"
    assert door.post("keys/ec-p384/verify", message=message, signature=signed["signature"])["valid"]
    assert failures == []


def test_signatures_and_tags_are_verified_by_the_version_that_made_them(door: Door) -> None:
    door.post("keys", 201, name="sign", algorithm="ed25519")
    door.post("keys", 201, name="tag", algorithm="hmac-sha256")
    message = b64(b"a message")
    signature = door.post("keys/sign/sign", message=message)["signature"]
    tag = door.post("keys/tag/hmac", message=message)["hmac"]
    assert len(b64decode(tag)) == 32
    for key in ("sign", "tag"):
        door.post(f"keys/{key}/rotate")
    verdicts = [
        door.post("keys/sign/verify", message=message, signature=signature, **version)["valid"]
        for version in ({}, {"version": 1}, {"version": 2})
    ]
    assert verdicts == [False, True, False]
    assert door.post("keys/tag/verify-hmac", message=message, hmac=tag, version=1)["valid"]
    assert not door.post("keys/tag/verify-hmac", message=message, hmac=tag)["valid"]
    old, new = (door.call("GET", f"keys/sign/public-key?version={number}")["public_key"] for number in (1, 2))
    assert old != new


def test_items_of_a_batch_fail_one_by_one_under_one_entry_of_the_trail(door: Door) -> None:
    door.post("keys", 201, name="app", algorithm="aes-256-gcm")
    door.post("keys", 201, name="sign", algorithm="ec-p256")
    made = door.post(
        "keys/app/encrypt", items=[{"plaintext": b64(b"one")}, {"plaintext": "?"}, {"plaintext": b64(b"")}]
    )["items"]
    error = made[1]["error"]
    assert (error["status"], error["field"], error["rule"]) == (400, "items[1].plaintext", "base64")
    texts = [{"ciphertext": made[0]["ciphertext"]}, {"ciphertext": made[2]["ciphertext"], "aad": b64(b"x")}]
    opened = door.post("keys/app/decrypt", items=texts)["items"]
    assert (opened[0]["plaintext"], opened[1]["error"]["rule"]) == (b64(b"one"), "ciphertext")
    assert "error" in door.post("keys/app/rewrap", items=texts)["items"][1]
    keys = door.post("keys/app/data-key", items=[{"bits": 7}, {}])["items"]
    assert ("error" in keys[0], "plaintext" in keys[1]) == (True, True)
    signed = door.post("keys/sign/sign", items=[{"message": ""}] * 20 + [{}])["items"]
    assert ["error" in each for each in signed] == [False] * 20 + [True]
    verdicts = [{"message": "", "signature": each["signature"]} for each in signed[:20]]
    assert all(each["valid"] for each in door.post("keys/sign/verify", items=verdicts)["items"])
    assert "error" in door.post("random", items=[{"bytes": 8}, {"bytes": 0}])["items"][1]

    trail = [each.entry for each in door.run(door.ground.trail())]
    [first] = [entry for entry in trail if entry.action == "kms:encrypt"]
    assert first.details == {"key": "app", "items": 3, "versions": [1], "failed": 1}
    assert b64(b"one") not in repr(trail)


def test_random_bytes_are_as_many_as_asked_for_and_never_the_same(door: Door) -> None:
    drawn = [b64decode(door.post("random", bytes=1024)["random"]) for _ in range(2)]
    assert [len(each) for each in drawn] == [1024, 1024]
    assert drawn[0] != drawn[1]


async def test_a_role_uses_a_policy_narrows_and_a_stranger_sees_nothing(
    sqlite_database: Database, clock: FakeClock
) -> None:
    ground = KmsGround(sqlite_database, clock, (_BOBS, _BOBS_LIST))
    for name in ("app-1", "other"):
        await ground.make(name)
    ciphertext = await ground.encrypt(b"", "app-1")

    def decrypt(key: str, text: str = ciphertext) -> DecryptWithKmsKey:
        return DecryptWithKmsKey(project="default", key=key, items=(CiphertextItem(ciphertext=text),))

    def encrypt(key: str) -> EncryptWithKmsKey:
        item = PlaintextItem(plaintext=SecretValue(""))
        return EncryptWithKmsKey(project="default", key=key, items=(item,))

    def renamed(key: str, name: str) -> UpdateKmsKey:
        return UpdateKmsKey(project="default", key=key, changes=KmsKeyChanges(name=name))

    await ground.perform(decrypt("app-1"), MEMBER)
    await ground.perform(encrypt("app-1"), BOB)
    shown = await ground.perform(ListKmsKeys(project="default"), BOB)
    assert [key.name for key in shown.items] == ["app-1"]
    for operation, caller, refusal in (
        (decrypt("app-1"), VIEWER, ForbiddenError),
        # What is wrong with a request is for those to know who may ask it.
        (decrypt("app-1", "nonsense"), BOB, ForbiddenError),
        (decrypt("other", "nonsense"), BOB, NotFoundError),
        (ReadKmsKey(project="default", key="other"), BOB, NotFoundError),
        (encrypt("app-1"), STRANGER, NotFoundError),
        (CreateKmsKey(project="default", name="x", algorithm=KmsAlgorithm.ED25519), MEMBER, ForbiddenError),
        # Who manages the keys called app-… takes no other key's name with one of them, and hides none.
        (renamed("app-1", "other-2"), BOB, NotFoundError),
        (renamed("other", "app-2"), BOB, NotFoundError),
    ):
        with pytest.raises(refusal):
            await ground.perform(operation, caller)
