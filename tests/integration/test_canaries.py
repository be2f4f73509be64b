"""A secret's plaintext is in no file, row, log, entry of the trail or problem (contract, section 5)."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.canaries import files_below, find_canaries, forms_of, rows_of
from tests.support.server import Server, running_server
from tests.support.target_postgresql import ROOT_PASSWORD, TargetServer

_BASE = "/v1/projects/default"
_SECRETS = f"{_BASE}/environments/dev/secrets"
_VALUE, _OLD, _COMMENT, _METADATA = "cnry-Value/7f3+1", "cnry-Old/81a+2", "cnry-Note/c02+3", "cnry-Meta/d9e+4"
_IMPORTED, _BATCH, _PLAINTEXT, _AAD = (
    "cnry-File/0b1+5",
    "cnry-Batch/55c+6",
    "cnry-Text/9aa+7",
    "cnry-Aad/31f+8",
)
_REFUSED = "cnry-Refused/e4d+9"
_CANARIES = [
    *(_VALUE, _OLD, _REFUSED, _COMMENT, _METADATA, _IMPORTED, _BATCH, _PLAINTEXT, _AAD),
    ROOT_PASSWORD,
]


class Planted:
    """A server that was told every canary, and everything it answered to those who did something wrong."""

    def __init__(self, server: Server, database_url: str | None) -> None:
        self.server = server
        self.database_url = database_url
        self.problems: list[bytes] = []
        self.canaries = list(_CANARIES)

    def right(self, method: str, path: str, body: Any = None) -> Any:
        answered = self.server.request(method, path, body)
        assert answered.status < 300, answered.body
        return answered.json() if answered.body else None

    def wrong(self, method: str, path: str, body: Any, status: int) -> None:
        answered = self.server.request(method, path, body)
        assert answered.status == status, answered.body
        self.problems.append(answered.body)


@pytest.fixture(scope="module")
def planted(
    tmp_path_factory: pytest.TempPathFactory, database_url: str | None, target_server: TargetServer
) -> Iterator[Planted]:
    env = {"KEYWRIGHT__LOG__LEVEL": "debug", "KEYWRIGHT__TARGET__ALLOWED_NETWORKS": '["127.0.0.0/8"]'}
    with running_server(tmp_path_factory.mktemp("canaries"), database_url, env) as server:
        planted = Planted(server, database_url)
        _write_secrets(planted)
        _use_keys(planted)
        _lease(planted, target_server)
        _be_refused(planted)
        yield planted


def _write_secrets(to: Planted) -> None:
    to.right("PUT", f"{_SECRETS}/TOKEN?path=/app", {"value": _OLD})
    further = {"comment": _COMMENT, "metadata": {"hint": _METADATA}}
    to.right("PUT", f"{_SECRETS}/TOKEN?path=/app", {"value": _VALUE, **further})
    change = {"action": "set", "environment": "dev", "path": "/app", "name": "BATCH", "value": _BATCH}
    to.right("POST", f"{_BASE}/commits", {"message": "several", "changes": [change]})
    file = {"format": "env", "content": f"IMPORTED={_IMPORTED}\n"}
    to.right("POST", f"{_BASE}/environments/dev/secret-files?path=/app", file)
    to.right("PUT", f"{_SECRETS}/POINTER?path=/app", {"value": "see ${TOKEN}"})
    listed = to.right("GET", f"{_SECRETS}?path=/app")
    values = {item["name"]: item["value"] for item in listed["items"]}
    assert values == {"TOKEN": _VALUE, "BATCH": _BATCH, "IMPORTED": _IMPORTED, "POINTER": f"see {_VALUE}"}
    assert to.right("GET", f"{_SECRETS}/TOKEN?path=/app&version=1")["value"] == _OLD


def _use_keys(to: Planted) -> None:
    keys = f"{_BASE}/kms/keys"
    to.right("POST", keys, {"name": "canary", "algorithm": "aes-256-gcm"})
    sealed = to.right("POST", f"{keys}/canary/encrypt", {"plaintext": _b64(_PLAINTEXT), "aad": _b64(_AAD)})
    asked = {"ciphertext": sealed["ciphertext"], "aad": _b64(_AAD)}
    opened = to.right("POST", f"{keys}/canary/decrypt", asked)
    assert base64.b64decode(opened["plaintext"]).decode() == _PLAINTEXT
    to.wrong("POST", f"{keys}/canary/decrypt", {**asked, "aad": _b64(_REFUSED)}, 422)
    to.wrong("POST", f"{keys}/canary/encrypt", {"plaintext": _REFUSED}, 400)


def _lease(to: Planted, target: TargetServer) -> None:
    place = f"{_BASE}/environments/dev/dynamic-secrets"
    body = {"name": "canary", "path": "/", "provider": "postgresql", "config": target.config()}
    to.right("POST", place, body)
    lease = to.right("POST", f"{place}/canary/leases", {})
    to.canaries.append(lease["data"]["password"])
    with target.session(user=lease["data"]["username"], password=lease["data"]["password"]):
        pass
    assert to.right("POST", f"{_BASE}/leases/{lease['lease_id']}/revoke", {})["status"] == "revoked"
    wrong = {**body, "name": "wrong", "config": target.config(username=_REFUSED.replace("/", ""))}
    answered = to.server.post(place, wrong)
    assert answered.status in {422, 503}, answered.body
    to.problems.append(answered.body)


def _be_refused(to: Planted) -> None:
    to.wrong("PUT", f"{_SECRETS}/1BAD?path=/app", {"value": _REFUSED}, 400)
    to.wrong("PUT", f"{_SECRETS}/TOKEN?path=/app", {"value": [_REFUSED]}, 400)
    to.wrong("PUT", f"{_SECRETS}/TOKEN?path=/app", {"value": _REFUSED * 70_000}, 413)
    to.wrong("PUT", f"{_BASE}/environments/none/secrets/TOKEN", {"value": _REFUSED}, 404)
    to.wrong("POST", f"{_BASE}/environments/dev/secret-files", {"format": "json", "content": _REFUSED}, 400)
    to.right("PUT", f"{_SECRETS}/LOST?path=/app", {"value": f"{_VALUE} ${{NOWHERE}} {_VALUE}"})
    answered = to.server.get(f"{_SECRETS}/LOST?path=/app")
    assert answered.status == 422, answered.body
    to.problems.append(answered.body)


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_canary_is_found_however_it_is_written_down() -> None:
    for form, needle in forms_of(_VALUE).items():
        assert find_canaries(b"before" + needle + b"behind", [_VALUE]), form
    for before in ("", "a", "ab", "abc"):
        encoded = base64.b64encode(f"{before}{_VALUE}, and more".encode())
        assert find_canaries(encoded, [_VALUE]), f"behind {len(before)} bytes"


def test_no_file_of_the_database_holds_a_canary(planted: Planted) -> None:
    found = [
        (name, hits)
        for name, content in files_below(planted.server.data)
        if (hits := find_canaries(content, planted.canaries))
    ]
    assert found == []


def test_no_row_holds_a_canary(planted: Planted) -> None:
    if planted.database_url is None:
        # Its rows are the files: the checkpoint puts all of them into one.
        import sqlite3

        with sqlite3.connect(planted.server.data / "keywright.db") as connection:
            rows = "\n".join(connection.iterdump()).encode()
        tables = iter([("all", rows)])
    else:
        tables = rows_of(planted.database_url)
    assert [(table, hits) for table, rows in tables if (hits := find_canaries(rows, planted.canaries))] == []


def test_no_line_of_the_log_holds_a_canary(planted: Planted) -> None:
    assert find_canaries(planted.server.log.encode(), planted.canaries) == []


def test_no_entry_of_the_trail_holds_a_canary(planted: Planted) -> None:
    cursor, entries = "", []
    while True:
        answered = planted.server.get(f"/v1/audit?limit=1000{cursor}")
        assert find_canaries(answered.body, planted.canaries) == []
        entries += answered.json()["items"]
        if answered.json()["next_cursor"] is None:
            break
        cursor = f"&cursor={answered.json()['next_cursor']}"
    assert {"secrets:write", "secrets:read", "kms:encrypt", "kms:decrypt"} <= {e["action"] for e in entries}


def test_no_problem_repeats_a_canary(planted: Planted) -> None:
    assert len(planted.problems) >= 9
    hits = [find_canaries(problem, planted.canaries) for problem in planted.problems]
    assert not any(hits), hits
