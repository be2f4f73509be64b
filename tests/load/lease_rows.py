"""The rows of leases: an account made at PostgreSQL and ended again, beside bare CREATE ROLE and DROP ROLE.

Both keep the same number of connections to the target busy, in the same run; both ask for the same role.
"""

import asyncio
import itertools
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import NamedTuple

import msgspec
import psycopg
from psycopg import sql

from tests.load.figures import Figure
from tests.load.meters import Meters
from tests.support.http_connection import HttpConnection
from tests.support.server import Server
from tests.support.target_postgresql import ROLES, TargetServer

CLIENTS = 8
LEASES = f"lease and revoke ({CLIENTS} clients)"
_BARE = f"CREATE ROLE, DROP ROLE ({CLIENTS} clients)"
NAMES = (LEASES,)
#: What a server needs to be allowed to make accounts on loopback.
SETTINGS = {"KEYWRIGHT__TARGET__ALLOWED_NETWORKS": '["127.0.0.0/8"]'}
_BASE = "/v1/projects/default"
_PLACE = f"{_BASE}/environments/dev/dynamic-secrets"
_CREATE = sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'bare' VALID UNTIL 'infinity' IN ROLE {}")
_DROP = sql.SQL("DROP ROLE {}")

Pair = Callable[[], Awaitable[None]]


class _Run(NamedTuple):
    seconds: float
    latencies: list[float]
    generator_cpu: float
    errors: list[str]


@contextmanager
def running_target() -> Iterator[TargetServer]:
    """Lend a server in which accounts are made."""
    target = TargetServer()
    try:
        yield target
    finally:
        target.close()


def measure_leases(
    server: Server, target: TargetServer, meters: Meters, seconds: int, label: str
) -> Iterator[Figure]:
    """Yield the bare rate of the target, then that of leases."""
    bare = asyncio.run(_measure_bare(target, seconds))
    yield _figure(f"{label}: {_BARE}", bare, None)
    config = {"name": "bench", "path": "/", "provider": "postgresql", "config": target.config()}
    made = server.post(_PLACE, {**config, "default_ttl": "1h", "max_ttl": "1h"})
    if made.status != 201:
        raise RuntimeError(f"the dynamic secret was refused: {made.body.decode()}")
    meters.analyze()
    before = meters.read()
    leased = asyncio.run(_measure_leases(server, seconds))
    used = meters.since(before, len(leased.latencies))
    yield _figure(f"{label}: {LEASES}", leased, used.waits)._replace(
        cpu=used.cpu * 1e6, database_cpu=used.database_cpu * 1e6
    )


async def _measure_bare(target: TargetServer, seconds: int) -> _Run:
    names = itertools.count()
    async with AsyncExitStack() as stack:
        pairs = []
        for _ in range(CLIENTS):
            connecting = psycopg.AsyncConnection.connect(target.cluster.url("app"), autocommit=True)
            pairs.append(_bare_pair(await stack.enter_async_context(await connecting), names))
        return await _run(pairs, seconds)


def _bare_pair(connection: psycopg.AsyncConnection, names: "itertools.count[int]") -> Pair:
    async def pair() -> None:
        name = sql.Identifier(f"bare_{next(names)}")
        await connection.execute(_CREATE.format(name, sql.Identifier(ROLES[0])))
        await connection.execute(_DROP.format(name))

    return pair


async def _measure_leases(server: Server, seconds: int) -> _Run:
    context = ssl.create_default_context(cafile=str(server.ca_file))
    connections = [HttpConnection(server.url, context) for _ in range(CLIENTS)]
    try:
        return await _run([_lease_pair(server, each) for each in connections], seconds)
    finally:
        for connection in connections:
            connection.close()


def _lease_pair(server: Server, connection: HttpConnection) -> Pair:
    headers = {"Authorization": f"Bearer {server.admin_token}", "Content-Type": "application/json"}

    async def pair() -> None:
        made = await connection.request("POST", f"{server.url}{_PLACE}/bench/leases", b"{}", headers)
        lease = made.json().get("lease_id")
        if made.status != 201:
            raise RuntimeError(f"no lease: {made.body!r}")
        ended = await connection.request("POST", f"{server.url}{_BASE}/leases/{lease}/revoke", b"{}", headers)
        if ended.status != 200 or ended.json()["status"] != "revoked":
            raise RuntimeError(f"not revoked: {ended.body!r}")

    return pair


async def _run(pairs: Sequence[Pair], seconds: int) -> _Run:
    latencies: list[float] = []
    errors: list[str] = []
    cpu, began = time.process_time(), time.perf_counter()

    async def work(pair: Pair) -> None:
        while time.perf_counter() - began < seconds and len(errors) < 10:
            start = time.perf_counter()
            try:
                await pair()
            except (RuntimeError, OSError, psycopg.Error, msgspec.DecodeError) as error:
                errors.append(repr(error))
            else:
                latencies.append(time.perf_counter() - start)

    await asyncio.gather(*map(work, pairs))
    return _Run(time.perf_counter() - began, latencies, time.process_time() - cpu, errors)


def _figure(what: str, run: _Run, waits: float | None) -> Figure:
    ordered, count = sorted(run.latencies) or [0.0], max(len(run.latencies), 1)
    return Figure(
        what,
        rate=len(run.latencies) / run.seconds,
        p50=ordered[len(ordered) // 2] * 1e3,
        p99=ordered[len(ordered) * 99 // 100] * 1e3,
        cpu=0.0,
        database_cpu=0.0,
        generator_cpu=run.generator_cpu / count * 1e6,
        round_trips=waits,
        errors=len(run.errors),
    )
