"""OpenSSL and the KMS read one another: signatures both ways, HMACs, and data keys in its hands."""

import asyncio
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.errors import SignatureRefusedError
from ca_service.custody.raw_signatures import SignatureAlgorithm, load_public_key, verify_signature
from ca_service.custody.symmetric_keys import TagKey
from ca_service.database.port import Database
from tests.support.fakes.kernel import FakeClock
from tests.support.kms_ground import KmsGround, b64
from tests.support.openssl import openssl

MESSAGE = b"a message that both of them read"
_PSS = ("-sigopt", "rsa_padding_mode:pss")
#: How OpenSSL makes a key of each kind.
_MADE: dict[str, tuple[str, ...]] = {
    "rsa-2048": ("RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "ec-p256": ("EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "ec-p384": ("EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
    "ed25519": ("ED25519",),
}
_KINDS = {
    "rsa-2048": KeyAlgorithm.RSA_2048,
    "ec-p256": KeyAlgorithm.EC_P256,
    "ec-p384": KeyAlgorithm.EC_P384,
    "ed25519": KeyAlgorithm.ED25519,
}


class Bench:
    """The KMS, and files that OpenSSL reads."""

    def __init__(self, runner: asyncio.Runner, ground: KmsGround, folder: Path) -> None:
        self._runner = runner
        self._ground = ground
        self._folder = folder
        self.message = self.file("message", MESSAGE)

    def file(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path

    def ask(self, method: str, path: str, value: Any = None) -> Any:
        answered = self._runner.run(self._ground.call(method, path, value))
        assert answered.status in {200, 201}, answered.body
        return answered.json()


@pytest.fixture
def bench(runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock, tmp_path: Path) -> Bench:
    return Bench(runner, KmsGround(sqlite_database, clock), tmp_path)


def _options(scheme: SignatureAlgorithm, *, salt: str = "") -> tuple[str, ...]:
    digest = f"-{scheme.value[-7:].replace('_', '').lower()}"
    if not scheme.value.startswith("RSASSA_PSS"):
        return (digest,)
    return (digest, *_PSS, *(("-sigopt", f"rsa_pss_saltlen:{salt}") if salt else ()))


def _verify(public: Path, scheme: SignatureAlgorithm, signature: Path, message: Path) -> str:
    if scheme is SignatureAlgorithm.ED25519:
        files = ("-inkey", public, "-sigfile", signature, "-in", message)
        return openssl("pkeyutl", "-verify", "-rawin", "-pubin", *files)
    options = _options(scheme, salt="digest")
    return openssl("dgst", *options, "-verify", public, "-signature", signature, message)


def test_openssl_verifies_what_the_kms_signs(bench: Bench) -> None:
    said = {}
    for algorithm in (*_KINDS, "rsa-3072"):
        made = bench.ask("POST", "keys", {"name": algorithm, "algorithm": algorithm})
        pem = bench.ask("GET", f"keys/{algorithm}/public-key")["public_key"]
        public = bench.file("public.pem", pem.encode())
        for name in made["signature_algorithms"]:
            asked = {"message": b64(MESSAGE), "signature_algorithm": name}
            signed = bench.ask("POST", f"keys/{algorithm}/sign", asked)["signature"]
            signature = bench.file("signature", b64decode(signed))
            said[algorithm, name] = _verify(public, SignatureAlgorithm(name), signature, bench.message)
    assert len(said) == 6 + 3 + 3 + 1 + 6
    assert {text.strip() for text in said.values()} == {"Verified OK", "Signature Verified Successfully"}


def test_the_kms_verifies_what_openssl_signs(bench: Bench) -> None:
    signature = bench.file("signature", b"")
    for algorithm, kind in _KINDS.items():
        private = bench.file("private.pem", openssl("genpkey", "-algorithm", *_MADE[algorithm]).encode())
        pem = openssl("pkey", "-in", private, "-pubout")
        der = bench.file("public.der", b"")
        openssl("pkey", "-in", private, "-pubout", "-outform", "DER", "-out", der)
        public = load_public_key(der.read_bytes(), kind)
        assert public == load_pem_public_key(pem.encode())
        for scheme in SignatureAlgorithm:
            if not scheme.value.startswith({"rsa": "RSA", "ec-": "ECD", "ed2": "ED2"}[algorithm[:3]]):
                continue
            if scheme is SignatureAlgorithm.ED25519:
                files = ("-inkey", private, "-in", bench.message, "-out", signature)
                openssl("pkeyutl", "-sign", "-rawin", *files)
            else:
                # OpenSSL's own choice of a salt: as long as fits.
                openssl("dgst", *_options(scheme), "-sign", private, "-out", signature, bench.message)
            verify_signature(public, scheme, MESSAGE, signature.read_bytes(), is_digest=False)
            with pytest.raises(SignatureRefusedError):
                verify_signature(public, scheme, b"another", signature.read_bytes(), is_digest=False)


def test_openssl_makes_the_same_hmac(bench: Bench) -> None:
    key = bytes(range(32))
    options = ("-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-sha256", "-r")
    assert openssl("dgst", *options, bench.message).split()[0] == TagKey(key).tag(MESSAGE).hex()


def test_openssl_encrypts_a_file_with_a_data_key_that_the_kms_opens_again(bench: Bench) -> None:
    bench.ask("POST", "keys", {"name": "files", "algorithm": "aes-256-gcm"})
    made = bench.ask("POST", "keys/files/data-key", {"bits": 256, "aad": b64(b"message")})
    cipher = ("enc", "-aes-256-ctr", "-iv", "00" * 16)
    encrypted, opened = bench.file("encrypted", b""), bench.file("opened", b"")
    key = b64decode(made["plaintext"]).hex()
    openssl(*cipher, "-K", key, "-in", bench.message, "-out", encrypted)
    wrapped = {"ciphertext": made["ciphertext"], "aad": b64(b"message")}
    again = b64decode(bench.ask("POST", "keys/files/decrypt", wrapped)["plaintext"]).hex()
    openssl(*cipher, "-d", "-K", again, "-in", encrypted, "-out", opened)
    assert (encrypted.read_bytes() != MESSAGE, opened.read_bytes()) == (True, MESSAGE)
