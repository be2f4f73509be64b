"""The data directory: made for its owner alone, and its key files read by nobody else (S13)."""

import os
import stat
from pathlib import Path

from ca_service.config import ConfigError

ADMIN_TOKEN = "admin-token"  # noqa: S105 - the name of a file
ROOT_KEY = "root-key"
ROOT_CERTIFICATE = "root-ca.pem"
_OURS = ("keywright.db", ROOT_KEY, ADMIN_TOKEN)


def prepare_data_directory(directory: Path) -> None:
    """Make the directory 0700 and refuse key files that others may read. Raises ConfigError.

    A directory of ours that became wider is narrowed; one that holds other things is left alone and refused.
    """
    os.umask(0o077)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _narrow(directory)
        for name in (ROOT_KEY, ADMIN_TOKEN):
            _verify_private(directory / name)
    except OSError as error:
        raise ConfigError(f"cannot use the data directory {directory}: {error.strerror}") from error


def _narrow(directory: Path) -> None:
    if not stat.S_IMODE(directory.stat().st_mode) & 0o077:
        return
    held = {entry.name for entry in directory.iterdir()}
    if held and not held.intersection(_OURS):
        raise ConfigError(
            f"the data directory {directory} holds other things and is open to others: choose an empty one "
            f"with --data, or run `chmod 700 {directory}`"
        )
    directory.chmod(0o700)


def _verify_private(file: Path) -> None:
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        return
    if mode & 0o077:
        raise ConfigError(f"{file} may be read by others: run `chmod 600 {file}`")


def write_file(file: Path, content: bytes, mode: int) -> None:
    """Write a file whole and durably under its name, replacing what was there."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    try:
        os.fchmod(descriptor, mode)
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    unfinished.replace(file)
    parent = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
