"""What the agent of a host knows: its server, its name there, what it was given, and how fresh that is."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.agent.errors import AgentError
from ca_service.agent.whole_files import write_whole


class KeptCertificate(Struct, frozen=True, kw_only=True):
    """A certificate as it was given for a key (the file of the private key). `digest` is of its file."""

    key: str
    serial_number: str
    digest: str
    valid_after: datetime
    valid_before: datetime

    def is_due(self, now: datetime, spread: float) -> bool:
        """Tell whether it is to be renewed: after two thirds of its life, up to a tenth sooner."""
        life = self.valid_before - self.valid_after
        return now >= self.valid_after + life * (2 / 3 - spread / 10)


class KeptList(Struct, frozen=True, kw_only=True):
    """The key revocation list that is in place. Versions only rise: they follow the clock over restores."""

    version: int
    digest: str
    fetched_at: datetime


class HostState(Struct, frozen=True, kw_only=True):
    """Everything that is known. `logins_at` is when the principals were last confirmed by the server."""

    url: str
    project: str
    host: str
    name: str
    certificates: tuple[KeptCertificate, ...]
    revocation_list: KeptList | None = None
    logins_at: datetime | None = None


def read_state(file: Path) -> HostState:
    """Return what is known. Raises AgentError for a host that is not enrolled."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=HostState)
    except FileNotFoundError as error:
        raise AgentError("this host is not enrolled: run keywright ssh host enrol") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise AgentError(f"cannot read {file}: enrol this host again with a new token") from error


def write_state(file: Path, state: HostState) -> None:
    """Keep what is known."""
    write_whole(file, msgspec.json.format(msgspec.json.encode(state)) + b"\n", 0o600)


def age(now: datetime, moment: datetime | None) -> str:
    """Return how long ago something was, as a person says it."""
    if moment is None:
        return "never"
    minutes = max(now - moment, timedelta()) // timedelta(minutes=1)
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} d ago"


def with_changes(state: HostState, **changes: Any) -> HostState:
    """Return what is known with some of it changed."""
    return msgspec.structs.replace(state, **changes)
