"""Keeping sshd's `RevokedKeys`: a list takes the place of another only if it is whole, signed and no older.

sshd refuses every key while the file is missing or broken, takes an empty file for an empty list, and looks
at neither version nor date. So all of that is looked at here.
"""

from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from ca_service.agent.errors import ListRefusedError
from ca_service.agent.programs import reads_as_revocation_list, verify_signature
from ca_service.agent.state import KeptList
from ca_service.agent.whole_files import write_if_changed

NAMESPACE = "keywright-krl"
_MAGIC = b"SSHKRL\n\0\x00\x00\x00\x01"
_VERSION = slice(len(_MAGIC), len(_MAGIC) + 8)
_SHORTEST = 44


def version_of(content: bytes) -> int | None:
    """Return the version of a list (openssh PROTOCOL.krl), None for what does not begin as one."""
    if len(content) < _SHORTEST or not content.startswith(_MAGIC):
        return None
    return int.from_bytes(content[_VERSION], "big")


def verified_version(content: bytes, signature: bytes, signers: list[str]) -> int:
    """Return the version of a list that OpenSSH can read and a signer signed. Raises ListRefusedError."""
    version = version_of(content)
    if version is None:
        raise ListRefusedError("what the server sent is no key revocation list; the one in place stays")
    with TemporaryDirectory() as folder:
        place = Path(folder)
        allowed, signed, list_file = place / "signers", place / "signature", place / "krl"
        allowed.write_text("".join(f'keywright namespaces="{NAMESPACE}" {line}\n' for line in signers))
        signed.write_bytes(signature)
        list_file.write_bytes(content)
        if not verify_signature(allowed, NAMESPACE, signed, content):
            raise ListRefusedError(
                "the signature of the revocation list is wrong; the one in place stays: find out who answers "
                "for the server"
            )
        if not reads_as_revocation_list(list_file):
            raise ListRefusedError("OpenSSH cannot read the revocation list; the one in place stays")
    return version


def keep_list(
    file: Path, kept: KeptList | None, content: bytes, signature: bytes, signers: list[str], now: datetime
) -> KeptList:
    """Put a list in place, unless it is older than the one that was there last. Raises ListRefusedError."""
    version = verified_version(content, signature, signers)
    digest = sha256(content).hexdigest()
    newest = max(_version_in(file), 0 if kept is None else kept.version)
    if version < newest:
        raise ListRefusedError(
            f"the server's revocation list is version {version}, older than {newest} in place, which stays: "
            "find out who answers for the server, or what it was restored from"
        )
    if kept is not None and version == kept.version and digest != kept.digest:
        raise ListRefusedError(f"there are two revocation lists of version {version}; the one in place stays")
    write_if_changed(file, content)
    return KeptList(version=version, digest=digest, fetched_at=now)


def _version_in(file: Path) -> int:
    try:
        found = version_of(file.read_bytes())
    except FileNotFoundError:
        return 0
    # What is broken is no reason to refuse a good one, however high its version says it is.
    return found if found is not None and reads_as_revocation_list(file) else 0
