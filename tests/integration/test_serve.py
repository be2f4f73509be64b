"""`keywright serve` as a process: first start, listeners, manners, signals."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import environment_for, keywright
from tests.support.server import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("serve"), starts_first=True) as running:
        yield running


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_given_a_first_start_then_the_files_of_the_contract_exist(server: Server) -> None:
    modes = {name: mode_of(server.data / name) for name in ("", "root-key", "admin-token", "keywright.db")}

    assert modes == {"": 0o700, "root-key": 0o600, "admin-token": 0o600, "keywright.db": 0o600}
    assert (server.data / "root-ca.pem").read_text().startswith("-----BEGIN CERTIFICATE-----\n")


def test_given_port_0_then_the_ready_line_names_the_real_port(server: Server) -> None:
    assert server.url.startswith("https://127.0.0.1:")
    assert not server.url.endswith(":0")


def test_given_the_ready_line_then_the_roots_fingerprint_follows(server: Server) -> None:
    der = ssl.PEM_cert_to_DER_cert(server.ca_file.read_text())
    server.get("/healthz", token=None)  # is answered behind both lines

    assert hashlib.sha256(der).hexdigest() in server.log


def test_given_no_recovery_code_then_one_line_says_so(server: Server) -> None:
    assert server.log.count("keywright recovery create") == 1


def test_given_the_root_then_the_tls_listener_is_trusted(server: Server) -> None:
    assert server.get("/healthz", token=None).body == b"ok\n"
    assert server.get("/readyz", token=None).status == 200


def test_given_localhost_then_the_certificate_names_it_too(server: Server) -> None:
    port = server.url.rsplit(":", 1)[1]

    assert server.get(f"https://localhost:{port}/healthz", token=None).status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1])
def test_given_an_old_tls_then_there_is_no_connection(server: Server, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = version
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = version
    host, port = server.url.removeprefix("https://").split(":")
    with socket.create_connection((host, int(port))) as raw, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(raw, server_hostname=host)


def test_given_the_plain_listener_then_it_serves_the_root(server: Server) -> None:
    answer = server.plain("/pki/roots.pem")

    assert (answer.status, answer.body) == (200, server.ca_file.read_bytes())


def test_given_head_on_the_plain_listener_then_there_is_no_body(server: Server) -> None:
    answer = server.plain("/pki/roots.pem", method="HEAD")

    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("path", ["/v1/status", "/acme/default/directory", "/metrics", "/"])
def test_given_anything_else_on_the_plain_listener_then_404(server: Server, path: str) -> None:
    assert server.plain(path).status == 404


def test_given_a_token_on_the_plain_listener_then_400_and_a_warning(server: Server) -> None:
    answer = server.plain("/pki/roots.pem", headers={"Authorization": "Bearer kw_oops"})

    assert answer.status == 400
    assert "credential over plain HTTP" in server.log
    assert "kw_oops" not in server.log


def test_given_the_administrators_token_then_the_status_is_told(server: Server) -> None:
    answer = server.get("/v1/status")

    assert answer.status == 200, answer.body
    assert answer.json()["database"] == "sqlite"
    assert any("recovery" in notice["text"] for notice in answer.json()["notices"])


def test_given_the_administrators_token_then_metrics_are_told(server: Server) -> None:
    answer = server.get("/metrics")

    assert answer.status == 200
    assert b"keywright_requests_total{" in answer.body


@pytest.mark.parametrize("path", ["/v1/status", "/metrics"])
def test_given_no_token_then_401_as_a_problem(server: Server, path: str) -> None:
    answer = server.get(path, token=None)

    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["type"] == "urn:keywright:problem:unauthenticated"


def test_given_a_foreign_host_then_421(server: Server) -> None:
    assert server.get("/healthz", token=None, headers={"Host": "evil.example"}).status == 421


def test_given_an_unknown_address_then_404_as_a_problem(server: Server) -> None:
    answer = server.get("/v1/nothing")

    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert set(answer.json()) == {"type", "title", "status", "detail", "request_id"}


def test_given_the_openapi_document_then_every_described_body_can_be_found(server: Server) -> None:
    document = server.get("/v1/openapi.json", token=None).json()

    assert document["info"]["title"] == "Keywright"
    assert document["paths"]
    known = document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            schema = (
                operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            )
            if schema and "$ref" in schema:
                assert schema["$ref"].rsplit("/", 1)[1] in known


def test_given_a_restart_then_everything_is_kept(tmp_path: Path) -> None:
    with running_server(tmp_path, starts_first=True) as first:
        kept = [(first.data / name).read_bytes() for name in ("root-key", "admin-token", "root-ca.pem")]

    with running_server(tmp_path) as second:
        again = [(second.data / name).read_bytes() for name in ("root-key", "admin-token", "root-ca.pem")]
        assert second.get("/v1/auth/self").status == 200

    assert again == kept


def test_given_sigterm_then_requests_in_flight_finish_and_the_status_is_0(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        context = ssl.create_default_context(cafile=str(server.ca_file))
        host, port = server.url.removeprefix("https://").split(":")
        with (
            socket.create_connection((host, int(port))) as raw,
            context.wrap_socket(raw, server_hostname=host) as tls,
        ):
            body = b'{"ttl": "1h"}'
            head = (
                "POST /v1/auth/token/renew HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                f"Authorization: Bearer {server.admin_token}\r\n\r\n"
            )
            tls.sendall(head.encode())
            # The server asks for the body, so the request is in flight.
            assert tls.recv(4096).startswith(b"HTTP/1.1 100 ")
            server.process.send_signal(signal.SIGTERM)
            _await_refusal(host, int(port))
            tls.sendall(body)
            answer = tls.recv(65536)
        status = server.process.wait(10)

    assert answer.startswith(b"HTTP/1.1 ")
    assert b"connection: close" in answer.lower()
    assert status == 0


def _await_refusal(host: str, port: int) -> None:
    """Return once nobody listens there any more."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            return
        threading.Event().wait(0.02)
    raise AssertionError("the listener is still open")


def test_given_two_workers_then_both_serve_and_end_together(tmp_path: Path) -> None:
    with running_server(tmp_path, args=["--workers", "2"]) as server:
        children = _children(server.pid)
        answers = {server.get("/healthz", token=None).status for _ in range(8)}
        status = server.stop()

    assert len(children) == 2
    assert answers == {200}
    assert status == 0
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_given_a_dead_worker_then_another_takes_its_place(tmp_path: Path) -> None:
    with running_server(tmp_path, args=["--workers", "2"]) as server:
        victim = _children(server.pid)[0]
        os.kill(victim, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and len(_living(server.pid) - {victim}) < 2:
            threading.Event().wait(0.05)

        assert len(_living(server.pid) - {victim}) == 2
        assert "ended unexpectedly" in server.log


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _living(pid: int) -> set[int]:
    return set(_children(pid))


def test_given_a_crash_then_no_core_is_left(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        limits = Path(f"/proc/{server.pid}/limits").read_text()
        server.process.send_signal(signal.SIGSEGV)
        status = server.process.wait(10)

    assert "Max core file size        0                    0" in limits
    assert status == -signal.SIGSEGV
    assert not list(tmp_path.rglob("core*"))


def test_given_json_logs_then_each_line_is_an_object_with_the_request(tmp_path: Path) -> None:
    with running_server(tmp_path, env={"KEYWRIGHT__LOG__FORMAT": "json"}) as server:
        answer = server.get("/healthz", token=None, headers={"X-Request-Id": "mine-1"})

    # Lines are written together, at the latest when the server stops.
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    assert answer.headers["x-request-id"] == "mine-1"
    assert "mine-1" in [line.get("request_id") for line in lines]


def test_given_settings_for_tests_then_the_start_says_so(tmp_path: Path) -> None:
    with running_server(tmp_path, env={"KEYWRIGHT__ACME__VALIDATION__HTTP_PORT": "5002"}) as server:
        log = server.log

    assert "settings for tests are on: acme.validation.http_port" in log


def test_given_metrics_of_their_own_then_they_need_no_token_and_serve_nothing_else(tmp_path: Path) -> None:
    with running_server(tmp_path, env={"KEYWRIGHT__SERVER__METRICS_LISTEN": "127.0.0.1:0"}) as server:
        address = server.log.split("measurements at ")[1].split()[0]
        metrics = server.get(address, token=None)
        other = server.get(address.removesuffix("metrics") + "healthz", token=None)

    assert metrics.status == 200
    assert other.status == 404


@pytest.mark.parametrize(
    ("arguments", "env", "named"),
    [
        (["--listen", "0.0.0.0:0"], {}, "server.public_url"),
        (["--listen", "nonsense"], {}, "server.listen"),
        (["--public-url", "http://ca.example"], {}, "server.public_url"),
        (["--workers", "0"], {}, "server.workers"),
        (["--database", "mysql://x"], {}, "database.url"),
        ([], {"KEYWRIGHT__SERVER__NOPE": "1"}, "nope"),
        ([], {"KEYWRIGHT__SERVER__TRUSTED_PROXIES": '["10.0.0.1/8"]'}, "server.trusted_proxies"),
        (["--config", "/does/not/exist.toml"], {}, "/does/not/exist.toml"),
    ],
)
def test_given_a_bad_configuration_then_exit_1_with_one_sentence_that_names_it(
    tmp_path: Path, arguments: list[str], env: dict[str, str], named: str
) -> None:
    ended = keywright("serve", "--data", str(tmp_path / "data"), *arguments, env=env)

    assert ended.returncode == 1
    assert named in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert ended.stdout == ""


def test_given_a_port_in_use_then_exit_1_names_the_setting(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = keywright("serve", "--data", str(tmp_path / "data"), "--listen", f"127.0.0.1:{port}")

    assert ended.returncode == 1
    assert "server.listen" in ended.stderr


@pytest.mark.parametrize("name", ["root-key", "admin-token"])
def test_given_a_key_file_that_others_may_read_then_the_start_is_refused(tmp_path: Path, name: str) -> None:
    with running_server(tmp_path) as server:
        (server.data / name).chmod(0o640)

    ended = keywright("serve", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0")

    assert ended.returncode == 1
    assert f"chmod 600 {tmp_path / 'data' / name}" in ended.stderr


def test_given_a_database_without_its_root_key_then_the_sentence_says_how_to_bring_it(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        (server.data / "root-key").rename(tmp_path / "elsewhere")

    ended = keywright("serve", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0")

    assert ended.returncode == 1
    assert "root_key" in ended.stderr
    assert not (tmp_path / "data" / "root-key").exists()


def test_given_somebody_elses_directory_then_it_is_left_alone(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    (shared / "notes.txt").write_text("mine")

    ended = keywright("serve", "--data", str(shared), "--listen", "127.0.0.1:0")

    assert ended.returncode == 1
    assert mode_of(shared) == 0o755


def test_given_init_then_everything_exists_without_serving(tmp_path: Path) -> None:
    made = keywright("init", "--data", str(tmp_path / "data"))

    assert made.returncode == 0, made.stderr
    assert {"root-key", "admin-token", "root-ca.pem", "keywright.db"} <= {
        file.name for file in (tmp_path / "data").iterdir()
    }


def test_given_a_new_admin_token_then_the_first_opens_nothing(tmp_path: Path) -> None:
    keywright("init", "--data", str(tmp_path / "data"))
    first = (tmp_path / "data" / "admin-token").read_text().strip()

    made = keywright("init", "--data", str(tmp_path / "data"), "--new-admin-token")

    assert made.returncode == 0, made.stderr
    with running_server(tmp_path) as server:
        assert server.admin_token != first
        assert server.get("/v1/auth/self").status == 200
        assert server.get("/v1/auth/self", token=first).status == 401


def test_given_config_check_then_nothing_is_made(tmp_path: Path) -> None:
    checked = keywright("config", "check", "--data", str(tmp_path / "data"))

    assert checked.returncode == 0, checked.stderr
    assert not (tmp_path / "data").exists()


def test_given_help_then_serve_lists_its_options() -> None:
    shown = keywright("serve", "--help", env={"COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"})

    assert shown.returncode == 0
    assert "--plain-listen" in shown.stdout


def test_given_an_unknown_option_then_exit_2() -> None:
    assert keywright("serve", "--nonsense", "x").returncode == 2


def test_given_two_first_starts_at_once_then_both_find_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ca_service.cli.main", "init", "--data", str(tmp_path / "data")]
    with contextlib.ExitStack() as stack:
        both = [
            stack.enter_context(
                subprocess.Popen(command, env=environment_for(None), stderr=subprocess.PIPE, text=True)
            )
            for _ in range(2)
        ]
        told = [process.communicate(timeout=60)[1] for process in both]

    assert [process.returncode for process in both] == [0, 0], told
    with running_server(tmp_path) as server:
        assert server.get("/v1/auth/self").status == 200
