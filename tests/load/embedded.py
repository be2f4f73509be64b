"""What a small installation takes: `python -m tests.load.embedded`.

One embedded server, so many secrets, so many requests a second (nine reads to a write, of all of them in
turn), for so long: it prints the memory before and after, the CPU that was used, and how long requests took.
The load is bounded in count and time and stops by itself.
"""

import argparse
import asyncio
import itertools
import ssl
import sys
import tempfile
import time
from pathlib import Path

from tests.load.process_tree import cpu_seconds, resident_megabytes
from tests.support.http_connection import HttpConnection
from tests.support.server import Server, running_server

_BASE = "/v1/projects/default"
_SECRETS = f"{_BASE}/environments/dev/secrets"
_AT_ONCE = 500
_CONNECTIONS = 4
_WRITES = 10


def main() -> int:
    """Run it and print what it took; exit status 1 if a request failed."""
    options = _parse_arguments()
    with (
        tempfile.TemporaryDirectory(prefix="keywright-embedded-") as folder,
        running_server(Path(folder)) as server,
    ):
        print(f"idle: {resident_megabytes(server.pid):.1f} MiB", flush=True)
        _fill(server, options.secrets)
        print(f"{options.secrets} secrets: {resident_megabytes(server.pid):.1f} MiB", flush=True)
        cpu = cpu_seconds(server.pid)
        latencies, failed = asyncio.run(_load(server, options))
        used = (cpu_seconds(server.pid) - cpu) / options.seconds
        ordered = sorted(latencies)
        print(
            f"{options.rate} requests/s for {options.seconds} s: "
            f"{resident_megabytes(server.pid):.1f} MiB, {used:.0%} of a core, "
            f"p50 {ordered[len(ordered) // 2] * 1e3:.1f} ms, "
            f"p99 {ordered[len(ordered) * 99 // 100] * 1e3:.1f} ms, {failed} failed"
        )
    return 1 if failed else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--secrets", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=100, help="requests a second")
    parser.add_argument("--seconds", type=int, default=30, help="at most 300")
    options = parser.parse_args()
    options.seconds = min(options.seconds, 300)
    return options


def _fill(server: Server, secrets: int) -> None:
    for first in range(0, secrets, _AT_ONCE):
        changes = [
            {
                "action": "set",
                "environment": "dev",
                "path": f"/team-{number % 100}",
                "name": f"SECRET_{number}",
                "value": f"the value of secret {number}",
            }
            for number in range(first, min(first + _AT_ONCE, secrets))
        ]
        made = server.post(f"{_BASE}/commits", {"message": "fill", "changes": changes})
        if made.status != 201:
            raise RuntimeError(made.body.decode())


async def _load(server: Server, options: argparse.Namespace) -> tuple[list[float], int]:
    context = ssl.create_default_context(cafile=str(server.ca_file))
    connections = [HttpConnection(server.url, context) for _ in range(_CONNECTIONS)]
    headers = {"Authorization": f"Bearer {server.admin_token}", "Content-Type": "application/json"}
    numbers = itertools.count()
    began, total = time.perf_counter(), options.rate * options.seconds
    latencies: list[float] = []
    failed = 0

    async def work(connection: HttpConnection) -> None:
        nonlocal failed
        while (turn := next(numbers)) < total:
            await asyncio.sleep(max(0.0, began + turn / options.rate - time.perf_counter()))
            number = turn * 7919 % options.secrets
            url = f"{server.url}{_SECRETS}/SECRET_{number}?path=/team-{number % 100}"
            start = time.perf_counter()
            if turn % _WRITES:
                reply = await connection.request("GET", url, b"", headers)
            else:
                reply = await connection.request("PUT", url, b'{"value":"another"}', headers)
            latencies.append(time.perf_counter() - start)
            failed += reply.status != 200

    await asyncio.gather(*map(work, connections))
    for connection in connections:
        connection.close()
    return latencies, failed


if __name__ == "__main__":
    sys.exit(main())
