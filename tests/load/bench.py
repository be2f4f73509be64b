"""`make bench`: rates, latencies, CPU and database round trips, beside a bare hello of the same run.

Figures are of the TLS listener with keep-alive, everything durable and audited. The generator (wrk, and for
whole flows of ACME one of ours) shares the machine's cores with the service; its CPU time is not in the
service's but beside it. Every load is bounded in time and stops by itself. A rate is worth something only
beside the floor of the same run.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.load.acme_rows import NAMES as ACME_NAMES
from tests.load.acme_rows import measure_acme
from tests.load.figures import Figure, print_figure, print_head
from tests.load.floor import running_floor
from tests.load.lease_rows import NAMES as LEASE_NAMES
from tests.load.lease_rows import SETTINGS as LEASE_SETTINGS
from tests.load.lease_rows import measure_leases, running_target
from tests.load.meters import Meters
from tests.load.process_tree import resident_megabytes
from tests.load.round_trips import count_waits
from tests.load.samples import NAMES, Sample, make_samples
from tests.load.secret_rows import NAMES as SECRET_NAMES
from tests.load.secret_rows import make_secret_samples
from tests.load.wrk import Wrk
from tests.support.challenge_host import free_port, loopback_validation
from tests.support.postgresql import PostgresqlCluster
from tests.support.server import Server, running_server


def main() -> int:
    """Run the bench and print a table; exit status 1 if any request failed."""
    options = _parse_arguments()
    report: list[Figure] = []
    print_head()
    with tempfile.TemporaryDirectory(prefix="keywright-bench-") as folder:
        for engine in options.engines:
            for workers in options.workers:
                for figure in _Bench(Path(folder), engine, workers, options).measure():
                    report.append(figure)
                    print_figure(figure)
    if options.json:
        lines = [figure._asdict() for figure in report]
        Path(options.json).write_text(json.dumps(lines, indent=2) + "\n", encoding="utf-8")
    return 1 if any(figure.errors for figure in report) else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--engines", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--only", nargs="+", default=[""], help="rows whose names hold one of these texts")
    parser.add_argument("--seconds", type=int, default=5, help="how long each load runs (at most 60)")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", help="a file for the figures")
    options = parser.parse_args()
    options.seconds = min(options.seconds, 60)
    return options


class _Bench:
    """The rows of one engine and number of workers."""

    def __init__(self, folder: Path, engine: str, workers: int, options: argparse.Namespace) -> None:
        self._folder = folder / f"{engine}-{workers}"
        self._folder.mkdir()
        self._engine = engine
        self._workers = workers
        self._only = [text.lower() for text in options.only]
        self._wrk = Wrk(self._folder, options.seconds, options.connections)
        self._label = f"{engine}, {workers} worker{'s' if workers > 1 else ''}"

    def measure(self) -> Iterator[Figure]:
        """Yield the floor and then, beside it, every row that is wanted."""
        with ExitStack() as stack:
            cluster = None
            if self._engine == "postgresql":
                cluster = PostgresqlCluster(durable=True)
                stack.callback(cluster.close)
            floor_url, floor_pid = stack.enter_context(running_floor(self._folder, self._workers))
            hello = Sample("hello", "GET", "/", None)
            floor = self._wrk.run(f"{self._label}: bare hello", hello, floor_url, Meters(floor_pid))
            yield floor._replace(of_floor=1.0)
            for measure, names in (
                (self._requests, NAMES),
                (self._secrets, SECRET_NAMES),
                (self._leases, LEASE_NAMES),
                (self._acme, ACME_NAMES),
            ):
                if any(map(self._wants, names)):
                    for figure in measure(cluster):
                        yield figure._replace(of_floor=figure.rate / floor.rate)

    def _wants(self, name: str) -> bool:
        return any(text in name.lower() for text in self._only)

    def _requests(self, cluster: PostgresqlCluster | None) -> Iterator[Figure]:
        with ExitStack() as stack:
            server, meters, idle = self._serve(stack, cluster, "requests", {})
            yield from self._samples(make_samples(server, self._folder), server, meters, idle)

    def _secrets(self, cluster: PostgresqlCluster | None) -> Iterator[Figure]:
        with ExitStack() as stack:
            server, meters, idle = self._serve(stack, cluster, "secrets", {})
            yield from self._samples(make_secret_samples(server), server, meters, idle)

    def _leases(self, cluster: PostgresqlCluster | None) -> Iterator[Figure]:
        with ExitStack() as stack:
            target = stack.enter_context(running_target())
            server, meters, idle = self._serve(stack, cluster, "leases", LEASE_SETTINGS)
            for figure in measure_leases(server, target, meters, self._wrk.seconds, self._label):
                yield figure._replace(idle_megabytes=idle)

    def _samples(
        self, samples: Iterable[Sample], server: Server, meters: Meters, idle: float
    ) -> Iterator[Figure]:
        for sample in samples:
            if self._wants(sample.name):
                what = f"{self._label}: {sample.name}"
                figure = self._wrk.run(what, sample, server.url, meters, server.admin_token)
                yield figure._replace(idle_megabytes=idle)

    def _acme(self, cluster: PostgresqlCluster | None) -> Iterator[Figure]:
        with ExitStack() as stack:
            http_port = free_port()
            server, meters, idle = self._serve(stack, cluster, "acme", loopback_validation(http_port))
            for figure in measure_acme(server, meters, self._wrk, http_port, self._label, self._wants):
                yield figure._replace(idle_megabytes=idle)

    def _serve(
        self, stack: ExitStack, cluster: PostgresqlCluster | None, what: str, env: dict[str, str]
    ) -> tuple[Server, Meters, float]:
        """Return a fresh server with a fresh database, its meters, and its idle memory."""
        here = self._folder / what
        here.mkdir()
        url = None if cluster is None else cluster.create_database(f"bench_{what}")
        arguments = ["--workers", str(self._workers)]
        server = stack.enter_context(running_server(here, url, env, arguments))
        meters = Meters(server.pid, partial(count_waits, server, self._workers), cluster, url)
        return server, meters, resident_megabytes(server.pid)


if __name__ == "__main__":
    sys.exit(main())
