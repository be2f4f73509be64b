"""Which server a client speaks to, as whom, and which root it trusts.

Later wins: the settings file (`~/.config/keywright/settings.json`, mode 0600), then `KEYWRIGHT_URL`,
`KEYWRIGHT_TOKEN` and `KEYWRIGHT_CA`. What the file keeps is for its own server: another URL gets neither its
token nor its root. Beside a local data directory nothing needs to be set.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from ca_service.client.errors import ClientError
from ca_service.kernel.secret_value import SecretValue

DEFAULT_URL = "https://127.0.0.1:8443"


class ClientSettings(Struct, frozen=True):
    """Where to, as whom, trusting what. None: not known."""

    url: str
    token: SecretValue[str] | None
    ca_file: Path | None


def settings_folder(variables: Mapping[str, str]) -> Path:
    """Return the folder of this person's settings (XDG Base Directory)."""
    home = variables.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path(variables.get("HOME", "~")).expanduser() / ".config") / "keywright"


def load_settings(variables: Mapping[str, str]) -> ClientSettings:
    """Return the settings in force. Raises ClientError for a settings file that cannot be read."""
    stored = _stored(settings_folder(variables) / "settings.json")
    data = Path(variables.get("KEYWRIGHT_DATA", "data"))
    url = (variables.get("KEYWRIGHT_URL") or stored.get("url") or DEFAULT_URL).rstrip("/")
    if url != stored.get("url", DEFAULT_URL).rstrip("/"):
        stored = {}
    token = variables.get("KEYWRIGHT_TOKEN", "").strip() or stored.get("token")
    ca_file = variables.get("KEYWRIGHT_CA") or stored.get("ca_file")
    if url == DEFAULT_URL:
        # A person beside a server of their own: its files are the best guess, and they are readable to the
        # owner of the service alone.
        token = token or _content(data / "admin-token")
        ca_file = ca_file or (str(data / "root-ca.pem") if (data / "root-ca.pem").is_file() else None)
    return ClientSettings(url, SecretValue(token) if token else None, Path(ca_file) if ca_file else None)


def kept_login(variables: Mapping[str, str]) -> ClientSettings | None:
    """Return the login that the settings file keeps, whatever else is in force; None without one."""
    stored = _stored(settings_folder(variables) / "settings.json")
    token, url = stored.get("token"), stored.get("url", DEFAULT_URL)
    if token is None:
        return None
    ca_file = stored.get("ca_file") or variables.get("KEYWRIGHT_CA")
    return ClientSettings(url, SecretValue(token), Path(ca_file) if ca_file else None)


def store_settings(variables: Mapping[str, str], changes: Mapping[str, str | None]) -> Path:
    """Merge `changes` (None removes) into the settings file and return its path; the file is mode 0600.

    A change of the URL forgets the token and the root of the server before. Raises ClientError.
    """
    folder = settings_folder(variables)
    file = folder / "settings.json"
    before = _stored(file)
    if "url" in changes and changes["url"] != before.get("url"):
        before = {}
    merged = {**before, **changes}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = folder / "settings.json.new"
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump({name: value for name, value in merged.items() if value is not None}, out, indent=2)
            out.write("\n")
        fresh.replace(file)
    except OSError as error:
        raise ClientError(f"cannot write {file}: {error.strerror}") from error
    return file


def _stored(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ClientError(f"cannot read {file}: mend it, or remove it and run keywright login") from error
    if not isinstance(found, dict):
        raise ClientError(f"{file} does not hold settings: remove it and run keywright login")
    return {str(name): str(value) for name, value in found.items()}


def _content(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
