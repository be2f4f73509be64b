"""SSH authorities whose keys lie on a PKCS #11 token: made, signing, publishing."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.errors import KeyStoreRefusedError
from ca_service.custody.pkcs11.store import Pkcs11Store
from ca_service.database.port import Database
from ca_service.kernel.randomness import SystemRandomness
from ssh_ca.certificate_reader import parse_certificate
from ssh_ca.certificates import CertificateType
from ssh_ca.operations import (
    CreateSshAuthority,
    RetireSshAuthority,
    SshProfileChanges,
    SwitchSshAuthority,
    UpdateSshProfile,
)
from ssh_ca.signatures import public_key_line
from tests.support.fakes.kernel import FakeClock
from tests.support.softhsm import SoftToken, soft_token
from tests.support.ssh_ground import SshGround

ALGORITHMS = [KeyAlgorithm.ED25519, KeyAlgorithm.EC_P256, KeyAlgorithm.RSA_2048]


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SoftToken]:
    with soft_token(tmp_path / "softhsm") as made:
        yield made


@pytest.fixture
def ground(
    runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock, token: SoftToken
) -> SshGround:
    store = Pkcs11Store("hsm", token.settings, SystemRandomness())
    return runner.run(SshGround(sqlite_database, clock, stores=(store,)).start())


def on_token(algorithm: KeyAlgorithm, name: str = "onhsm", **further: str) -> CreateSshAuthority:
    return CreateSshAuthority(
        project="default",
        name=name,
        type=CertificateType.USER,
        key_algorithm=algorithm,
        key_store="hsm",
        **further,
    )


async def test_a_token_signs_certificates_by_every_algorithm(ground: SshGround) -> None:
    for algorithm in ALGORITHMS:
        name = algorithm.value.lower().replace("_", "-")
        authority = await ground.perform(on_token(algorithm, name))
        changes = SshProfileChanges(authority=name)
        await ground.perform(UpdateSshProfile(project="default", name="user", changes=changes))
        issued = await ground.issue("ops")
        assert parse_certificate(issued.certificate).authority_key == authority.public_key


async def test_an_authority_moves_to_a_token_and_signs_the_revocation_list(
    ground: SshGround, tmp_path: Path
) -> None:
    authority = await ground.perform(on_token(KeyAlgorithm.EC_P256, succeeds="ssh-user"))
    await ground.perform(SwitchSshAuthority(project="default", name="ssh-user", to="onhsm"))
    await ground.perform(RetireSshAuthority(project="default", name="ssh-user"))

    published = await ground.artefacts.revocation_list("default")

    key = public_key_line(authority.public_key, "hsm")
    (tmp_path / "allowed").write_text(f'keywright namespaces="keywright-krl" {key}\n')
    (tmp_path / "krl.sig").write_bytes(published.signature)
    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "keywright", "-n", "keywright-krl"]
    verified = subprocess.run(
        [*command, "-s", "krl.sig"], cwd=tmp_path, input=published.content, capture_output=True, check=False
    )
    assert verified.returncode == 0, verified.stderr


async def test_a_store_that_is_not_configured_is_refused(
    runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock
) -> None:
    ground = await SshGround(sqlite_database, clock).start()
    with pytest.raises(KeyStoreRefusedError) as caught:
        await ground.perform(on_token(KeyAlgorithm.ED25519))
    assert caught.value.field == "key_store"
