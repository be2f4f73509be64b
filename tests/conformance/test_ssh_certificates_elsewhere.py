"""What we encode is read alike by OpenSSH, by asyncssh and by cryptography."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

from ca_service.custody.algorithms import KeyAlgorithm
from ssh_ca.certificates import CertificateContent, CertificateType
from ssh_ca.encoder import certificate_line, sign_certificate
from ssh_ca.public_keys import KEY_TYPES, SubjectKey, fingerprint_of, parse_public_key
from tests.support.fakes.kernel import FakeClock
from tests.support.ssh_ground import every_subject_key, key_line, make_content, make_signer

NONCE = bytes(range(32))
AUTHORITY_KEYS = [
    KeyAlgorithm.ED25519,
    KeyAlgorithm.EC_P256,
    KeyAlgorithm.EC_P384,
    KeyAlgorithm.EC_P521,
    KeyAlgorithm.RSA_2048,
]
#: The golden listing, with a fingerprint where the key is a fresh one.
LISTING = """\
Type: ssh-ed25519-cert-v01@openssh.com user certificate
Public key: ED25519-CERT {subject}
Signing CA: ED25519 {authority} (using ssh-ed25519)
Key ID: "idn_alice"
Serial: 7
Valid: from 2026-01-02T03:03:05 to 2026-01-02T04:04:05
Principals:
alice
ops
Critical Options:
force-command id -un
source-address 127.0.0.0/8,::1/128
Extensions:
login@github.com UNKNOWN OPTION: 000000076f63746f636174 (len 11)
permit-X11-forwarding
permit-pty
"""


def listing_of(folder: Path, line: str) -> str:
    """Return what `ssh-keygen -L` prints, without the file's name and the indentation."""
    file = folder / "id-cert.pub"
    file.write_text(line + "\n")
    shown = subprocess.run(
        ["ssh-keygen", "-L", "-f", str(file)],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
        env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
    )
    return "".join(f"{text.strip()}\n" for text in shown.stdout.splitlines()[1:])


def signed(content: CertificateContent, algorithm: KeyAlgorithm = KeyAlgorithm.ED25519) -> tuple[str, bytes]:
    signer, blob = make_signer(algorithm)
    return certificate_line(sign_certificate(content, signer, blob, NONCE)), blob


@pytest.fixture(scope="module")
def subject_keys() -> dict[str, SubjectKey]:
    return every_subject_key()


def test_openssh_lists_a_certificate_as_we_meant_it(tmp_path: Path, clock: FakeClock) -> None:
    key = parse_public_key(key_line())
    line, authority = signed(make_content(key, clock))
    expected = LISTING.format(subject=key.fingerprint, authority=fingerprint_of(authority))
    assert listing_of(tmp_path, line) == expected


@pytest.mark.parametrize("algorithm", AUTHORITY_KEYS)
@pytest.mark.parametrize("key_type", sorted(KEY_TYPES))
def test_openssh_reads_every_subject_key_under_every_authority_key(
    tmp_path: Path,
    clock: FakeClock,
    subject_keys: dict[str, SubjectKey],
    key_type: str,
    algorithm: KeyAlgorithm,
) -> None:
    line, authority = signed(make_content(subject_keys[key_type], clock), algorithm)
    listing = listing_of(tmp_path, line)
    assert subject_keys[key_type].fingerprint in listing
    assert fingerprint_of(authority) in listing


def test_openssh_knows_the_options_of_fido_keys(
    tmp_path: Path, clock: FakeClock, subject_keys: dict[str, SubjectKey]
) -> None:
    options: dict[str, Any] = {
        "critical_options": {"verify-required": ""},
        "extensions": {"no-touch-required": ""},
    }
    line, _ = signed(make_content(subject_keys["sk-ssh-ed25519@openssh.com"], clock, **options))
    listing = listing_of(tmp_path, line)
    assert "UNKNOWN" not in listing
    assert re.search("Critical Options:\nverify-required\nExtensions:\nno-touch-required\n", listing)


def test_openssh_reads_host_certificates(tmp_path: Path, clock: FakeClock) -> None:
    content = make_content(
        parse_public_key(key_line()),
        clock,
        type=CertificateType.HOST,
        principals=("a.example", "192.0.2.1"),
        critical_options={},
        extensions={},
    )
    line, _ = signed(content)
    listing = listing_of(tmp_path, line)
    assert "host certificate" in listing
    assert "Principals:\na.example\n192.0.2.1\nCritical Options: (none)\nExtensions: (none)\n" in listing


@pytest.mark.parametrize("algorithm", AUTHORITY_KEYS)
@pytest.mark.parametrize("key_type", sorted(KEY_TYPES))
def test_asyncssh_reads_and_verifies_it(
    clock: FakeClock, subject_keys: dict[str, SubjectKey], key_type: str, algorithm: KeyAlgorithm
) -> None:
    content = make_content(subject_keys[key_type], clock, extensions={"permit-pty": ""})
    line, authority = signed(content, algorithm)
    certificate: Any = asyncssh.import_certificate(line)
    assert certificate.principals == list(content.principals)
    assert certificate.key.public_data == subject_keys[key_type].blob
    assert certificate.signing_key.public_data == authority


@pytest.mark.parametrize("algorithm", AUTHORITY_KEYS)
@pytest.mark.parametrize("key_type", sorted(kind for kind in KEY_TYPES if not kind.startswith("sk-")))
def test_cryptography_reads_and_verifies_it(
    clock: FakeClock, subject_keys: dict[str, SubjectKey], key_type: str, algorithm: KeyAlgorithm
) -> None:
    content = make_content(subject_keys[key_type], clock)
    certificate = load_ssh_public_identity(signed(content, algorithm)[0].encode())
    assert isinstance(certificate, SSHCertificate)
    certificate.verify_cert_signature()
    assert (certificate.serial, certificate.key_id) == (7, b"idn_alice")
    assert certificate.valid_principals == [b"alice", b"ops"]
    assert list(certificate.critical_options) == [b"force-command", b"source-address"]
    assert list(certificate.extensions) == [b"login@github.com", b"permit-X11-forwarding", b"permit-pty"]
    assert datetime.fromtimestamp(certificate.valid_before, UTC) == content.valid_before
