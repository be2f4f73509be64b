"""ssh-keygen reads our key revocation lists as we mean them, and verifies our signatures over them."""

import random
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.signers import Signer
from ssh_ca.certificates import CertificateType
from ssh_ca.encoder import certificate_line, sign_certificate
from ssh_ca.handlers.publish_revocation_list import NAMESPACE
from ssh_ca.public_keys import SubjectKey, fingerprint_of, parse_public_key
from ssh_ca.revocation_list import RevocationList, RevokedCertificates, encode_revocation_list, runs_of
from ssh_ca.revoked import Revocation, RevocationKind, RevokedFacts, revocation_list_of
from ssh_ca.signatures import public_key_line
from ssh_ca.signed_files import sign_file
from tests.support.fakes.kernel import FakeClock
from tests.support.ssh_ground import every_subject_key, key_line, make_content, make_signer
from tests.support.x509_ground import TENANT

CLOCK = FakeClock()


def listing(*certificates: RevokedCertificates, keys: tuple[bytes, ...] = ()) -> RevocationList:
    return RevocationList(
        version=4242, generated_at=1_700_000_000, comment="c", certificates=certificates, keys=keys
    )


class Asked:
    """One authority, one list, and ssh-keygen to ask about certificates and keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signer, self.authority = make_signer()
        self.subject = parse_public_key(key_line())

    def certificate(
        self,
        number: int = 7,
        key_id: str = "alice",
        subject: SubjectKey | None = None,
        other: tuple[Signer, bytes] | None = None,
        kind: CertificateType = CertificateType.USER,
    ) -> str:
        signer, authority = other or (self.signer, self.authority)
        changes = {"serial_number": number, "key_id": key_id, "type": kind}
        if kind is CertificateType.HOST:
            changes |= {"critical_options": {}, "extensions": {}}
        content = make_content(subject or self.subject, CLOCK, **changes)
        return certificate_line(sign_certificate(content, signer, authority, bytes(32)))

    def publish(self, *numbers: int, key_ids: tuple[str, ...] = (), keys: tuple[bytes, ...] = ()) -> None:
        revoked = RevokedCertificates(authority_key=self.authority, runs=runs_of(numbers), key_ids=key_ids)
        self.write(encode_revocation_list(listing(revoked, keys=keys)))

    def write(self, encoded: bytes) -> None:
        (self.folder / "krl").write_bytes(encoded)

    def is_revoked(self, line: str) -> bool:
        (self.folder / "asked.pub").write_text(line + "\n")
        said = self._run("-Q", "-f", "krl", "asked.pub")
        assert said.stdout.endswith((": REVOKED\n", ": ok\n")), said.stdout + said.stderr
        return said.stdout.endswith(": REVOKED\n")

    def listed(self) -> list[str]:
        """Return the lines of a listing without comments and empty lines."""
        said = self._run("-Q", "-l", "-f", "krl")
        assert said.returncode == 0, said.stderr
        return [line for line in said.stdout.splitlines() if line and not line.startswith("#")]

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["ssh-keygen", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


def test_an_empty_list_revokes_nothing(asked: Asked) -> None:
    asked.write(encode_revocation_list(listing()))
    assert not asked.is_revoked(asked.certificate())
    assert not asked.is_revoked(asked.subject.line)
    assert asked.listed() == []


NUMBERS = {
    "single numbers": (5, 7_000, 2**63 - 1),
    "a range": tuple(range(6, 101)),
    "a bitmap": tuple(range(100, 300, 2)),
    "all kinds": (1, *range(100, 200, 2), *range(5_000, 7_000), 2**41),
}


@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS.keys())
def test_numbers_are_revoked_and_their_neighbours_are_not(asked: Asked, numbers: tuple[int, ...]) -> None:
    asked.publish(*numbers)
    revoked = {numbers[0], numbers[len(numbers) // 2], numbers[-1]}
    good = {number + step for number in revoked for step in (-1, 1)} - set(numbers) - {0}
    assert [number for number in revoked if not asked.is_revoked(asked.certificate(number))] == []
    assert [number for number in good if asked.is_revoked(asked.certificate(number))] == []


@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS.keys())
def test_the_listing_tells_every_number_and_no_other(asked: Asked, numbers: tuple[int, ...]) -> None:
    asked.publish(*numbers)
    assert numbers_of(asked.listed()) == set(numbers)


def test_100_000_numbers_are_all_found(asked: Asked) -> None:
    numbers = random.Random(7).sample(range(1, 1_000_001), 100_000)
    asked.publish(*numbers)
    assert numbers_of(asked.listed()) == set(numbers)


def test_the_same_number_of_another_authority_is_good(asked: Asked) -> None:
    asked.publish(7, key_ids=("alice",))
    assert not asked.is_revoked(asked.certificate(other=make_signer()))


def test_a_key_id_revokes_every_certificate_with_it(asked: Asked) -> None:
    asked.publish(key_ids=("alice", "carol"))
    assert asked.is_revoked(asked.certificate(1, "alice"))
    assert asked.is_revoked(asked.certificate(2, "alice", parse_public_key(key_line())))
    assert not asked.is_revoked(asked.certificate(1, "bob"))
    assert [line for line in asked.listed() if line.startswith("id: ")] == ["id: alice", "id: carol"]


@pytest.mark.parametrize("kind", sorted(every_subject_key()))
def test_a_revoked_key_is_refused_bare_and_under_every_certificate(asked: Asked, kind: str) -> None:
    subject = every_subject_key()[kind]
    kept = Revocation(RevocationKind.PUBLIC_KEY, "", fingerprint_of(subject.blob), CLOCK.now())
    facts = RevokedFacts(authorities=(), certificates=(), revocations=(kept,))
    asked.write(encode_revocation_list(revocation_list_of(TENANT, 1, CLOCK.now(), facts)))
    assert asked.is_revoked(subject.line)
    assert asked.is_revoked(asked.certificate(1, subject=subject))
    assert asked.is_revoked(asked.certificate(2, subject=subject, other=make_signer()))
    assert not asked.is_revoked(asked.certificate())
    assert asked.listed() == [f"hash: SHA256:{sha256(subject.blob).hexdigest()}"]


@pytest.mark.parametrize("kind", list(CertificateType))
def test_a_revoked_authority_takes_everything_with_it(asked: Asked, kind: CertificateType) -> None:
    asked.publish(keys=(asked.authority,))
    assert asked.is_revoked(asked.certificate(kind=kind))
    assert asked.is_revoked(public_key_line(asked.authority, "c"))
    assert not asked.is_revoked(asked.certificate(kind=kind, other=make_signer()))
    assert any(fingerprint_of(asked.authority) in line for line in asked.listed())


def test_lists_of_several_authorities_say_each_their_own(asked: Asked) -> None:
    other = make_signer()
    sections = tuple(
        RevokedCertificates(authority_key=key, runs=runs_of(numbers))
        for key, numbers in ((asked.authority, [7]), (other[1], [8]))
    )
    asked.write(encode_revocation_list(listing(*sections)))
    found = [
        asked.is_revoked(asked.certificate(number, other=signer))
        for signer in (None, other)
        for number in (7, 8)
    ]
    assert found == [True, False, False, True]


@pytest.mark.parametrize(
    "algorithm",
    [
        KeyAlgorithm.ED25519,
        KeyAlgorithm.EC_P256,
        KeyAlgorithm.EC_P384,
        KeyAlgorithm.EC_P521,
        KeyAlgorithm.RSA_2048,
    ],
)
def test_ssh_keygen_verifies_the_signature_of_every_authority_key(
    tmp_path: Path, algorithm: KeyAlgorithm
) -> None:
    signer, key = make_signer(algorithm)
    content = encode_revocation_list(listing())
    (tmp_path / "krl.sig").write_bytes(sign_file(content, NAMESPACE, signer, key))
    (tmp_path / "allowed").write_text(f"ca {public_key_line(key, 'c')}\n")
    assert verifies(tmp_path, content)
    assert not verifies(tmp_path, content + b"\0")
    assert not verifies(tmp_path, content, namespace="file")


def verifies(folder: Path, content: bytes, *, namespace: str = NAMESPACE) -> bool:
    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "ca", "-n", namespace, "-s", "krl.sig"]
    said = subprocess.run(command, cwd=folder, input=content, capture_output=True, timeout=20, check=False)
    return said.returncode == 0


def numbers_of(listed: list[str]) -> set[int]:
    found: set[int] = set()
    for line in listed:
        if line.startswith("serial: "):
            low, _, high = line.removeprefix("serial: ").partition("-")
            found.update(range(int(low), int(high or low) + 1))
    return found
