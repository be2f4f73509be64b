"""`keywright serve` without the libraries of the other commands, which would stay in memory for good."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ca_service.config import Config, ConfigError, load_config

#: The options that the server's commands share, and the setting each one stands for.
SETTINGS = {
    "data": "data",
    "database": "database.url",
    "listen": "server.listen",
    "plain-listen": "server.plain_listen",
    "public-url": "server.public_url",
    "workers": "server.workers",
    "root-key": "custody.root_key",
}


def parse_options(arguments: Sequence[str]) -> dict[str, str] | None:
    """Return the options of `serve` by name; None where anything needs the whole command line (`--help`)."""
    options: dict[str, str] = {}
    waiting = list(arguments)
    while waiting:
        name, is_joined, value = waiting.pop(0).partition("=")
        known = name.removeprefix("--")
        if not name.startswith("--") or known not in {"config", *SETTINGS} or known in options:
            return None
        if not is_joined:
            if not waiting or waiting[0].startswith("--"):
                return None
            value = waiting.pop(0)
        options[known] = value
    return options


def config_of(options: Mapping[str, Any]) -> Config:
    """Return the configuration for these options, by name, None meaning "not given". Raises ConfigError."""
    overrides: dict[str, Any] = {
        setting: value for name, setting in SETTINGS.items() if (value := options.get(name)) is not None
    }
    workers = overrides.get("server.workers")
    if isinstance(workers, str):
        if not (workers.isascii() and workers.isdigit()):
            raise ConfigError(f"`--workers` is a number, not `{workers}`")
        overrides["server.workers"] = int(workers)
    file = options.get("config")
    return load_config(None if file is None else Path(file), overrides)


def run_serve(options: Mapping[str, Any]) -> int:
    """Serve until told to stop; return the exit status."""
    try:
        config = config_of(options)
    except ConfigError as error:
        print(f"keywright: {error}", file=sys.stderr)
        return 1
    from ca_service.serve.start import serve

    return serve(config)
