"""A real sshd refuses what was revoked, by the list it gets from a running server, and lets others in."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.command_line import ROOT
from tests.support.curl import Curl
from tests.support.newcomer import Newcomer
from tests.support.person import Person
from tests.support.server import Server, running_server
from tests.support.ssh_served import SSH, ServedAuthority
from tests.support.sshd import HOST, Sshd, make_key

REFUSED = "revoked by file"


class RevokingSshd(Sshd):
    """An sshd with `RevokedKeys`, which it reads again at each login."""

    def __init__(self, folder: Path, authority: ServedAuthority) -> None:
        self.list_file = folder / "krl"
        self._authority = authority
        super().__init__(folder, authority, [HOST], f"RevokedKeys {self.list_file}\n")

    def pull(self, *, plain: bool = False) -> None:
        """Replace the list by rename, as a host agent does."""
        new = self.list_file.with_name("krl.new")
        new.write_bytes(self._authority.revocation_list(plain=plain))
        new.replace(self.list_file)

    def admits(self, key: str, certificate: str) -> bool:
        """Tell whether a login succeeds."""
        return self.login(key, certificate).returncode == 0


@pytest.fixture
def curl(either_server: Server, tmp_path: Path) -> Curl:
    return Curl(either_server, tmp_path)


@pytest.fixture
def authority(curl: Curl) -> ServedAuthority:
    return ServedAuthority(curl)


@pytest.fixture
def sshd(tmp_path: Path, authority: ServedAuthority) -> Iterator[RevokingSshd]:
    folder = tmp_path / "sshd"
    folder.mkdir(mode=0o700)
    running = RevokingSshd(folder, authority)
    yield running
    running.stop()


def serial_number_of(folder: Path, line: str) -> str:
    """Return the number that ssh-keygen reads in a certificate."""
    (folder / "shown.pub").write_text(line + "\n")
    shown = subprocess.run(
        ["ssh-keygen", "-L", "-f", str(folder / "shown.pub")], capture_output=True, text=True, check=True
    )
    return shown.stdout.partition("Serial: ")[2].split()[0]


@pytest.mark.parametrize("plain", [False, True], ids=["tls", "plain"])
def test_given_a_revoked_number_then_its_certificate_is_refused_and_the_next_is_not(
    sshd: RevokingSshd, authority: ServedAuthority, *, plain: bool
) -> None:
    line = make_key(sshd.folder, "id")
    revoked, good = (authority.certify("user", line, ["ops"]) for _ in range(2))
    sshd.pull(plain=plain)
    assert sshd.admits("id", revoked)

    authority.revoke(serial_number=serial_number_of(sshd.folder, revoked), authority="ssh-user")
    sshd.pull(plain=plain)

    assert (sshd.admits("id", revoked), sshd.admits("id", good)) == (False, True)
    sshd.stop()
    assert sshd.logged(REFUSED)


@pytest.mark.parametrize("for_good", [False, True], ids=["those known", "for good"])
def test_given_a_revoked_key_id_then_only_who_has_it_is_refused(
    sshd: RevokingSshd, authority: ServedAuthority, *, for_good: bool
) -> None:
    make_key(sshd.folder, "alice"), make_key(sshd.folder, "bob")
    mine = f"alice-{sshd.folder.parent.name}"
    lines = {
        name: authority.certify("user", (sshd.folder / f"{name}.pub").read_text(), ["ops"], key_id=key_id)
        for name, key_id in (("alice", mine), ("bob", f"{mine}-not"))
    }

    authority.revoke(key_id=mine, for_good=for_good)
    sshd.pull()

    assert (sshd.admits("alice", lines["alice"]), sshd.admits("bob", lines["bob"])) == (False, True)


def test_given_a_revoked_public_key_then_every_certificate_over_it_is_refused(
    sshd: RevokingSshd, authority: ServedAuthority
) -> None:
    lost, other = make_key(sshd.folder, "lost"), make_key(sshd.folder, "other")
    over_lost = [authority.certify("user", lost, ["ops"]) for _ in range(2)]
    over_other = authority.certify("user", other, ["ops"])

    authority.revoke(public_key=lost.strip())
    sshd.pull()

    assert [sshd.admits("lost", line) for line in over_lost] == [False, False]
    assert sshd.admits("other", over_other)


def test_given_a_revoked_authority_then_everything_it_signed_is_refused(
    sshd: RevokingSshd, authority: ServedAuthority
) -> None:
    name = sshd.folder.parent.name.replace("_", "-")[:40].strip("-")
    assert authority.curl.post(f"{SSH}/authorities", {"name": name, "type": "user"}).status == 201
    profile = {"name": name, "type": "user", "authority": name, "default_ttl": "1h", "max_ttl": "1h"}
    assert authority.curl.post(f"{SSH}/profiles", profile).status == 201
    (sshd.folder / "user_ca.pub").write_text(authority.authority_keys("user"))
    line = make_key(sshd.folder, "id")
    doomed, good = authority.certify(name, line, ["ops"]), authority.certify("user", line, ["ops"])
    sshd.pull()
    assert sshd.admits("id", doomed)

    authority.revoke(authority=name, everything=True)
    sshd.pull()

    assert (sshd.admits("id", doomed), sshd.admits("id", good)) == (False, True)


@pytest.mark.parametrize(
    ("content", "is_admitted"),
    [(None, False), (b"SSHKRL\n\0 and nothing", False), (b"", True)],
    ids=["missing", "corrupt", "empty"],
)
def test_given_no_good_file_then_sshd_fails_closed_but_for_an_empty_one(
    sshd: RevokingSshd, authority: ServedAuthority, content: bytes | None, *, is_admitted: bool
) -> None:
    line = authority.certify("user", make_key(sshd.folder, "id"), ["ops"])
    if content is not None:
        sshd.list_file.write_bytes(content)

    assert sshd.admits("id", line) is is_admitted
    sshd.stop()
    assert sshd.logged("in revoked keys file") is not is_admitted


def test_given_a_revocation_then_both_listeners_tell_it_within_a_second(
    authority: ServedAuthority, tmp_path: Path
) -> None:
    line = authority.certify("user", make_key(tmp_path, "id"), ["ops"])
    number = serial_number_of(tmp_path, line)

    authority.revoke(serial_number=number, authority="ssh-user")
    revoked_at = time.monotonic()
    lists = [authority.revocation_list(plain=plain) for plain in (False, True)]
    took = time.monotonic() - revoked_at

    (tmp_path / "id-cert.pub").write_text(line + "\n")
    for content in lists:
        (tmp_path / "krl").write_bytes(content)
        asked = ["ssh-keygen", "-Q", "-f", "krl", "id-cert.pub"]
        said = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert said.stdout.endswith(": REVOKED\n"), said
    assert took < 1


def test_given_the_list_and_its_signature_then_ssh_keygen_verifies_them(
    either_server: Server, authority: ServedAuthority, tmp_path: Path
) -> None:
    person = Person(either_server, tmp_path, token=None)
    keys = authority.authority_keys("user").splitlines()
    (tmp_path / "allowed").write_text(
        "".join(f'keywright namespaces="keywright-krl" {key}\n' for key in keys)
    )

    person.does("ssh", "krl", "--out", "hosts/krl")

    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "keywright", "-n", "keywright-krl"]
    said = subprocess.run(
        [*command, "-s", "hosts/krl.sig"],
        cwd=tmp_path,
        input=(tmp_path / "hosts" / "krl").read_bytes(),
        capture_output=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "hosts" / "krl").read_bytes() == authority.revocation_list()


def test_given_the_command_line_then_it_revokes_in_every_way(person: Person) -> None:
    make_key(person.folder, "id_demo")
    person.does("ssh", "sign", "id_demo.pub", "--principals", "ops", "--key-id", "cli-demo")

    by_key_id = person.reads("ssh", "revoke", "--key-id", "cli-demo")
    by_key = person.reads("ssh", "certificate", "revoke", "--public-key", "id_demo.pub")
    again = person.reads("ssh", "revoke", "--key-id", "cli-demo", "--for-good")

    assert [item["status"] for item in by_key_id["items"]] == ["revoked"]
    assert (by_key_id["newly_revoked"], by_key["newly_revoked"], again["newly_revoked"]) == (1, 0, 0)


@pytest.fixture
def person(either_server: Server, tmp_path: Path) -> Person:
    return Person(either_server, tmp_path)


def test_given_the_page_of_the_howto_then_it_works_as_printed(either_server: Server, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "howto" / "ssh-revocation.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)

    printed = Newcomer(either_server, tmp_path).types("\n".join(text for kind, text in blocks if not kind))

    assert "id_lost-cert.pub" in printed
    assert ": REVOKED\n" in printed
    assert 'Good "keywright-krl" signature for keywright' in printed


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_given_kill_9_after_a_revocation_then_the_next_start_tells_it(
    tmp_path: Path, fresh_postgresql: Callable[[], str], engine: str
) -> None:
    database_url = fresh_postgresql() if engine == "postgresql" else None
    with running_server(tmp_path, database_url) as server:
        authority = ServedAuthority(Curl(server, tmp_path))
        line = authority.certify("user", make_key(tmp_path, "id"), ["ops"])
        authority.revoke(serial_number=serial_number_of(tmp_path, line), authority="ssh-user")
        server.process.kill()
        server.process.wait(20)
    with running_server(tmp_path, database_url) as server:
        content = ServedAuthority(Curl(server, tmp_path)).revocation_list()

    (tmp_path / "krl").write_bytes(content)
    (tmp_path / "id-cert.pub").write_text(line + "\n")
    asked = ["ssh-keygen", "-Q", "-f", "krl", "id-cert.pub"]
    said = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.stdout.endswith(": REVOKED\n"), said
