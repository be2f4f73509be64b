"""The host certificates: written beside their keys, tried by sshd's own check, undone if it refuses them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from ca_service.agent.door import public_line
from ca_service.agent.errors import AgentError
from ca_service.agent.state import KeptCertificate
from ca_service.agent.tree import certificate_of
from ca_service.agent.whole_files import write_whole


def write_certificates(keys: Sequence[Path], answer: Mapping[str, Any]) -> tuple[KeptCertificate, ...]:
    """Write the certificate of each key that the server answered. Raises AgentError if one is missing."""
    given = {each["public_key"]: each for each in answer["certificates"]}
    kept = []
    for key in keys:
        certificate = given.get(public_line(key))
        if certificate is None:
            raise AgentError(f"the server gave no certificate for {key}: enrol this host again")
        content = f"{certificate['certificate'].strip()}\n".encode()
        write_whole(certificate_of(key), content)
        kept.append(
            KeptCertificate(
                key=str(key),
                serial_number=certificate["serial_number"],
                digest=sha256(content).hexdigest(),
                valid_after=datetime.fromisoformat(certificate["valid_after"]),
                valid_before=datetime.fromisoformat(certificate["valid_before"]),
            )
        )
    return tuple(kept)


def is_in_place(kept: KeptCertificate) -> bool:
    """Tell whether the file of a certificate is what was written there."""
    try:
        content = certificate_of(Path(kept.key)).read_bytes()
    except FileNotFoundError:
        return False
    return sha256(content).hexdigest() == kept.digest


def spread_of(host: str) -> float:
    """Return a number from 0 to 1 of a host's own, so that a fleet does not renew all at once."""
    return int.from_bytes(sha256(host.encode()).digest()[:4], "big") / 2**32
