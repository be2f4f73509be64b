"""The rows of secrets and keys: one secret read and written, a folder of them, encrypting, decrypting."""

import base64
import json
from collections.abc import Iterator

from tests.load.samples import Sample
from tests.support.server import Server

_BASE = "/v1/projects/default"
_SECRETS = f"{_BASE}/environments/dev/secrets"
#: How many secrets the writes go to in turn: a real load does not write one secret all the time.
_WRITTEN = 1_000
_IN_FOLDER = 100

_READ, _WRITE, _FOLDER = "read one secret", "write one secret", f"list a folder of {_IN_FOLDER} secrets"
_ENCRYPT, _DECRYPT = "KMS encrypt (AES-256-GCM)", "KMS decrypt (AES-256-GCM)"
NAMES = (_READ, _WRITE, _FOLDER, _ENCRYPT, _DECRYPT)


def make_secret_samples(server: Server) -> Iterator[Sample]:
    """Yield each request, once what it needs exists there."""
    folder = [
        {"action": "set", "environment": "dev", "path": "/bench", "name": f"KEY_{n}", "value": f"value {n}"}
        for n in range(_IN_FOLDER)
    ]
    server.post(f"{_BASE}/commits", {"message": "a folder to read", "changes": folder}).json()
    yield Sample(_READ, "GET", f"{_SECRETS}/KEY_7?path=/bench", None)
    yield Sample(_FOLDER, "GET", f"{_SECRETS}?path=/bench", None)
    body = json.dumps({"value": "a value that is as long as passwords are"})
    yield Sample(_WRITE, "PUT", f"{_SECRETS}/WRITTEN_{{n}}?path=/written", body, spread=_WRITTEN)
    keys = f"{_BASE}/kms/keys"
    server.post(keys, {"name": "bench", "algorithm": "aes-256-gcm"})
    plaintext = {"plaintext": base64.b64encode(bytes(64)).decode()}
    yield Sample(_ENCRYPT, "POST", f"{keys}/bench/encrypt", json.dumps(plaintext))
    sealed = server.post(f"{keys}/bench/encrypt", plaintext).json()["ciphertext"]
    yield Sample(_DECRYPT, "POST", f"{keys}/bench/decrypt", json.dumps({"ciphertext": sealed}))
