"""The PIN of a token, from a file that nobody else may read; it is read at each login and not remembered."""

import stat
from pathlib import Path

from ca_service.kernel.secret_value import SecretValue

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LONGEST = 255


class PinFileError(Exception):
    """The file holds no PIN or is not its owner's alone; the message is one sentence without the PIN."""


def read_pin(path: Path) -> SecretValue[str]:
    """Return the PIN without the line end. Raises PinFileError."""
    try:
        mode = path.stat().st_mode
        raw = path.read_bytes() if not mode & _OTHERS else b""
    except OSError as error:
        raise PinFileError(f"cannot read the PIN file {path}: {error.strerror}") from error
    if mode & _OTHERS:
        raise PinFileError(f"others may read the PIN file {path}; run: chmod 600 {path}")
    try:
        pin = raw[: _LONGEST + 2].decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise PinFileError(f"the PIN file {path} is not UTF-8") from None
    if not 0 < len(pin) <= _LONGEST:
        raise PinFileError(f"the PIN file {path} must hold the PIN and nothing else")
    return SecretValue(pin)
