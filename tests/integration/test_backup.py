"""A backup taken beside a running service, and the service that goes on from it (S6)."""

import gzip
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from tests.support.command_line import keywright
from tests.support.server import Server, running_server

ISSUED = 10
X509 = "/v1/projects/default/x509/certificates"
SSH = "/v1/projects/default/ssh/certificates"


class Issued(msgspec.Struct, frozen=True):
    """Serial numbers that clients received."""

    x509: frozenset[str]
    ssh: frozenset[int]


class Restored(msgspec.Struct, frozen=True):
    """A service before its backup, after it, and a second one that was filled from it."""

    kept: Issued
    lost: Issued
    server: Server
    database_url: str
    token: str


def public_key(folder: Path) -> str:
    key = folder / "user"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    return key.with_suffix(".pub").read_text().strip()


def issue(server: Server, folder: Path, token: str) -> Issued:
    x509, ssh = set(), set()
    for number in range(ISSUED):
        body = {"profile": "server", "dns_names": [f"n{number}.example"]}
        x509.add(server.request("POST", X509, body, token=token).json()["serial_number"])
        signed = {"profile": "user", "public_key": public_key(folder), "principals": ["ops"]}
        ssh.add(int(server.request("POST", SSH, signed, token=token).json()["serial_number"]))
    return Issued(frozenset(x509), frozenset(ssh))


def place_of(server: Server, url: str | None) -> tuple[str, ...]:
    return ("--data", str(server.data), *(("--database", url) if url else ()))


def done(*arguments: str) -> dict[str, object]:
    ran = keywright(*arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, object] = json.loads(ran.stdout)
    return answer


@pytest.fixture(
    scope="module",
    params=[("sqlite", "postgresql"), ("postgresql", "sqlite")],
    ids=" to ".join,
)
def restored(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    fresh_postgresql: Callable[[], str],
) -> Iterator[Restored]:
    source, target = (fresh_postgresql() if engine == "postgresql" else None for engine in request.param)
    folder = tmp_path_factory.mktemp("backup")
    file = folder / "keywright.backup"
    (folder / "one").mkdir()
    with running_server(folder / "one", source) as server:
        token = server.admin_token
        kept = issue(server, folder, token)
        done("backup", str(file), *place_of(server, source))
        lost = issue(server, folder, token)
        root_key = server.data / "root-key"
        data = folder / "two" / "data"
        data.mkdir(parents=True, mode=0o700)
        shutil.copy2(root_key, data / "root-key")
    done("restore", str(file), "--data", str(data), *(("--database", target) if target else ()))
    with running_server(folder / "two", target) as server:
        url = target or f"sqlite:///{server.data / 'keywright.db'}"
        yield Restored(kept, lost, server, url, token)


def test_given_a_restore_then_what_was_issued_before_the_backup_is_in_the_inventory(
    restored: Restored,
) -> None:
    for serial in restored.kept.x509:
        found = restored.server.request("GET", f"{X509}?serial_number={serial}", token=restored.token)
        assert [item["serial_number"] for item in found.json()["items"]] == [serial]
    for number in restored.kept.ssh:
        found = restored.server.request("GET", f"{SSH}?serial_number={number}", token=restored.token)
        assert [item["serial_number"] for item in found.json()["items"]] == [str(number)]


def test_given_a_restore_then_no_serial_number_is_given_out_a_second_time(
    restored: Restored, tmp_path: Path
) -> None:
    again = issue(restored.server, tmp_path, restored.token)

    before = restored.kept.ssh | restored.lost.ssh
    assert len(again.ssh) == ISSUED
    assert not again.ssh & before
    assert min(again.ssh) > max(before)
    assert not again.x509 & (restored.kept.x509 | restored.lost.x509)


def test_given_a_restore_then_an_ssh_serial_number_that_was_lost_can_be_revoked(restored: Restored) -> None:
    body = {"serial_number": str(max(restored.lost.ssh)), "authority": "ssh-user"}

    revoked = restored.server.request("POST", f"{SSH}/revoke", body, token=restored.token)

    assert revoked.status == 200


def test_given_a_restore_then_a_crl_has_a_number_that_was_never_published(restored: Restored) -> None:
    body = {"dns_names": ["crl.example"], "profile": "server"}
    issued = restored.server.request("POST", X509, body, token=restored.token).json()
    revoke = f"{X509}/{issued['id']}/revoke"
    assert restored.server.request("POST", revoke, {}, token=restored.token).status == 200

    crl = x509.load_der_x509_crl(restored.server.plain(f"/pki/{issued['authority_id']}/crl").body)

    number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    # A service numbers by the second; in a flood its numbers run ahead of the clock.
    assert number > datetime.now(UTC).timestamp() + 60 * 60


def test_given_a_restore_then_the_trail_is_intact(restored: Restored) -> None:
    report = done("audit", "verify", "--data", str(restored.server.data), "--database", restored.database_url)

    assert report["intact"] is True


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data directory and a backup of it."""
    folder = tmp_path_factory.mktemp("made")
    done("init", "--data", str(folder / "data"))
    done("backup", str(folder / "file"), "--data", str(folder / "data"))
    return folder / "data", folder / "file"


def refused(*arguments: str) -> str:
    ran = keywright(*arguments)
    assert (ran.returncode, ran.stdout) == (1, ""), ran
    [sentence] = ran.stderr.splitlines()
    return sentence


def test_a_backup_is_for_its_owner_alone_and_holds_no_root_key(made: tuple[Path, Path]) -> None:
    data, file = made
    key = (data / "root-key").read_text().strip()

    assert file.stat().st_mode & 0o777 == 0o600
    plain = gzip.decompress(file.read_bytes())
    assert key.encode() not in plain
    assert bytes.fromhex(key) not in plain


def test_a_backup_does_not_replace_a_file(made: tuple[Path, Path]) -> None:
    data, file = made

    assert str(file) in refused("backup", str(file), "--data", str(data))


def test_a_database_with_rows_is_not_filled(made: tuple[Path, Path]) -> None:
    data, file = made

    assert "not empty" in refused("restore", str(file), "--data", str(data))


def test_a_backup_is_made_of_a_database_that_is_there(tmp_path: Path) -> None:
    assert "no database" in refused("backup", str(tmp_path / "file"), "--data", str(tmp_path / "data"))


@pytest.mark.parametrize("kind", ["cut", "changed", "no UTF-8", "no gzip", "other gzip", "empty"])
def test_a_damaged_file_is_refused_and_nothing_is_made(
    made: tuple[Path, Path], tmp_path: Path, kind: str
) -> None:
    whole = made[1].read_bytes()
    middle = len(whole) // 2
    plain = gzip.decompress(whole)
    broken = {
        "cut": whole[:-20],
        "changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "no UTF-8": gzip.compress(plain.replace(b"keywright-backup", b"keywright-\xff\xff\xff\xff\xff\xff")),
        "no gzip": b"hello",
        "other gzip": gzip.compress(b"hello, this is something else"),
        "empty": b"",
    }[kind]
    file = tmp_path / "file"
    file.write_bytes(broken)

    sentence = refused("restore", str(file), "--data", str(tmp_path / "data"))

    assert "backup" in sentence
    assert not (tmp_path / "data" / "keywright.db").exists()


def test_a_backup_of_another_schema_is_refused(made: tuple[Path, Path], tmp_path: Path) -> None:
    plain = gzip.decompress(made[1].read_bytes())
    length = int.from_bytes(plain[:4], "big")
    header = msgspec.msgpack.decode(plain[4 : 4 + length])
    header[2] = "9999"
    encoded = msgspec.msgpack.encode(header)
    file = tmp_path / "file"
    file.write_bytes(gzip.compress(len(encoded).to_bytes(4, "big") + encoded + plain[4 + length :]))

    assert "9999" in refused("restore", str(file), "--data", str(tmp_path / "data"))
