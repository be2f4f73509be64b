"""A real sshd and a real ssh with certificates from a running server, by curl and by `keywright ssh`."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.curl import Curl
from tests.support.person import Person
from tests.support.server import Server
from tests.support.sshd import HOST, Sshd, make_key

SSH = "/v1/projects/default/ssh"


class ServedAuthority:
    """The SSH authorities of a running server, as a `SshAuthorityClient`."""

    def __init__(self, curl: Curl) -> None:
        self._curl = curl

    def certify(self, profile: str, public_key: str, principals: list[str], **fields: object) -> str:
        """Return the line of a certificate."""
        body = {"profile": profile, "public_key": public_key, "principals": principals, **fields}
        answer = self._curl.post(f"{SSH}/certificates", body)
        assert answer.status == 201, answer.body
        line: str = answer.json()["certificate"]
        return line

    def authority_keys(self, kind: str) -> str:
        """Return the published keys, fetched without a token."""
        return self._curl.run(f"/ssh/default/{kind}-ca.pub").body.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sshd"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def curl(either_server: Server, tmp_path: Path) -> Curl:
    return Curl(either_server, tmp_path)


@pytest.fixture
def authority(curl: Curl) -> ServedAuthority:
    return ServedAuthority(curl)


@pytest.fixture
def sshd(folder: Path, authority: ServedAuthority) -> Iterator[Sshd]:
    running = Sshd(folder, authority, [HOST])
    yield running
    running.stop()


def test_given_a_key_then_curl_gets_every_field_of_the_contract(curl: Curl, folder: Path) -> None:
    body = {
        "profile": "user",
        "public_key": make_key(folder, "id"),
        "principals": ["ops", "dev"],
        "ttl": "1h",
        "key_id": "alice@example.com",
    }

    answer = curl.post(f"{SSH}/certificates", body)

    signed: dict[str, Any] = answer.json()
    assert answer.status == 201
    assert answer.headers["location"].startswith(f"{SSH}/certificates/")
    assert curl.get(answer.headers["location"]).json()["certificate"] == signed["certificate"]
    assert (signed["key_id"], signed["type"], signed["principals"]) == (
        "alice@example.com",
        "user",
        ["ops", "dev"],
    )
    assert isinstance(signed["serial_number"], str)
    assert signed["certificate"].startswith("ssh-ed25519-cert-v01@openssh.com AAAA")
    assert signed["valid_after"].endswith("Z")
    assert signed["valid_before"].endswith("Z")


def test_given_a_certificate_by_curl_then_sshd_lets_it_in(sshd: Sshd, authority: ServedAuthority) -> None:
    line = authority.certify("user", make_key(sshd.folder, "id"), ["ops"], key_id="alice@example.com")

    login = sshd.login("id", line)

    assert (login.returncode, login.stdout.strip()) == (0, sshd.user), login.stderr
    sshd.stop()
    assert sshd.logged("ID alice@example.com (serial ")


def test_given_a_certificate_by_the_command_line_then_sshd_lets_it_in(
    sshd: Sshd, either_server: Server
) -> None:
    make_key(sshd.folder, "id")
    person = Person(either_server, sshd.folder)

    person.does("ssh", "sign", "id.pub", "--principals", "ops", "--ttl", "1h")

    login = sshd.login("id", (sshd.folder / "id-cert.pub").read_text().strip())
    assert (login.returncode, login.stdout.strip()) == (0, sshd.user), login.stderr


def test_given_the_lines_of_the_command_line_then_ssh_trusts_the_host(
    sshd: Sshd, authority: ServedAuthority, either_server: Server
) -> None:
    person = Person(either_server, sshd.folder, token=None)
    lines = person.does("ssh", "ca", "host", "--known-hosts", HOST).stdout

    (sshd.folder / "known_hosts").write_text(lines)

    assert sshd.login("id", authority.certify("user", make_key(sshd.folder, "id"), ["ops"])).returncode == 0


def test_given_the_authority_for_users_then_ssh_does_not_trust_the_host(
    sshd: Sshd, authority: ServedAuthority
) -> None:
    certificate = authority.certify("user", make_key(sshd.folder, "id"), ["ops"])
    (sshd.folder / "known_hosts").write_text(f"@cert-authority {HOST} {authority.authority_keys('user')}")

    login = sshd.login("id", certificate)

    assert login.returncode == 255
    assert "Host key verification failed" in login.stderr


def test_given_another_principal_then_sshd_refuses(sshd: Sshd, authority: ServedAuthority) -> None:
    line = authority.certify("user", make_key(sshd.folder, "id"), ["dev"])

    assert sshd.login("id", line).returncode == 255
    sshd.stop()
    assert sshd.logged("Certificate does not contain an authorized principal")


def test_given_a_lifetime_that_ended_then_sshd_refuses(sshd: Sshd, authority: ServedAuthority) -> None:
    key = make_key(sshd.folder, "id")
    line = authority.certify("user", key, ["ops"], ttl="1s")

    # Logging in is what takes the time: at most a few tries fall into the certificate's second.
    while (login := sshd.login("id", line)).returncode == 0:
        assert login.stdout.strip() == sshd.user

    sshd.stop()
    assert sshd.logged("Certificate invalid: expired")


def test_given_a_certificate_of_another_authority_then_sshd_refuses(
    sshd: Sshd, authority: ServedAuthority, curl: Curl
) -> None:
    name = sshd.folder.parent.name.replace("_", "-")[:40].strip("-")
    assert curl.post("/v1/organizations/default/projects", {"slug": name}).status == 201
    base = f"/v1/projects/{name}/ssh"
    assert curl.post(f"{base}/authorities", {"name": "other", "type": "user"}).status == 201
    profile = {"name": "user", "type": "user", "authority": "other", "default_ttl": "1h", "max_ttl": "1h"}
    assert curl.post(f"{base}/profiles", profile).status == 201
    body = {"profile": "user", "public_key": make_key(sshd.folder, "id"), "principals": ["ops"]}
    line = curl.post(f"{base}/certificates", body).json()["certificate"]

    assert sshd.login("id", line).returncode == 255
    sshd.stop()
    assert not sshd.logged("Accepted")


@pytest.fixture
def person(either_server: Server, tmp_path: Path) -> Person:
    return Person(either_server, tmp_path)


def test_given_a_key_then_its_certificate_lies_beside_it_where_ssh_finds_it(person: Person) -> None:
    make_key(person.folder, "id_demo")

    done = person.does("ssh", "sign", "id_demo.pub", "--principals", "ops,dev", "--ttl", "1h")

    printed = subprocess.run(
        ["ssh-keygen", "-L", "-f", str(person.folder / "id_demo-cert.pub")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "user certificate" in printed
    assert all(f"                {principal}\n" in printed for principal in ("ops", "dev"))
    assert "principals     ops, dev\n" in done.stdout
    assert "id_demo-cert.pub" in done.stderr


def test_given_a_host_key_then_the_host_profile_certifies_it(person: Person) -> None:
    make_key(person.folder, "host")
    person.does("ssh", "sign", "host.pub", "--profile", "host", "--principals", "h.example", "--out", "h.pub")

    shown = subprocess.run(
        ["ssh-keygen", "-L", "-f", str(person.folder / "h.pub")], capture_output=True, text=True, check=True
    )
    assert "host certificate" in shown.stdout


def test_given_an_ssh_signature_then_json_has_the_fields_of_the_contract(person: Person) -> None:
    make_key(person.folder, "id_demo")

    signed = person.reads(
        "ssh", "sign", "id_demo.pub", "--principals", "ops", "--key-id", "alice@example.com"
    )

    assert (signed["key_id"], signed["type"], signed["principals"]) == ("alice@example.com", "user", ["ops"])
    assert signed["serial_number"].isdecimal()
    assert set(signed) >= {"serial_number", "key_id", "type", "certificate", "valid_after", "valid_before"}
    assert (person.folder / "id_demo-cert.pub").read_text() == signed["certificate"] + "\n"


def test_given_a_private_key_then_it_is_not_sent(person: Person) -> None:
    make_key(person.folder, "id_demo")

    assert "private key" in person.is_refused("ssh", "sign", "id_demo", "--principals", "ops")


def test_given_the_ssh_authorities_then_their_keys_are_printed_for_sshd_and_known_hosts(
    either_server: Server, tmp_path: Path
) -> None:
    person = Person(either_server, tmp_path, token=None)

    user, host = (person.does("ssh", "ca", kind).stdout for kind in ("user", "host"))
    known = person.does("ssh", "ca", "host", "--known-hosts", "*.example.com").stdout

    assert user.startswith("ssh-ed25519 AAAA")
    assert host.startswith("ssh-ed25519 AAAA")
    assert user != host
    assert known == f"@cert-authority *.example.com {host}"
    assert person.reads("ssh", "ca", "user") == {"keys": user.splitlines()}


def test_given_ssh_certificates_then_they_are_listed_and_revoked(person: Person) -> None:
    make_key(person.folder, "id_demo")
    sign = ("ssh", "sign", "id_demo.pub", "--principals", "ops", "--key-id")
    first, second = (person.reads(*sign, f"{person.folder.name}-{one}") for one in "ab")
    public_key = (person.folder / "id_demo.pub").read_text()

    by_key_id = person.reads("ssh", "certificate", "revoke", "--key-id", first["key_id"])
    listed = person.reads("ssh", "certificate", "list", "--key-id", first["key_id"])
    by_serial = ("--serial-number", second["serial_number"], "--authority", second["authority"])
    table = person.does("ssh", "certificate", "revoke", *by_serial).stdout
    by_public_key = person.reads("ssh", "certificate", "revoke", "--public-key", "id_demo.pub")

    assert [item["serial_number"] for item in by_key_id["items"]] == [first["serial_number"]]
    assert [(item["serial_number"], item["status"]) for item in listed] == [
        (first["serial_number"], "revoked")
    ]
    assert table.splitlines()[1].split()[:3] == [second["serial_number"], "user", "revoked"]
    assert {item["serial_number"] for item in by_public_key["items"]} == {
        first["serial_number"],
        second["serial_number"],
    }
    assert public_key.split()[1] in by_public_key["public_key"]


def test_given_no_such_key_then_the_sentence_names_the_file(person: Person) -> None:
    assert "gone.pub" in person.is_refused("ssh", "sign", "gone.pub", "--principals", "ops")
