"""Bad requests: each is refused with a status below 500, the field and the rule; nothing else happens."""

import asyncio
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any

import pytest

from ca_service.database.port import Database
from tests.support.fakes.kernel import FakeClock
from tests.support.kms_ground import KmsGround, b64

_KIB_65 = b64(b"x" * (64 * 1024 + 1))
_AAD = b64(b"x" * (8 * 1024 + 1))
_MESSAGE = b64(b"a message")
_DIGEST = b64(sha256(b"a message").digest())

#: Path below the KMS, body, status, field, rule. `{c}` is a ciphertext of `app` with the `aad` `YWFk`.
USES: tuple[tuple[str, Any, int, str | None, str | None], ...] = (
    ("keys/app/encrypt", {}, 400, "plaintext", "required"),
    ("keys/app/encrypt", {"plaintext": 1}, 400, "plaintext", "type"),
    ("keys/app/encrypt", {"plaintext": "a"}, 400, "plaintext", "base64"),
    ("keys/app/encrypt", {"plaintext": "YQ"}, 400, "plaintext", "base64"),
    ("keys/app/encrypt", {"plaintext": "YQ==YQ=="}, 400, "plaintext", "base64"),
    ("keys/app/encrypt", {"plaintext": "YQ==\n"}, 400, "plaintext", "base64"),
    ("keys/app/encrypt", {"plaintext": "_-8="}, 400, "plaintext", "base64"),
    ("keys/app/encrypt", {"plaintext": "é==="}, 400, "plaintext", "base64"),
    ("keys/app/encrypt", {"plaintext": _KIB_65}, 413, "plaintext", "size"),
    ("keys/app/encrypt", {"plaintext": "", "aad": "a"}, 400, "aad", "base64"),
    ("keys/app/encrypt", {"plaintext": "", "aad": _AAD}, 413, "aad", "size"),
    ("keys/app/encrypt", {"plaintext": "", "key": ""}, 400, "key", "unknown_field"),
    ("keys/app/encrypt", {"plaintext": "", "items": []}, 400, "plaintext", "items-or-one"),
    ("keys/app/encrypt", {"items": []}, 400, "items", "items"),
    ("keys/app/encrypt", {"items": [{"plaintext": ""}] * 501}, 400, "items", "items"),
    ("keys/app/encrypt", {"items": [{}]}, 400, "items[0].plaintext", "required"),
    ("keys/app/encrypt", {"items": {}}, 400, "items", "type"),
    ("keys/app/encrypt", [], 400, None, "type"),
    ("keys/none/encrypt", {"plaintext": ""}, 404, None, None),
    ("keys/pair/encrypt", {"plaintext": ""}, 422, "name", "key-algorithm"),
    ("keys/tag/decrypt", {"ciphertext": "{c}"}, 422, "name", "key-algorithm"),
    ("keys/off/encrypt", {"plaintext": ""}, 409, "name", "key-disabled"),
    ("keys/gone/encrypt", {"plaintext": ""}, 409, "name", "key-scheduled-for-deletion"),
    ("keys/app/decrypt", {"ciphertext": ""}, 400, "ciphertext", "ciphertext-format"),
    ("keys/app/decrypt", {"ciphertext": "vault:v1:YQ=="}, 400, "ciphertext", "ciphertext-format"),
    ("keys/app/decrypt", {"ciphertext": "kw1:1"}, 400, "ciphertext", "ciphertext-format"),
    ("keys/app/decrypt", {"ciphertext": "kw1::YQ=="}, 400, "ciphertext", "ciphertext-format"),
    ("keys/app/decrypt", {"ciphertext": "kw1:0:YQ=="}, 400, "ciphertext", "ciphertext-format"),
    ("keys/app/decrypt", {"ciphertext": "kw1:01:YQ=="}, 400, "ciphertext", "ciphertext-format"),
    ("keys/app/decrypt", {"ciphertext": "kw1:-1:YQ=="}, 400, "ciphertext", "ciphertext-format"),
    ("keys/app/decrypt", {"ciphertext": "kw1:²:YQ=="}, 400, "ciphertext", "ciphertext-format"),
    ("keys/app/decrypt", {"ciphertext": f"kw1:{'9' * 30}:YQ=="}, 400, "ciphertext", "ciphertext-format"),
    ("keys/app/decrypt", {"ciphertext": "kw1:999999999:YQ=="}, 422, "ciphertext", "key-version"),
    ("keys/app/decrypt", {"ciphertext": "kw1:2:YQ=="}, 422, "ciphertext", "key-version"),
    ("keys/app/decrypt", {"ciphertext": "kw1:1:?"}, 400, "ciphertext", "base64"),
    ("keys/app/decrypt", {"ciphertext": "kw1:1:"}, 422, "ciphertext", "ciphertext"),
    ("keys/app/decrypt", {"ciphertext": "kw1:1:YQ=="}, 422, "ciphertext", "ciphertext"),
    ("keys/app/decrypt", {"ciphertext": f"kw1:1:{_KIB_65}AAAA" + "A" * 100}, 413, "ciphertext", "size"),
    ("keys/app/decrypt", {"ciphertext": "{c}"}, 422, "ciphertext", "ciphertext"),
    ("keys/app/decrypt", {"ciphertext": "{c}", "aad": "eA=="}, 422, "ciphertext", "ciphertext"),
    ("keys/other/decrypt", {"ciphertext": "{c}", "aad": "YWFk"}, 422, "ciphertext", "ciphertext"),
    ("keys/app/rewrap", {"ciphertext": "{c}"}, 422, "ciphertext", "ciphertext"),
    ("keys/app/rewrap", {"plaintext": ""}, 400, "plaintext", "unknown_field"),
    ("keys/app/data-key", {"bits": 192}, 422, "bits", "bits"),
    ("keys/app/data-key", {"bits": 10**30}, 422, "bits", "bits"),
    ("keys/app/data-key", {"bits": "256"}, 400, "bits", "type"),
    ("keys/pair/data-key", {}, 422, "name", "key-algorithm"),
    ("keys/pair/sign", {}, 400, "message", "message-or-digest"),
    ("keys/pair/sign", {"message": _MESSAGE, "digest": _DIGEST}, 400, "message", "message-or-digest"),
    ("keys/pair/sign", {"message": "?"}, 400, "message", "base64"),
    ("keys/pair/sign", {"message": _KIB_65}, 413, "message", "size"),
    ("keys/pair/sign", {"digest": "?"}, 400, "digest", "base64"),
    ("keys/pair/sign", {"digest": _MESSAGE}, 422, "digest", "digest-size"),
    (
        "keys/pair/sign",
        {"digest": _DIGEST, "signature_algorithm": "ECDSA_SHA_384"},
        422,
        "digest",
        "digest-size",
    ),
    ("keys/edwards/sign", {"digest": _DIGEST}, 422, "digest", "digest"),
    ("keys/app/sign", {"message": _MESSAGE}, 422, "name", "key-algorithm"),
    (
        "keys/pair/sign",
        {"message": _MESSAGE, "signature_algorithm": "ED25519"},
        422,
        "signature_algorithm",
        "signature-algorithm",
    ),
    (
        "keys/pair/sign",
        {"message": _MESSAGE, "signature_algorithm": "none"},
        422,
        "signature_algorithm",
        "signature-algorithm",
    ),
    ("keys/pair/verify", {"message": _MESSAGE}, 400, "signature", "required"),
    ("keys/pair/verify", {"message": _MESSAGE, "signature": "?"}, 400, "signature", "base64"),
    ("keys/pair/verify", {"message": _MESSAGE, "signature": _KIB_65}, 413, "signature", "size"),
    ("keys/pair/verify", {"message": _MESSAGE, "signature": "", "version": 2}, 422, "version", "key-version"),
    ("keys/pair/verify", {"message": _MESSAGE, "signature": "", "version": 0}, 422, "version", "key-version"),
    (
        "keys/pair/verify",
        {"message": _MESSAGE, "signature": "", "version": 2**70},
        422,
        "version",
        "key-version",
    ),
    ("keys/tag/hmac", {}, 400, "message", "required"),
    ("keys/tag/hmac", {"message": "?"}, 400, "message", "base64"),
    ("keys/app/hmac", {"message": ""}, 422, "name", "key-algorithm"),
    ("keys/tag/verify-hmac", {"message": ""}, 400, "hmac", "required"),
    ("keys/tag/verify-hmac", {"message": "", "hmac": "?"}, 400, "hmac", "base64"),
    ("keys/tag/verify-hmac", {"message": "", "hmac": "", "version": 9}, 422, "version", "key-version"),
    ("random", {}, 400, "bytes", "required"),
    ("random", {"bytes": 0}, 422, "bytes", "random-size"),
    ("random", {"bytes": -1}, 422, "bytes", "random-size"),
    ("random", {"bytes": 1025}, 422, "bytes", "random-size"),
    ("random", {"bytes": 10**20}, 422, "bytes", "random-size"),
)
#: Method, path, body, status, field, rule.
KEYS: tuple[tuple[str, str, Any, int, str | None, str | None], ...] = (
    ("POST", "keys", {"name": "x"}, 400, "algorithm", "required"),
    ("POST", "keys", {"name": "x", "algorithm": "aes-128-gcm"}, 400, "algorithm", "choice"),
    ("POST", "keys", {"name": "X y", "algorithm": "ed25519"}, 400, "name", "slug"),
    ("POST", "keys", {"name": "", "algorithm": "ed25519"}, 400, "name", "slug"),
    ("POST", "keys", {"name": "x" * 64, "algorithm": "ed25519"}, 400, "name", "slug"),
    ("POST", "keys", {"name": "app", "algorithm": "ed25519"}, 409, "name", "name-taken"),
    (
        "POST",
        "keys",
        {"name": "x", "algorithm": "ed25519", "description": "x" * 501},
        422,
        "description",
        "description",
    ),
    (
        "POST",
        "keys",
        {"name": "x", "algorithm": "ed25519", "description": "\x00"},
        422,
        "description",
        "description",
    ),
    ("GET", "keys/none", None, 404, None, None),
    ("GET", "keys?limit=0", None, 400, "limit", "limit"),
    ("GET", "keys?cursor=!", None, 400, "cursor", "cursor"),
    ("GET", "keys/app/versions?cursor=eA", None, 400, "cursor", "cursor"),
    ("PATCH", "keys/app", {"minimum_version": 2}, 422, "minimum_version", "minimum-version"),
    ("PATCH", "keys/app", {"minimum_version": 0}, 422, "minimum_version", "minimum-version"),
    ("PATCH", "keys/app", {"minimum_version": 10**25}, 422, "minimum_version", "minimum-version"),
    ("PATCH", "keys/app", {"new_name": "X"}, 400, "new_name", "slug"),
    ("PATCH", "keys/app", {"new_name": "pair"}, 409, "new_name", "name-taken"),
    ("PATCH", "keys/app", {"is_enabled": "yes"}, 400, "is_enabled", "type"),
    ("PATCH", "keys/app", {"algorithm": "ed25519"}, 400, "algorithm", "unknown_field"),
    ("PATCH", "keys/gone", {"is_enabled": True}, 409, "name", "key-scheduled-for-deletion"),
    ("DELETE", "keys/app", {"wait": "6d"}, 422, "wait", "deletion-wait"),
    ("DELETE", "keys/app", {"wait": "366d"}, 422, "wait", "deletion-wait"),
    ("DELETE", "keys/app", {"wait": "soon"}, 400, "wait", "duration"),
    ("DELETE", "keys/app", {"wait": -1}, 422, "wait", "duration-positive"),
    ("DELETE", "keys/gone", {}, 409, "name", "key-scheduled-for-deletion"),
    ("POST", "keys/app/restore", None, 409, "name", "key-not-scheduled"),
    ("POST", "keys/gone/rotate", None, 409, "name", "key-scheduled-for-deletion"),
    ("GET", "keys/app/public-key", None, 422, "name", "key-algorithm"),
    ("GET", "keys/pair/public-key?version=2", None, 422, "version", "key-version"),
    ("GET", "keys/pair/public-key?version=x", None, 400, "version", "version"),
    ("GET", f"keys/pair/public-key?version={'9' * 40}", None, 400, "version", "version"),
)


class Table:
    """The keys that the rows name, and a ciphertext of `app`."""

    def __init__(self, runner: asyncio.Runner, ground: KmsGround) -> None:
        self._runner = runner
        self._ground = ground
        for name, algorithm in (
            ("app", "aes-256-gcm"),
            ("other", "aes-256-gcm"),
            ("off", "aes-256-gcm"),
            ("gone", "aes-256-gcm"),
            ("tag", "hmac-sha256"),
            ("pair", "ec-p256"),
            ("edwards", "ed25519"),
        ):
            assert self.ask("POST", "keys", {"name": name, "algorithm": algorithm})[0] == 201
        assert self.ask("PATCH", "keys/off", {"is_enabled": False})[0] == 200
        assert self.ask("DELETE", "keys/gone")[0] == 202
        sent = {"plaintext": b64(b"secret"), "aad": "YWFk"}
        self.ciphertext: str = self.ask("POST", "keys/app/encrypt", sent)[1]["ciphertext"]

    def ask(self, method: str, path: str, value: Any = None) -> tuple[int, Any]:
        answered = self._runner.run(self._ground.call(method, path, value))
        return answered.status, answered.json()

    def refusal(self, method: str, path: str, value: Any = None) -> tuple[int, str | None, str | None]:
        if isinstance(value, dict) and value.get("ciphertext") == "{c}":
            value = {**value, "ciphertext": self.ciphertext}
        status, problem = self.ask(method, path, value)
        return status, problem.get("field"), problem.get("rule")


@pytest.fixture
def table(runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock) -> Table:
    return Table(runner, KmsGround(sqlite_database, clock))


def test_every_bad_use_is_refused_with_its_field_and_rule(table: Table) -> None:
    wrong = [
        (path, value, said)
        for path, value, *expected in USES
        if (said := table.refusal("POST", path, value)) != tuple(expected)
    ]
    assert wrong == []


def test_every_bad_request_about_keys_is_refused_with_its_field_and_rule(table: Table) -> None:
    wrong = [
        (method, path, value, said)
        for method, path, value, *expected in KEYS
        if (said := table.refusal(method, path, value)) != tuple(expected)
    ]
    assert wrong == []


def test_a_ciphertext_with_any_bit_changed_does_not_open(table: Table) -> None:
    prefix, version, encoded = table.ciphertext.split(":")
    raw = bytearray(b64decode(encoded))
    opened = []
    for place in range(len(raw)):
        raw[place] ^= 1 << place % 8
        text = f"{prefix}:{version}:{b64encode(raw).decode()}"
        status, _, rule = table.refusal("POST", "keys/app/decrypt", {"ciphertext": text, "aad": "YWFk"})
        raw[place] ^= 1 << place % 8
        if (status, rule) != (422, "ciphertext"):
            opened.append(place)
    assert opened == []
