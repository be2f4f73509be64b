"""From a configuration to a running service, and to an exit status."""

import asyncio
import contextlib
import gc
import logging
import resource
import ssl
import sys
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ca_service.config import ChaosConfig, Config, ConfigError, ValidationConfig
from ca_service.custody.memory import MemoryProtection, protect_memory
from ca_service.database.engines import compile_only_for
from ca_service.database.url import SqliteUrl, parse_database_url
from ca_service.kernel.errors import KeywrightError
from ca_service.serve.addresses import (
    Listen,
    bind,
    bound_to,
    listens_of,
    public_urls,
    shown,
)
from ca_service.serve.data_directory import ROOT_CERTIFICATE, prepare_data_directory
from ca_service.serve.preparation import verify_config
from ca_service.web.hosts import host_of_url
from ca_service.web.logs import configure_logging

if TYPE_CHECKING:
    from ca_service.serve.worker import Endpoints

_log = logging.getLogger("keywright.serve")

_END = "-----END CERTIFICATE-----\n"
_MANY_FILES = 65536


def serve(config: Config) -> int:
    """Run the service until it is told to stop; return 0. Returns 1 with one sentence if it cannot start."""
    # Most of what is made while starting stays for good, so looking for garbage after every 700 objects would
    # cost a fifth of the time; not looking at all leaves an idle server 2.5 MiB larger.
    gc.set_threshold(20_000)
    configure_logging(config.log.format, config.log.level)
    try:
        return _serve(config)
    except (ConfigError, KeywrightError) as error:
        print(f"keywright: {sentence_of(error)}", file=sys.stderr, flush=True)  # noqa: T201
        return 1


def _serve(config: Config) -> int:
    verify_config(config)
    prepare_data_directory(config.data_path)
    _tell_protection(protect_memory())
    _tell_test_knobs(config)
    _allow_many_files()
    is_embedded = isinstance(parse_database_url(config.database_url), SqliteUrl)
    compile_only_for("sqlite" if is_embedded else "postgresql")
    # Imported here, so that a wrong setting is told before the rest of the service is loaded.
    from ca_service.composition import World
    from ca_service.database.migration import migrate
    from ca_service.serve.parent import Parent
    from ca_service.serve.worker import Endpoints

    server = config.server
    with contextlib.ExitStack() as held:
        # The first two are always there: both have defaults.
        bound = [
            (listen, held.enter_context(bind(listen, setting))) for setting, listen in listens_of(server)
        ]
        migrate(config.database_url)
        at = [bound_to(listen, taken) for listen, taken in bound]
        _tell_where(at)
        urls = public_urls(server, at[0], at[1])
        endpoints = Endpoints(
            sockets=tuple(taken for _, taken in bound),
            world=World(urls.tls, urls.plain, tuple((listen.host, listen.port) for listen in at)),
            hosts=(*(listen.host for listen in at), host_of_url(urls.tls), host_of_url(urls.plain)),
        )
        announce = partial(_announce, shown(at[0]), config.data_path / ROOT_CERTIFICATE)
        if server.workers == 1:
            return _work(config, endpoints, announce)
        return Parent(server.workers, partial(_work, config, endpoints), announce).run()


def _announce(address: str, roots: Path) -> None:
    print(f"ready: https://{address}", flush=True)  # noqa: T201
    fingerprint = root_fingerprint(roots)
    print(f"root SHA-256 fingerprint: {fingerprint}", file=sys.stderr, flush=True)  # noqa: T201


def _tell_where(listens: Sequence[Listen]) -> None:
    _log.info("plain HTTP at http://%s", shown(listens[1]))
    for metrics in listens[2:]:
        _log.info("measurements at http://%s/metrics", shown(metrics))
    if not all(listen.is_loopback for listen in listens[:2]):
        _log.warning(
            "listening beyond this machine: an ACME directory that is open to any account is open to "
            "everyone who reaches it"
        )


def _work(config: Config, endpoints: "Endpoints", announce: Callable[[], None]) -> int:
    """Be one worker; the first line of the trouble, if there is any, goes to standard error."""
    import uvloop

    from ca_service.serve.worker import run_worker

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run_worker(config, endpoints, announce))
    except (ConfigError, KeywrightError) as error:
        print(f"keywright: {sentence_of(error)}", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    return 0


def sentence_of(error: ConfigError | KeywrightError) -> str:
    """Return what a person is told of an error that ends the process."""
    return error.detail if isinstance(error, KeywrightError) else str(error)


def root_fingerprint(file: Path) -> str:
    """Return the SHA-256 fingerprint of the first certificate in a PEM file, in lower-case hexadecimal."""
    first = file.read_text(encoding="ascii").partition(_END)[0] + _END
    return sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()


def _tell_protection(granted: MemoryProtection) -> None:
    if not granted.is_unreadable_by_others:
        _log.warning("the system did not protect this process's memory from others of the same user")
    if not granted.is_never_swapped:
        _log.info("memory may be swapped out: raise the limit on locked memory (memlock) to prevent that")


def _tell_test_knobs(config: Config) -> None:
    """Log every setting that exists for tests and for authors of clients (contract 2)."""
    validation, usual = config.acme.validation, ValidationConfig()
    changed = [
        f"acme.validation.{name}"
        for name in usual.__struct_fields__
        if getattr(validation, name) != getattr(usual, name)
    ]
    if config.acme.chaos != ChaosConfig():
        changed.append("acme.chaos.reject_nonces")
    if config.acme.directory_aliases:
        changed.append("acme.directory_aliases")
    if changed:
        _log.warning("settings for tests are on: %s", ", ".join(changed))


def _allow_many_files() -> None:
    """Raise the limit on open files to what the system grants: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, _MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
