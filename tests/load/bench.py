"""`make bench`: rates, latencies, CPU and database round trips, beside a bare hello of the same run.

Figures are of the TLS listener with keep-alive, everything durable and audited. The generator (wrk) shares
the machine's cores with the service; its CPU time is not counted, its presence is felt. Every load is bounded
in time and stops by itself. A rate is worth something only beside the floor of the same run.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tests.load.floor import running_floor
from tests.load.process_tree import cpu_seconds, resident_megabytes
from tests.load.samples import Sample, make_samples
from tests.support.postgresql import PostgresqlCluster
from tests.support.server import Server, running_server


class Figure(NamedTuple):
    """One line of the report. Latencies in milliseconds, CPU in microseconds of the service per request."""

    rate: float
    p50: float
    p99: float
    cpu: float
    errors: int


def main() -> int:
    """Run the whole bench and print a table; exit status 1 if any request failed."""
    options = _parse_arguments()
    failures = 0
    report: list[dict[str, Any]] = []
    print(f"{'what':34} {'rate/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'cpu µs':>8} {'trips':>6} {'floor':>6}")
    with tempfile.TemporaryDirectory(prefix="keywright-bench-") as folder:
        for engine in options.engines:
            for workers in options.workers:
                for line in _measure(Path(folder), engine, workers, options.seconds, options.connections):
                    failures += line["errors"]
                    report.append(line)
                    _print_line(line)
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 1 if failures else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--engines", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seconds", type=int, default=5, help="how long each load runs (at most 60)")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", help="a file for the figures")
    options = parser.parse_args()
    options.seconds = min(options.seconds, 60)
    return options


def _measure(
    folder: Path, engine: str, workers: int, seconds: int, connections: int
) -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        here = folder / f"{engine}-{workers}"
        here.mkdir()
        url = None
        if engine == "postgresql":
            cluster = PostgresqlCluster(durable=True)
            stack.callback(cluster.close)
            url = cluster.create_database("bench")
        server = stack.enter_context(running_server(here, database_url=url, args=["--workers", str(workers)]))
        floor_url, floor_pid = stack.enter_context(running_floor(here, workers))
        label = f"{engine}, {workers} worker{'s' if workers > 1 else ''}"
        idle = resident_megabytes(server.pid)
        floor = _load(
            here, Sample("hello", "GET", "/", None), floor_url, floor_pid, None, seconds, connections
        )
        yield _line(f"{label}: bare hello", floor, None, floor, idle=None)
        for sample in make_samples(server, here):
            before = _round_trips(server)
            figure = _load(here, sample, server.url, server.pid, server.admin_token, seconds, connections)
            trips = _trips_per_request(before, _round_trips(server))
            yield _line(f"{label}: {sample.name}", figure, trips, floor, idle=idle)


def _load(
    folder: Path, sample: Sample, url: str, pid: int, token: str | None, seconds: int, connections: int
) -> Figure:
    script = folder / "request.lua"
    script.write_text(_lua(sample, token), encoding="utf-8")
    command = ["wrk", "-t1", f"-c{connections}", "--latency", "-s", str(script), url + sample.path]
    subprocess.run([*command, "-d1s"], check=True, capture_output=True, timeout=30)  # warm caches
    before = cpu_seconds(pid)
    done = subprocess.run(
        [*command, f"-d{seconds}s"], check=True, capture_output=True, text=True, timeout=seconds + 30
    )
    used = cpu_seconds(pid) - before
    requests = int(_find(r"(\d+) requests in", done.stdout))
    refused = int(_find(r"Non-2xx or 3xx responses: (\d+)", done.stdout, "0"))
    broken = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", done.stdout))
    return Figure(
        rate=float(_find(r"Requests/sec:\s+([\d.]+)", done.stdout)),
        p50=_milliseconds(_find(r"50%\s+(\S+)", done.stdout)),
        p99=_milliseconds(_find(r"99%\s+(\S+)", done.stdout)),
        cpu=used / max(requests, 1) * 1e6,
        errors=refused + broken,
    )


def _lua(sample: Sample, token: str | None) -> str:
    lines = [f"wrk.method = {json.dumps(sample.method)}"]
    if token:
        lines.append(f'wrk.headers["Authorization"] = "Bearer {token}"')
    if sample.body is not None:
        lines.append('wrk.headers["Content-Type"] = "application/json"')
        lines.append(f"wrk.body = [==[{sample.body}]==]")
    return "\n".join(lines) + "\n"


def _find(pattern: str, text: str, default: str | None = None) -> str:
    match = re.search(pattern, text)
    if match is None:
        if default is None:
            raise RuntimeError(f"wrk printed no {pattern!r}:\n{text}")
        return default
    return match.group(1)


def _milliseconds(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if match is None:
        raise RuntimeError(f"{text!r} is no latency")
    return float(match.group(1)) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}[match.group(2)]


def _round_trips(server: Server) -> tuple[float, float]:
    """Return the waits for the database and the operations performed so far, over all workers."""
    text = server.get("/metrics").body.decode()
    waits = sum(
        float(n) for n in re.findall(r"^keywright_database_waits_total\S*\s+(\S+)", text, re.MULTILINE)
    )
    operations = sum(
        float(n) for n in re.findall(r"^keywright_operations_total\S*\s+(\S+)", text, re.MULTILINE)
    )
    return waits, operations


def _trips_per_request(before: tuple[float, float], after: tuple[float, float]) -> float | None:
    operations = after[1] - before[1]
    return (after[0] - before[0]) / operations if operations > 0 else None


def _line(
    what: str, figure: Figure, trips: float | None, floor: Figure, idle: float | None
) -> dict[str, Any]:
    return {
        "what": what,
        **figure._asdict(),
        "round_trips": trips,
        "of_floor": figure.rate / floor.rate if floor.rate else None,
        "idle_megabytes": idle,
    }


def _print_line(line: dict[str, Any]) -> None:
    trips = "-" if line["round_trips"] is None else f"{line['round_trips']:.1f}"
    print(
        f"{line['what']:34} {line['rate']:8.0f} {line['p50']:8.2f} {line['p99']:8.2f} {line['cpu']:8.0f} "
        f"{trips:>6} {line['of_floor']:6.2f}" + (f"   {line['errors']} errors" if line["errors"] else ""),
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
