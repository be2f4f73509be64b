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

import psycopg

from tests.load.floor import running_floor
from tests.load.process_tree import cpu_seconds, resident_megabytes
from tests.load.round_trips import count_by_process, trips_per_operation
from tests.load.samples import Sample, make_samples
from tests.support.postgresql import PostgresqlCluster
from tests.support.server import running_server


class Figure(NamedTuple):
    """One line of the report. Latencies in milliseconds, CPU in microseconds per request.

    `cpu` is the service's with all its workers, `database_cpu` that of PostgreSQL's processes.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float
    errors: int


_HEAD = ("what", "rate/s", "p50 ms", "p99 ms", "cpu µs", "db µs", "trips", "floor")


def main() -> int:
    """Run the whole bench and print a table; exit status 1 if any request failed."""
    options = _parse_arguments()
    failures = 0
    report: list[dict[str, Any]] = []
    print("{:44} {:>7} {:>7} {:>7} {:>7} {:>6} {:>6} {:>6}".format(*_HEAD))
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
        cluster = None
        if engine == "postgresql":
            cluster = PostgresqlCluster(durable=True)
            stack.callback(cluster.close)
        url = cluster.create_database("bench") if cluster is not None else None
        server = stack.enter_context(running_server(here, database_url=url, args=["--workers", str(workers)]))
        floor_url, floor_pid = stack.enter_context(running_floor(here, workers))
        label = f"{engine}, {workers} worker{'s' if workers > 1 else ''}"
        idle = resident_megabytes(server.pid)
        load = Load(here, seconds, connections, url, None if cluster is None else cluster.pid)
        floor = load.run(Sample("hello", "GET", "/", None), floor_url, floor_pid, None)
        yield _line(f"{label}: bare hello", floor, None, floor, idle=None)
        for sample in make_samples(server, here):
            before = count_by_process(server, workers)
            figure = load.run(sample, server.url, server.pid, server.admin_token)
            trips = trips_per_operation(before, count_by_process(server, workers))
            yield _line(f"{label}: {sample.name}", figure, trips, floor, idle=idle)


class Load(NamedTuple):
    """How every sample is sent. `database_pid` is PostgreSQL's, if it is what keeps the data."""

    folder: Path
    seconds: int
    connections: int
    database_url: str | None
    database_pid: int | None

    def run(self, sample: Sample, url: str, pid: int, token: str | None) -> Figure:
        """Send one sample for so many seconds, after one that warms caches."""
        script = self.folder / "request.lua"
        script.write_text(_lua(sample, token), encoding="utf-8")
        command = ["wrk", "-t1", f"-c{self.connections}", "--latency", "-s", str(script), url + sample.path]
        subprocess.run([*command, "-d1s"], check=True, capture_output=True, timeout=30)
        self._analyze()
        before, database_before = cpu_seconds(pid), self._database_cpu()
        done = subprocess.run(
            [*command, f"-d{self.seconds}s"],
            check=True,
            capture_output=True,
            text=True,
            timeout=self.seconds + 30,
        )
        used, database_used = cpu_seconds(pid) - before, self._database_cpu() - database_before
        requests = max(1, int(_find(r"(\d+) requests in", done.stdout)))
        refused = int(_find(r"Non-2xx or 3xx responses: (\d+)", done.stdout, "0"))
        broken = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", done.stdout))
        return Figure(
            rate=float(_find(r"Requests/sec:\s+([\d.]+)", done.stdout)),
            p50=_milliseconds(_find(r"^\s+50%\s+(\S+)$", done.stdout)),
            p99=_milliseconds(_find(r"^\s+99%\s+(\S+)$", done.stdout)),
            cpu=used / requests * 1e6,
            database_cpu=database_used / requests * 1e6,
            errors=refused + broken,
        )

    def _analyze(self) -> None:
        """Do what PostgreSQL's autovacuum does within a minute: without statistics it guesses its indexes."""
        if self.database_url is not None:
            with psycopg.connect(self.database_url, autocommit=True) as connection:
                connection.execute("ANALYZE")

    def _database_cpu(self) -> float:
        return 0.0 if self.database_pid is None else cpu_seconds(self.database_pid)


def _lua(sample: Sample, token: str | None) -> str:
    lines = [f"wrk.method = {json.dumps(sample.method)}"]
    if token:
        lines.append(f'wrk.headers["Authorization"] = "Bearer {token}"')
    if sample.body is not None:
        lines.append('wrk.headers["Content-Type"] = "application/json"')
        lines.append(f"wrk.body = [==[{sample.body}]==]")
    return "\n".join(lines) + "\n"


def _find(pattern: str, text: str, default: str | None = None) -> str:
    match = re.search(pattern, text, re.MULTILINE)
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
        f"{line['what']:44} {line['rate']:7.0f} {line['p50']:7.2f} {line['p99']:7.2f} {line['cpu']:7.0f} "
        f"{line['database_cpu']:6.0f} {trips:>6} {line['of_floor']:6.2f}"
        + (f"   {line['errors']} errors" if line["errors"] else ""),
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
