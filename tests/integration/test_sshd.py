"""A real sshd lets our certificates in and keeps all others out; a real ssh trusts our host certificates."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.database.port import Database
from ssh_ca.certificates import CertificateType
from ssh_ca.operations import CreateSshAuthority, CreateSshProfile
from ssh_ca.profiles import ProfileSettings
from tests.support.fakes.kernel import FakeClock
from tests.support.ssh_ground import SshGround
from tests.support.sshd import HOST, Sshd, make_key

HOUR = timedelta(hours=1)


class GroundAuthority:
    """Our handlers behind the real gate, as a `SshAuthorityClient`."""

    def __init__(self, runner: asyncio.Runner, ground: SshGround) -> None:
        self._runner = runner
        self.ground = ground

    def certify(self, profile: str, public_key: str, principals: list[str], **fields: Any) -> str:
        asked = {"profile": profile, "public_key": public_key, **fields}
        return self._runner.run(self.ground.issue(*principals, **asked)).certificate

    def authority_keys(self, kind: str) -> str:
        _, body, _ = self._runner.run(self.ground.artefacts(f"default/{kind}-ca.pub"))
        return body.decode()

    def make_profile(self, name: str, algorithm: KeyAlgorithm) -> None:
        kind = CertificateType.USER
        authority = CreateSshAuthority(project="default", name=name, type=kind, key_algorithm=algorithm)
        settings = ProfileSettings(authority=name, default_ttl=HOUR, max_ttl=HOUR)
        profile = CreateSshProfile(project="default", name=name, type=kind, settings=settings)
        self._runner.run(self.ground.perform(authority))
        self._runner.run(self.ground.perform(profile))


@pytest.fixture
def clock() -> FakeClock:
    """Two hours ago, until `sshd` runs: what is signed before that for an hour has expired for ssh."""
    return FakeClock(datetime.now(UTC) - 2 * HOUR)


@pytest.fixture
def authority(runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock) -> GroundAuthority:
    return GroundAuthority(runner, runner.run(SshGround(sqlite_database, clock).start()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sshd"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def sshd(folder: Path, authority: GroundAuthority, clock: FakeClock) -> Iterator[Sshd]:
    with running_sshd(folder, authority, HOST) as running:
        clock.advance(2 * HOUR)
        yield running


@contextmanager
def running_sshd(folder: Path, authority: GroundAuthority, host_principal: str) -> Iterator[Sshd]:
    running = Sshd(folder, authority, [host_principal])
    try:
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-2048"])
def test_our_certificate_opens_the_account(sshd: Sshd, authority: GroundAuthority, kind: str) -> None:
    line = make_key(sshd.folder, "id", kind)
    login = sshd.login("id", authority.certify("user", line, ["ops"], key_id="alice@example.com"))
    assert (login.returncode, login.stdout.strip()) == (0, sshd.user), login.stderr
    sshd.stop()
    assert sshd.logged("ID alice@example.com (serial 1) CA ED25519")


def test_any_of_several_principals_opens_it(sshd: Sshd, authority: GroundAuthority) -> None:
    line = make_key(sshd.folder, "id")
    assert sshd.login("id", authority.certify("user", line, ["dev", "ops", "dba"])).returncode == 0


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.EC_P256, KeyAlgorithm.EC_P521, KeyAlgorithm.RSA_2048])
def test_authorities_of_other_algorithms_are_understood(
    folder: Path, authority: GroundAuthority, clock: FakeClock, algorithm: KeyAlgorithm
) -> None:
    authority.make_profile("other", algorithm)
    with running_sshd(folder, authority, HOST) as running:
        clock.advance(2 * HOUR)
        line = make_key(folder, "id")
        assert running.login("id", authority.certify("other", line, ["ops"])).returncode == 0


def test_an_expired_certificate_is_refused(folder: Path, authority: GroundAuthority) -> None:
    expired = authority.certify("user", make_key(folder, "id"), ["ops"], ttl=HOUR)
    with running_sshd(folder, authority, HOST) as running:
        assert running.login("id", expired).returncode == 255
    assert running.logged("Certificate invalid: expired")


def test_another_principal_is_refused(sshd: Sshd, authority: GroundAuthority) -> None:
    line = make_key(sshd.folder, "id")
    assert sshd.login("id", authority.certify("user", line, ["dev"])).returncode == 255
    sshd.stop()
    assert sshd.logged("Certificate does not contain an authorized principal")


def test_a_certificate_of_another_authority_is_refused(sshd: Sshd, authority: GroundAuthority) -> None:
    authority.make_profile("untrusted", KeyAlgorithm.ED25519)
    line = make_key(sshd.folder, "id")
    assert sshd.login("id", authority.certify("untrusted", line, ["ops"])).returncode == 255
    sshd.stop()
    assert not sshd.logged("Accepted")


def test_a_host_certificate_opens_no_account(sshd: Sshd, authority: GroundAuthority) -> None:
    line = make_key(sshd.folder, "id")
    assert sshd.login("id", authority.certify("host", line, ["ops"])).returncode == 255


def test_a_forced_command_replaces_the_one_asked_for(sshd: Sshd, authority: GroundAuthority) -> None:
    line = make_key(sshd.folder, "id")
    options = {"force-command": "echo forced"}
    login = sshd.login("id", authority.certify("user", line, ["ops"], critical_options=options))
    assert login.stdout == "forced\n"


def test_a_certificate_for_another_network_is_refused_here(sshd: Sshd, authority: GroundAuthority) -> None:
    line = make_key(sshd.folder, "id")
    elsewhere, here = ({"source-address": network} for network in ("10.0.0.0/8", "127.0.0.0/8,::1/128"))
    refused = sshd.login("id", authority.certify("user", line, ["ops"], critical_options=elsewhere))
    admitted = sshd.login("id", authority.certify("user", line, ["ops"], critical_options=here))
    assert (refused.returncode, admitted.returncode) == (255, 0)


def test_a_session_without_permit_pty_gets_none(sshd: Sshd, authority: GroundAuthority) -> None:
    line = make_key(sshd.folder, "id")
    certificate = authority.certify("user", line, ["ops"], extensions={})
    assert "PTY allocation request failed" in sshd.login("id", certificate, "id", "-tt").stderr


def test_a_host_certificate_for_another_name_is_not_trusted(folder: Path, authority: GroundAuthority) -> None:
    with running_sshd(folder, authority, "other.example") as running:
        line = make_key(folder, "id")
        login = running.login("id", authority.certify("user", line, ["ops"]))
    assert login.returncode == 255
    assert "Certificate invalid: name is not a listed principal" in login.stderr


def test_a_host_certificate_of_another_authority_is_not_trusted(
    sshd: Sshd, authority: GroundAuthority
) -> None:
    line = make_key(sshd.folder, "id")
    certificate = authority.certify("user", line, ["ops"])
    wrong = authority.authority_keys("user")
    (sshd.folder / "known_hosts").write_text(f"@cert-authority {HOST} {wrong}")
    login = sshd.login("id", certificate)
    assert login.returncode == 255
    assert "Host key verification failed" in login.stderr
