"""`keywright doctor`: looks at this machine the way the service will, and says what to mend."""

import ctypes
import errno
import os
import socket
import stat
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import typer

from ca_service.cli.output import AsJson, print_json
from ca_service.client.api import ApiClient
from ca_service.client.errors import ClientError, RefusedError
from ca_service.client.settings import load_settings
from ca_service.config import Config, ConfigError, environment, load_config

#: Clocks further apart than this are named (S23).
_TOLERATED_SECONDS = 5.0


class Finding(NamedTuple):
    """What one look found; `is_fine` is None where it could not look."""

    what: str
    is_fine: bool | None
    text: str


def doctor(
    config: Annotated[Path | None, typer.Option(help="The TOML file that serve is started with.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data directory.")] = None,
    database: Annotated[str | None, typer.Option(help="The URL of the database.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check ports, DNS, clock, database and permissions; exit status 1 if something needs mending."""
    try:
        loaded = load_config(config, {"data": str(data) if data else None, "database.url": database})
    except ConfigError as error:
        findings = [Finding("configuration", False, str(error))]
    else:
        findings = [Finding("configuration", True, "every setting is known"), *_look(loaded)]
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        marks = {True: "ok  ", False: "MEND", None: "?   "}
        for finding in findings:
            print(f"{marks[finding.is_fine]}  {finding.what}: {finding.text}")
    if any(finding.is_fine is False for finding in findings):
        raise typer.Exit(1)


def _look(config: Config) -> Iterator[Finding]:
    yield from _permissions(config.data_path)
    yield _database(config)
    yield _port("TLS listener", config.server.listen)
    yield _port("plain listener", config.server.plain_listen)
    yield from _names(config)
    yield _kernel_clock()
    yield _server_clock()


def _permissions(data: Path) -> Iterator[Finding]:
    if not data.exists():
        yield Finding("data directory", True, f"{data} does not exist yet: the first start makes it")
        return
    mode = stat.S_IMODE(data.stat().st_mode)
    is_private = not mode & 0o077
    text = f"{data} is {mode:04o}" + ("" if is_private else f": others may enter it, run chmod 700 {data}")
    yield Finding("data directory", is_private, text)
    for name in ("root-key", "admin-token"):
        file = data / name
        if file.exists():
            mode = stat.S_IMODE(file.stat().st_mode)
            is_private = not mode & 0o077
            text = f"{mode:04o}" + ("" if is_private else f": others may read it, run chmod 600 {file}")
            yield Finding(name, is_private, text)


def _database(config: Config) -> Finding:
    from ca_service.database.migration import current_revision, head_revision
    from ca_service.database.url import SqliteUrl, parse_database_url
    from ca_service.kernel.errors import KeywrightError

    try:
        place = parse_database_url(config.database_url)
        if isinstance(place, SqliteUrl) and not place.path.exists():
            return Finding("database", True, f"{place.path} does not exist yet: the first start makes it")
        revision = current_revision(config.database_url)
    except (KeywrightError, ConfigError, OSError) as error:
        return Finding("database", False, str(error))
    head = head_revision()
    if revision == head:
        return Finding("database", True, f"answers, and its tables are up to date ({head})")
    return Finding(
        "database", False, f"its tables are at {revision or 'nothing'}, not {head}: run keywright migrate"
    )


def _port(what: str, listen: str) -> Finding:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return Finding(what, None, f"{listen} is taken: right if that is Keywright, wrong otherwise")
            return Finding(what, False, f"cannot listen on {listen}: {error.strerror}")
    return Finding(what, True, f"{listen} is free")


def _names(config: Config) -> Iterator[Finding]:
    for url in (config.server.public_url, config.server.plain_public_url):
        host = urlsplit(url).hostname if url else None
        if host is None:
            continue
        try:
            found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
        except OSError as error:
            yield Finding("DNS", False, f"{host}, of the public URL, does not resolve here: {error}")
        else:
            yield Finding("DNS", True, f"{host} is {', '.join(sorted(found))}")
    for resolver in config.acme.validation.resolvers or _name_servers():
        yield _resolver(resolver)


def _name_servers() -> tuple[str, ...]:
    try:
        lines = Path("/etc/resolv.conf").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ()
    return tuple(
        line.split()[1] for line in lines if line.startswith("nameserver ") and len(line.split()) > 1
    )


def _resolver(resolver: str) -> Finding:
    """Ask a name server for the root's name servers: any answer will do."""
    import dns.exception
    import dns.message
    import dns.query

    host, port = resolver, 53
    if resolver.count(":") == 1 or resolver.startswith("["):
        host, _, tail = resolver.rpartition(":")
        host, port = host.strip("[]"), int(tail)
    try:
        dns.query.udp(dns.message.make_query(".", "NS"), host, port=port, timeout=3)
    except (dns.exception.DNSException, OSError) as error:
        reason = str(error) or type(error).__name__
        return Finding("DNS", False, f"the name server {resolver} does not answer: {reason}")
    return Finding("DNS", True, f"the name server {resolver} answers")


def _kernel_clock() -> Finding:
    """Ask the kernel whether its clock is disciplined (adjtimex(2); TIME_ERROR is 5)."""
    buffer = ctypes.create_string_buffer(512)
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return Finding("clock", None, "this system does not tell whether its clock is synchronized")
    if state < 0:
        return Finding("clock", None, f"cannot ask the kernel: {os.strerror(ctypes.get_errno())}")
    if state == 5:
        return Finding("clock", None, "the kernel does not know its clock as synchronized: is NTP running?")
    return Finding("clock", True, "the kernel says that its clock is synchronized")


def _server_clock() -> Finding:
    from ca_service.kernel.clock import SystemClock

    try:
        settings = load_settings(environment())
        client = ApiClient(settings.url, token=None, ca_file=settings.ca_file, timeout=5)
        date = client.date("/healthz")
    except RefusedError as error:
        return Finding("server", False, str(error))
    except ClientError as error:
        return Finding("server", None, str(error))
    if date is None:
        return Finding("server", None, "it answers, but does not say what time it has")
    apart = abs((parsedate_to_datetime(date) - SystemClock().now()).total_seconds())
    if apart > _TOLERATED_SECONDS:
        return Finding("server", False, f"its clock and this one differ by {apart:.0f} s: synchronize them")
    return Finding("server", True, f"{client.url} answers, and its clock agrees with this one")
