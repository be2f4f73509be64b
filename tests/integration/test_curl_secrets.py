"""curl alone does every row of the API's table of secrets, keys and leases, on both databases."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import ROOT
from tests.support.server import Server, running_server
from tests.support.target_postgresql import TargetServer

SCRIPT = ROOT / "tests" / "support" / "curl_secrets.sh"
ROWS = ["PUT a secret", "GET a secret", "GET a folder", "DELETE a secret", "KMS", "leases"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, database_url: str | None) -> Iterator[Server]:
    """A server that may make accounts on this machine."""
    folder = tmp_path_factory.mktemp("curl-secrets")
    with running_server(
        folder, database_url, {"KEYWRIGHT__TARGET__ALLOWED_NETWORKS": '["127.0.0.0/8"]'}
    ) as made:
        yield made


def test_given_curl_and_nothing_else_then_every_row_holds_and_no_account_stays(
    server: Server, target_server: TargetServer, tmp_path: Path
) -> None:
    done = subprocess.run(
        ["/bin/sh", SCRIPT],
        env={
            "PATH": os.environ["PATH"],
            "TMPDIR": str(tmp_path),
            "API": f"{server.url}/v1/projects/default",
            "CA": str(server.ca_file),
            "TOKEN": server.admin_token,
            "TARGET": json.dumps(target_server.config(), separators=(",", ":")),
        },
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    told = [line.removeprefix("ok: ") for line in done.stdout.splitlines()]
    assert [line.partition(":")[0] for line in told] == ROWS
    assert target_server.accounts("kw") == set()
