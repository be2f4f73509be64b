"""What an idle server costs."""

from pathlib import Path

import pytest

from tests.support.command_line import keywright
from tests.support.server import running_server

#: Never needed to serve on the embedded database; imports are most of the idle memory.
UNWANTED = (
    "asyncssh",
    "typer",
    "rich",
    "pkcs11",
    "pydantic",
    "josepy",
    "alembic",
    "psycopg",
    "aiohttp",
    "jinja2",
    "httpx",
    "prometheus_client",
    "sqlalchemy.dialects.postgresql",
)
_LARGEST_RSS_MIB = 100


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


@pytest.mark.parametrize("name", UNWANTED)
def test_an_idle_server_has_not_loaded(name: str, loaded: frozenset[str]) -> None:
    assert name not in loaded


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The modules of a process that serves, as Python itself tells each import."""
    path = tmp_path_factory.mktemp("idle")
    with running_server(path, env={"PYTHONVERBOSE": "1"}, starts_first=True) as server:
        server.get("/healthz", token=None)
        server.get("/v1/auth/self")
        log = server.log
    names = {line.split()[1].strip("'") for line in log.splitlines() if line.startswith("import ")}
    assert "ca_service.serve.worker" in names
    return frozenset(names)


def test_an_idle_server_takes_at_most_100_mib(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        for _ in range(20):
            server.get("/v1/auth/self")
        assert resident_mib(server.pid) <= _LARGEST_RSS_MIB


def test_other_commands_still_work_with_their_libraries() -> None:
    assert keywright("--help").returncode == 0
