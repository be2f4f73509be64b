"""`keywright serve` on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import keywright
from tests.support.postgresql import PostgresqlCluster
from tests.support.server import Server, running_server


@pytest.fixture(scope="module")
def database_url(postgresql_cluster: PostgresqlCluster) -> str:
    return postgresql_cluster.create_database("serve_test")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("serve-postgresql"), database_url) as running:
        yield running


def test_given_postgresql_then_it_serves_and_makes_no_database_file(server: Server) -> None:
    assert server.get("/readyz", token=None).status == 200
    assert server.get("/v1/status").json()["database"] == "postgresql"
    assert not (server.data / "keywright.db").exists()


def test_given_a_server_without_fsync_then_the_broken_promise_is_named(server: Server) -> None:
    notices = server.get("/v1/status").json()["notices"]

    assert any(notice["kind"] == "promise" and "fsync" in notice["text"] for notice in notices)
    assert "fsync = off" in server.log


def test_given_two_workers_then_both_answer_with_the_same_authorities(
    tmp_path: Path, postgresql_cluster: PostgresqlCluster
) -> None:
    url = postgresql_cluster.create_database("serve_workers")
    with running_server(tmp_path, url, args=["--workers", "2"]) as running:
        answers = {running.get("/v1/auth/self").status for _ in range(8)}
        roots = {running.plain("/pki/roots.pem").body for _ in range(8)}

    assert answers == {200}
    assert roots == {(tmp_path / "data" / "root-ca.pem").read_bytes()}


def test_given_another_data_directory_without_the_root_key_then_the_start_is_refused(
    server: Server, database_url: str, tmp_path: Path
) -> None:
    refused = keywright("init", "--data", str(tmp_path / "other"), "--database", database_url)

    assert server.process.poll() is None
    assert refused.returncode == 1
    assert "root_key" in refused.stderr
    assert not (tmp_path / "other" / "root-key").exists()


def test_given_the_password_in_the_url_then_no_log_line_shows_it(server: Server, database_url: str) -> None:
    assert database_url not in server.log
