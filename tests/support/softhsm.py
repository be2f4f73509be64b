"""A PKCS #11 token in software: SoftHSM 2, with a folder, a PIN file and a configuration of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ca_service.config import Pkcs11Config
from ca_service.custody.pkcs11.library import library_at

LIBRARY = "/usr/lib/softhsm/libsofthsm2.so"
LABEL = "keywright-tests"
PIN = "12345678"
_CONFIGURATION = "SOFTHSM2_CONF"


class SoftToken:
    """One token; the library finds it by a variable of the environment, which it reads when it begins."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tokens = folder / "tokens"
        self._tokens.mkdir(parents=True)
        self.configuration = folder / "softhsm2.conf"
        self.configuration.write_text(
            f"directories.tokendir = {self._tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        self.pin_file = folder / "pin"
        self.put_pin(PIN)
        self.run("--init-token", "--free", "--label", LABEL, "--so-pin", "87654321", "--pin", PIN)

    @property
    def settings(self) -> Pkcs11Config:
        """Return the configuration of a store on this token."""
        return Pkcs11Config(library=LIBRARY, token_label=LABEL, pin_file=str(self.pin_file), sessions=3)

    def put_pin(self, pin: str) -> None:
        """Write another PIN into the file of the store."""
        self.pin_file.touch(mode=0o600)
        self.pin_file.write_text(f"{pin}\n")

    def take_away(self) -> None:
        """Pull the token out."""
        self._tokens.rename(self._folder / "away")
        self._tokens.mkdir()

    def bring_back(self) -> None:
        """Put it in again."""
        self._tokens.rmdir()
        (self._folder / "away").rename(self._tokens)

    def forget_keys(self) -> None:
        """Lose every key of the token, as if it were another of the same label."""
        shutil.rmtree(self._tokens)
        self._tokens.mkdir()
        self.run("--init-token", "--free", "--label", LABEL, "--so-pin", "87654321", "--pin", PIN)

    def run(self, *arguments: str) -> str:
        """Run softhsm2-util on this token."""
        done = subprocess.run(
            ["softhsm2-util", *arguments],
            env={**os.environ, _CONFIGURATION: str(self.configuration)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


def restart_library() -> None:
    """End every session of this process with every token, as when a token is restarted."""
    library = library_at(LIBRARY)
    with library.in_use() as (_, generation):
        pass
    library.restart(generation)


@contextmanager
def soft_token(folder: Path) -> Iterator[SoftToken]:
    """Yield a token that the library finds in this process, once it begins."""
    token = SoftToken(folder)
    former = os.environ.get(_CONFIGURATION)
    os.environ[_CONFIGURATION] = str(token.configuration)
    restart_library()
    try:
        yield token
    finally:
        if former is None:
            del os.environ[_CONFIGURATION]
        else:
            os.environ[_CONFIGURATION] = former
