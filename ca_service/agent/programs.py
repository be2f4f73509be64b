"""The programs of OpenSSH and OpenSSL that a host has anyway: they hold the keys, we never read them."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from ca_service.agent.errors import AgentError

_SECONDS = 60


def run_program(command: Sequence[str], *, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """Run one program to its end, whatever comes of it. Raises AgentError if it is not there, or hangs."""
    try:
        return subprocess.run(  # noqa: S603 - the arguments are ours, and no shell reads them
            [*command], input=stdin, capture_output=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise AgentError(f"there is no {command[0]} on this host: install OpenSSH") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentError(f"{command[0]} did not run to its end: {error}") from error


def make_host_key(file: Path) -> None:
    """Make an Ed25519 key pair without a passphrase. Raises AgentError."""
    _must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "host", "-f", str(file)], b"")


def sign_with_host_key(key: Path, namespace: str, message: bytes) -> str:
    """Return the armoured signature of the message (`ssh-keygen -Y sign`). Raises AgentError."""
    return _must(["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(key)], message).decode("ascii")


def sign_with_certificate_key(key: Path, message: Path) -> bytes:
    """Return an X.509 key's signature of a file: Ed25519, else with SHA-256. Raises AgentError."""
    command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(key), "-in", str(message)]
    shown = run_program(["openssl", "pkey", "-in", str(key), "-noout", "-text_pub"]).stdout
    return _must(command if b"ED25519" in shown else [*command, "-digest", "sha256"], b"")


def verify_signature(signers: Path, namespace: str, signature: Path, content: bytes) -> bool:
    """Tell whether one of the allowed signers signed the content (`ssh-keygen -Y verify`)."""
    command = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", "keywright", "-n", namespace]
    return run_program([*command, "-s", str(signature)], stdin=content).returncode == 0


def reads_as_revocation_list(file: Path) -> bool:
    """Tell whether OpenSSH can read the file as a key revocation list."""
    return run_program(["ssh-keygen", "-Q", "-l", "-f", str(file)]).returncode == 0


def _must(command: list[str], stdin: bytes) -> bytes:
    done = run_program(command, stdin=stdin)
    if done.returncode != 0:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())
        raise AgentError(f"{command[0]} failed: {said[:300] or f'status {done.returncode}'}")
    return done.stdout
