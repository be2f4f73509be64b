"""The README's steps, typed as they are printed."""

import getpass
import json
import os
import re
import shlex
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certbot import install_certbot
from tests.support.newcomer import Newcomer, blocks_of, path_with
from tests.support.server import Server, running_server

SSHD = "/usr/sbin/sshd"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("readme"), starts_first=True) as running:
        yield running


@pytest.fixture
def newcomer(server: Server, tmp_path: Path) -> Newcomer:
    return Newcomer(server, tmp_path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def documents(printed: str) -> list[dict[str, object]]:
    """Return the JSON documents among what was printed."""
    decoder = json.JSONDecoder()
    starts = [match.start() for match in re.finditer(r"^\{", printed, re.MULTILINE)]
    return [decoder.raw_decode(printed, start)[0] for start in starts]


def test_given_the_curl_section_then_a_certificate_with_a_server_made_key_is_answered(
    newcomer: Newcomer,
) -> None:
    with_key, _, _ = blocks_of("A certificate with curl")

    [issued] = documents(newcomer.types(with_key.replace("curl ", "curl --silent ")))

    assert str(issued["private_key"]).startswith("-----BEGIN PRIVATE KEY-----\n")
    assert issued["names"] == [
        {"type": "dns", "value": "api.example.com"},
        {"type": "ip", "value": "10.0.0.7"},
    ]


def test_given_the_openssl_steps_then_the_certificate_verifies_is_found_and_is_revoked(
    newcomer: Newcomer,
) -> None:
    _, from_csr, find_and_revoke = blocks_of("A certificate with curl")

    verified = newcomer.types(from_csr)
    identifier = re.search(r"^id +(crt_\w+)$", verified, re.MULTILINE)
    assert identifier is not None, verified
    revoked = newcomer.types(find_and_revoke, {" ID ": f" {identifier[1]} "})

    assert "api/certificate.pem: OK" in verified
    assert re.search(r"^status +revoked$", revoked, re.MULTILINE)


def test_given_the_ssh_section_then_ssh_logs_in_to_an_sshd_that_is_set_up_as_printed(
    newcomer: Newcomer,
) -> None:
    sign, configuration, for_hosts, by_curl = blocks_of("A login with ssh")
    etc = newcomer.folder / "etc"
    etc.mkdir()
    (etc / "principals").mkdir()
    (etc / "principals" / getpass.getuser()).write_text("ops\n")

    printed = newcomer.types(sign)
    newcomer.types(f"ssh-keygen -q -t ed25519 -N '' -f {etc}/ssh_host_ed25519_key")
    newcomer.types(for_hosts, {"/etc/ssh": str(etc)})
    newcomer.types(f"keywright ssh ca user > {etc}/keywright-user-ca.pub")
    [signed] = documents(newcomer.types(by_curl.replace("curl ", "curl --silent ")))

    assert "user certificate" in printed
    assert signed["principals"] == ["ops"]
    with_sshd = log_in(newcomer.folder, configuration.replace("/etc/ssh", str(etc)))
    assert (with_sshd.returncode, with_sshd.stdout.strip()) == (0, getpass.getuser()), with_sshd.stderr


def log_in(folder: Path, printed: str) -> "subprocess.CompletedProcess[str]":
    """Start an sshd with the printed lines, log in with `id_demo` as `host.example.com`, and stop it."""
    port = free_port()
    own = f"""\
Port {port}
ListenAddress 127.0.0.1
PidFile none
HostKey {folder}/etc/ssh_host_ed25519_key
AuthorizedKeysFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
"""
    (folder / "sshd_config").write_text(own + printed)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    sshd = subprocess.Popen(
        [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.PIPE, text=True
    )
    assert sshd.stderr is not None
    try:
        said = ""
        while "Server listening on" not in said:
            line = sshd.stderr.readline()
            assert line, f"sshd did not start: {said}"
            said += line
        return subprocess.run(
            [
                *("ssh", "-F", "none", "-p", str(port), "-i", str(folder / "id_demo")),
                *("-o", "HostKeyAlias=host.example.com", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
                *("-o", f"UserKnownHostsFile={folder}/.ssh/known_hosts", "-o", "GlobalKnownHostsFile=none"),
                *("-o", "StrictHostKeyChecking=yes", "-o", "IdentityAgent=none"),
                *(f"{getpass.getuser()}@127.0.0.1", "id -un"),
            ],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=30,
            check=False,
        )
    finally:
        sshd.terminate()
        sshd.wait(20)
        sshd.stderr.close()


def test_given_the_section_on_secrets_then_a_program_and_curl_have_the_value(newcomer: Newcomer) -> None:
    [commands] = blocks_of("A secret in a program")

    printed = newcomer.types(commands.replace("curl ", "curl --silent "))

    assert "\nhunter2\n" in printed
    assert documents(printed)[-1]["value"] == "hunter2"


def test_given_the_certbot_section_then_certbot_gets_a_certificate_that_openssl_verifies(
    tmp_path: Path,
) -> None:
    serve, issue = blocks_of("A certificate with certbot")
    words = [word.partition("=") for word in shlex.split(serve.replace("\\\n", " "))]
    settings = {name: value for name, _, value in words if name.startswith("KEYWRIGHT__")}
    assert len(settings) == 2, serve
    port = str(free_port())
    settings = {name: value.replace("5002", port) for name, value in settings.items()}
    with running_server(tmp_path, env=settings) as server:
        (tmp_path / "clone").mkdir()
        newcomer = Newcomer(server, tmp_path / "clone")
        newcomer.environment["PATH"] = path_with(install_certbot().parent)

        printed = newcomer.types(issue, {"5002": port})

    assert "certbot/config/live/www.localhost/cert.pem: OK" in printed


def test_given_the_command_line_section_then_another_server_is_trusted_and_logged_in_to(
    newcomer: Newcomer, server: Server
) -> None:
    [commands] = blocks_of("The command line")
    bootstrap, login, status, doctor = commands.splitlines()
    fingerprint = server.log.partition("root SHA-256 fingerprint: ")[2].split()[0]
    for name in ("KEYWRIGHT_URL", "KEYWRIGHT_CA"):
        del newcomer.environment[name]

    newcomer.types(bootstrap, {"https://ca.example.com:8443": server.url, "HEX": fingerprint})
    identity = json.loads(newcomer.types("keywright identity create readme --json"))["id"]
    newcomer.types(f"keywright member add {identity} admin")
    secret = json.loads(newcomer.types(f"keywright identity secret {identity} --json 2>/dev/null"))
    newcomer.types(login, {"ID": secret["client_id"]}, stdin=f"{secret['client_secret']}\n")

    assert "to do:" in newcomer.types(status)
    assert "ok    data directory" in newcomer.types(f"{doctor.partition('#')[0]} || true")
    del newcomer.environment["KEYWRIGHT_TOKEN"]
    assert "default" in newcomer.types("keywright project list")
