"""`keywright recovery …`: a code on paper that opens the root key when its usual place is lost (S13)."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ca_service.cli.files import prepare_folder
from ca_service.cli.local import (
    ConfigFile,
    DatabaseUrl,
    DataDirectory,
    load_local_config,
    run_on_loop,
    verify_database_exists,
)
from ca_service.cli.output import AsJson, conclude, fail, note
from ca_service.cli.prompts import ask_secret
from ca_service.config import Config, environment
from ca_service.kernel.secret_value import SecretValue

app = typer.Typer(no_args_is_help=True, help="The recovery code of the root key.")

#: How many words of the code are asked back before it counts.
_ASKED_BACK = 3


@app.command()
def create(config: ConfigFile = None, data: DataDirectory = None, database: DatabaseUrl = None) -> None:
    """Print a new recovery code once, ask for three of its words back, then keep the root key wrapped by it.

    The code before it, if there was one, opens nothing afterwards.
    """
    loaded = load_local_config(config, data, database)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        fail("a recovery code is shown on a terminal alone, never written to a file: run this on one")
    from ca_service.custody.memory import protect_memory
    from ca_service.custody.recovery import make_recovery_code
    from ca_service.kernel.randomness import SystemRandomness

    verify_database_exists(loaded)
    protect_memory()
    # Nobody writes 24 words down for a key that cannot be opened here.
    run_on_loop(lambda: _with_root(loaded))
    randomness = SystemRandomness()
    code = make_recovery_code(randomness)
    _show(code)
    words = code.reveal().split()
    positions: list[int] = []
    while len(positions) < _ASKED_BACK:
        position = randomness.token_bytes(1)[0] % len(words)
        if position not in positions:
            positions.append(position)
    for position in sorted(positions):
        if ask_secret(f"word {position + 1}").reveal().lower() != words[position]:
            fail("that is not the word: no recovery code was kept, run this again")
    run_on_loop(lambda: _with_root(loaded, code))
    note("kept: this code opens the root key of this database")


@app.command()
def restore(
    out: Annotated[Path, typer.Argument(help="The root key's file to write, such as DATA/root-key.")],
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Write the root key back to a file, from the recovery code typed in."""
    loaded = load_local_config(config, data, database)
    if out.exists():
        fail(f"{out} exists already: move it away first, so that no key is lost")
    verify_database_exists(loaded)
    prepare_folder(out.absolute().parent)
    from ca_service.custody.memory import protect_memory

    protect_memory()
    code = ask_secret("recovery code")
    key = run_on_loop(lambda: _open(loaded, code))
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key.reveal().hex() + "\n")
    conclude(
        f"written to {out}; start the service with it, then make a new code: keywright recovery create",
        {"file": str(out.absolute())},
        as_json,
    )


def _show(code: SecretValue[str]) -> None:
    words = code.reveal().split()
    print("Write these words down, in this order. They are shown once and stored nowhere.\n")
    for start in range(0, len(words), 6):
        row = words[start : start + 6]
        print("   " + "  ".join(f"{start + offset + 1:2} {text}" for offset, text in enumerate(row)))
    print()


async def _with_root(config: Config, code: SecretValue[str] | None = None) -> None:
    """Open the root key; with a code, keep the key wrapped by it."""
    from ca_service.custody.recovery import store_recovery
    from ca_service.custody.root_key import open_root_key
    from ca_service.database.open import open_database
    from ca_service.kernel.clock import SystemClock
    from ca_service.kernel.randomness import SystemRandomness

    database = await open_database(config.database_url, SystemClock())
    try:
        root = await open_root_key(
            database, config.custody.root_key, config.data_path, environment(), SystemRandomness()
        )
        if code is not None:
            await store_recovery(database, root, code)
    finally:
        await database.close()


async def _open(config: Config, code: SecretValue[str]) -> SecretValue[bytes]:
    from ca_service.custody.recovery import open_with_recovery
    from ca_service.database.open import open_database
    from ca_service.kernel.clock import SystemClock

    database = await open_database(config.database_url, SystemClock())
    try:
        return (await open_with_recovery(database, code)).reveal()
    finally:
        await database.close()
