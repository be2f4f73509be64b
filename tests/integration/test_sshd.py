"""A real sshd lets our certificates in and keeps all others out, and says why in its log."""

import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ca_service.custody.algorithms import KeyAlgorithm
from ssh_ca.certificates import CertificateType
from ssh_ca.operations import (
    CreateSshAuthority,
    IssuedSshCertificate,
    RetireSshAuthority,
    SwitchSshAuthority,
)
from ssh_ca.public_keys import parse_public_key
from ssh_ca.revocation_list import RevocationList, RevokedCertificates, encode_revocation_list
from tests.support.databases import SqliteTemplate
from tests.support.ssh_authority import HOUR
from tests.support.sshd import HOST, make_key
from tests.support.sshd_world import SshdWorld, running_sshd_world

OTHER_ALGORITHMS = (KeyAlgorithm.EC_P256, KeyAlgorithm.EC_P384, KeyAlgorithm.EC_P521, KeyAlgorithm.RSA_2048)
NO_PRINCIPAL = "Certificate does not contain an authorized principal"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template: SqliteTemplate) -> Iterator[SshdWorld]:
    """One sshd for all tests here; it trusts our authorities of every algorithm."""
    with running_sshd_world(tmp_path_factory.mktemp("sshd"), sqlite_template) as running:
        for algorithm in OTHER_ALGORITHMS:
            running.authority.make_profile(algorithm.value.lower().replace("_", "-"), algorithm)
        yield running


@pytest.fixture
def sshd(world: SshdWorld) -> SshdWorld:
    """The same, with its files as they were."""
    world.renew()
    return world


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-2048"])
def test_our_certificate_opens_the_account(sshd: SshdWorld, kind: str) -> None:
    line = make_key(sshd.folder, f"id-{kind}", kind)
    certificate = sshd.certify(public_key=line, key_id="alice@example.com")
    visit = sshd.visit(certificate, key=f"id-{kind}")
    assert (visit.ssh.returncode, visit.ssh.stdout.strip()) == (0, sshd.user), visit
    assert 'Accepted certificate ID "alice@example.com" (serial ' in visit.log
    assert "signed by ED25519 CA SHA256:" in visit.log


@pytest.mark.parametrize("algorithm", OTHER_ALGORITHMS)
def test_authorities_of_other_algorithms_are_understood(sshd: SshdWorld, algorithm: KeyAlgorithm) -> None:
    visit = sshd.visit(sshd.certify(profile=algorithm.value.lower().replace("_", "-")))
    assert visit.is_admitted
    assert f"signed by {'RSA' if 'RSA' in algorithm else 'ECDSA'} CA SHA256:" in visit.log


ADMITTED: dict[str, Callable[[SshdWorld], str]] = {
    "one of several principals": lambda sshd: sshd.certify("dev", "ops", "dba"),
    "its own network": lambda sshd: sshd.certify(critical_options={"source-address": "127.0.0.0/8,::1/128"}),
    "256 principals": lambda sshd: sshd.certify("ops", *[f"p{n}" for n in range(255)]),
}


@pytest.mark.parametrize("make", ADMITTED.values(), ids=ADMITTED.keys())
def test_what_fits_is_admitted(sshd: SshdWorld, make: Callable[[SshdWorld], str]) -> None:
    assert sshd.visit(make(sshd)).is_admitted


def moved(sshd: SshdWorld, begin: timedelta, end: timedelta) -> str:
    now = sshd.authority.ground.clock.now().replace(microsecond=0)
    return sshd.forge(valid_after=now + begin, valid_before=now + end)


REFUSED: dict[str, tuple[Callable[[SshdWorld], str], str]] = {
    "the account's name, which the file does not list": (lambda sshd: sshd.certify(sshd.user), NO_PRINCIPAL),
    "another principal": (lambda sshd: sshd.certify("dev"), NO_PRINCIPAL),
    "no principals, which we never sign": (lambda sshd: sshd.forge(principals=()), NO_PRINCIPAL),
    "a star, which we never sign": (lambda sshd: sshd.forge(principals=("*",)), NO_PRINCIPAL),
    "a comma, which we never sign": (lambda sshd: sshd.forge(principals=("zz,ops",)), NO_PRINCIPAL),
    "expired": (lambda sshd: moved(sshd, -2 * HOUR, -HOUR), "Certificate invalid: expired"),
    "not yet valid": (lambda sshd: moved(sshd, HOUR, 2 * HOUR), "Certificate invalid: not yet valid"),
    "another network": (
        lambda sshd: sshd.certify(critical_options={"source-address": "10.0.0.0/8"}),
        f"with valid certificate but not from a permitted source address ({HOST}).",
    ),
    # sshd says nothing of these two but that the bare key failed, too.
    "257 principals, which we never sign": (
        lambda sshd: sshd.forge(principals=("ops", *[f"p{n}" for n in range(256)])),
        "Failed publickey",
    ),
    "a host's certificate": (
        lambda sshd: sshd.forge("ssh-host", type=CertificateType.HOST),
        "Failed publickey",
    ),
    "an authority for hosts": (lambda sshd: sshd.forge("ssh-host"), "ED25519-CERT"),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused(sshd: SshdWorld, make: Callable[[SshdWorld], str], words: str) -> None:
    visit = sshd.visit(make(sshd))
    assert visit.ssh.returncode == 255
    assert words in visit.log
    assert "Accepted" not in visit.log


def test_without_a_file_of_principals_the_accounts_own_name_counts(sshd: SshdWorld) -> None:
    mine = sshd.visit(sshd.certify(sshd.user), port=sshd.without_file)
    others = sshd.visit(sshd.certify("ops"), port=sshd.without_file)
    assert (mine.is_admitted, others.is_admitted) == (True, False)
    assert NO_PRINCIPAL not in mine.log
    assert "Accepted" not in others.log


def test_a_command_may_name_the_principals(sshd: SshdWorld) -> None:
    good, bad = (sshd.certify("ops-of-alice", key_id=key_id) for key_id in ("alice", "bob"))
    assert sshd.visit(good, port=sshd.by_command).is_admitted
    refused = sshd.visit(bad, port=sshd.by_command)
    assert NO_PRINCIPAL in refused.log


def test_a_forced_command_replaces_the_one_asked_for(sshd: SshdWorld) -> None:
    command = 'echo "forced, not $SSH_ORIGINAL_COMMAND"'
    visit = sshd.visit(sshd.certify(critical_options={"force-command": command}), "id -un")
    assert visit.ssh.stdout == "forced, not id -un\n"
    assert f"Starting session: forced-command (key-option) '{command}'" in visit.log


def test_a_line_of_the_file_may_force_a_command_but_not_another_than_the_certificate(sshd: SshdWorld) -> None:
    sshd.write("principals", 'command="echo by line" ops\n')
    by_line = sshd.visit(sshd.certify())
    by_both = sshd.visit(sshd.certify(critical_options={"force-command": "echo by certificate"}))
    assert by_line.ssh.stdout == "by line\n"
    assert by_both.ssh.returncode == 255
    assert "forced command options do not match" in by_both.log


@pytest.mark.parametrize(
    ("line", "words"),
    [('from="10.0.0.0/8" ops', "Refused by certificate principals options"), ("o*", NO_PRINCIPAL)],
)
def test_a_line_of_the_file_may_refuse(sshd: SshdWorld, line: str, words: str) -> None:
    sshd.write("principals", f"{line}\n")
    visit = sshd.visit(sshd.certify())
    assert not visit.is_admitted
    assert words in visit.log


def test_a_session_without_permit_pty_gets_none(sshd: SshdWorld) -> None:
    visit = sshd.visit(sshd.certify(extensions={}), "id", "-tt")
    assert visit.ssh.returncode == 255
    assert "PTY allocation request failed" in visit.ssh.stderr


def test_a_session_without_permit_port_forwarding_forwards_nothing(sshd: SshdWorld) -> None:
    visit = sshd.visit(sshd.certify(extensions={}), "id", "-W", f"{HOST}:{sshd.port}")
    assert "administratively prohibited" in visit.ssh.stderr
    assert "refused local port forward" in visit.log


def test_a_session_may_see_the_certificate_that_opened_it(sshd: SshdWorld) -> None:
    certificate = sshd.certify()
    assert sshd.visit(certificate, "cat $SSH_USER_AUTH").ssh.stdout == f"publickey {certificate}\n"


def test_a_host_that_lets_root_in_nowhere_refuses_root_all_the_same(sshd: SshdWorld) -> None:
    visit = sshd.visit(sshd.certify(), port=sshd.without_root)
    is_root = os.geteuid() == 0
    assert visit.is_admitted is not is_root
    assert ("ROOT LOGIN REFUSED" in visit.log) is is_root


def test_a_locked_account_stays_locked(sshd: SshdWorld) -> None:
    """The account `sshd` has no password that could ever fit; only an sshd of root's sees that."""
    visit = sshd.visit(sshd.certify(), "id", "-l", "sshd")
    assert not visit.is_admitted
    assert ("not allowed because account is locked" in visit.log) is (os.geteuid() == 0)


@pytest.mark.parametrize(("algorithm", "is_admitted"), [("ssh-rsa", False), ("rsa-sha2-512", True)])
def test_a_signature_by_sha_1_which_we_never_make_is_refused(
    sshd: SshdWorld, tmp_path: Path, algorithm: str, *, is_admitted: bool
) -> None:
    make_key(tmp_path, "ca", "rsa-2048")
    sshd.write("user_ca.pub", (tmp_path / "ca.pub").read_text())
    (tmp_path / "id.pub").write_text(sshd.key)
    command = ["ssh-keygen", "-q", "-s", "ca", "-t", algorithm, "-I", "elsewhere", "-n", "ops", "id.pub"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=20)
    visit = sshd.visit((tmp_path / "id-cert.pub").read_text().strip())
    assert visit.is_admitted is is_admitted
    assert ("signature algorithm not supported" in visit.log) is not is_admitted


def test_the_trail_and_sshds_log_are_joined_by_authority_and_number(sshd: SshdWorld) -> None:
    """`(serial N) CA ED25519 SHA256:…` leads to the one entry that says who was given the certificate."""
    issued = sshd.authority.issue("user", sshd.key, ["ops"])
    logged = sshd.visit(issued.certificate).log.partition("Accepted publickey for ")[2].splitlines()[0]
    number, _, authority = logged.partition("(serial ")[2].partition(") CA ED25519 ")

    joined = [
        entry.details
        for entry in sshd.authority.trail_of("ssh:sign")
        if (entry.details.get("serial_number"), entry.details.get("authority_key")) == (number, authority)
    ]

    [details] = joined
    assert (details["certificate"], details["key_id"]) == (issued.id, issued.key_id)


def test_authorities_are_rotated_without_a_reload(world: SshdWorld) -> None:
    """Published, switched, retired: sshd is told by the file of keys alone, and stays the process it is."""
    authority = world.authority
    authority.make_profile("old", KeyAlgorithm.ED25519)
    world.renew()
    by_old = world.certify(profile="old")

    authority.perform(
        CreateSshAuthority(project="default", name="new", type=CertificateType.USER, succeeds="old")
    )
    world.renew()
    authority.perform(SwitchSshAuthority(project="default", name="old", to="new"))
    by_new = world.certify(profile="old")
    assert [world.visit(each).is_admitted for each in (by_old, by_new)] == [True, True]

    authority.perform(RetireSshAuthority(project="default", name="old", drops_valid=True))
    world.renew()
    assert [world.visit(each).is_admitted for each in (by_old, by_new)] == [False, True]
    assert not world.sshd.logged("Received SIGHUP; restarting.")


def listed(**content: Any) -> bytes:
    return encode_revocation_list(RevocationList(version=7, generated_at=0, **content))


def entry(sshd: SshdWorld, issued: IssuedSshCertificate, kind: str) -> bytes:
    """Return a list with one entry of a kind, about this certificate or its key."""
    number, key = issued.serial_number, parse_public_key(sshd.key).blob
    runs = {
        "range": ((max(1, number - 2), number + 100),),
        "bitmap": tuple((number + gap, number + gap) for gap in range(0, 400, 2)),
        "number of another authority": ((number, number), (number + 60_000, number + 60_000)),
    }
    if kind in runs:
        authority = sshd.authority.key_of("ssh-host" if "another" in kind else "ssh-user")
        return listed(certificates=(RevokedCertificates(authority_key=authority, runs=runs[kind]),))
    return listed(key_hashes=(sha256(key).digest(),)) if kind == "hash" else listed(keys=(key,))


@pytest.mark.parametrize("kind", ["range", "bitmap", "hash", "key"])
def test_every_kind_of_entry_in_a_revocation_list_is_obeyed(sshd: SshdWorld, kind: str) -> None:
    """Beside those of single numbers, key ids and authorities, which a running server's lists show."""
    issued = sshd.authority.issue("user", sshd.key, ["ops"])
    sshd.write("krl", entry(sshd, issued, kind))
    visit = sshd.visit(issued.certificate)
    assert not visit.is_admitted
    assert f"revoked by file {sshd.folder}/krl" in visit.log


def test_a_number_of_another_authority_revokes_nothing_here(sshd: SshdWorld) -> None:
    issued = sshd.authority.issue("user", sshd.key, ["ops"])
    sshd.write("krl", entry(sshd, issued, "number of another authority"))
    assert sshd.visit(issued.certificate).is_admitted
