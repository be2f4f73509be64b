"""The rows of ACME: a server that validates on loopback, the directory, nonces, and whole flows."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from tests.load.acme_flows import FlowFigures
from tests.load.figures import Figure
from tests.load.meters import Meters
from tests.load.samples import Sample
from tests.load.wrk import Wrk
from tests.support.command_line import ROOT
from tests.support.server import Server

CLIENTS = 25
FLOWS = f"ACME flow (P-256, {CLIENTS} clients)"
#: GET, because wrk waits for the body that an answer to HEAD announces and does not have.
_NONCE = Sample("ACME newNonce (GET)", "GET", "/acme/default/new-nonce", None)
_DIRECTORY = Sample("ACME directory", "GET", "/acme/default/directory", None)
NAMES = (_DIRECTORY.name, _NONCE.name, FLOWS)


def measure_acme(
    server: Server, meters: Meters, wrk: Wrk, http_port: int, label: str, wants: Callable[[str], bool]
) -> Iterator[Figure]:
    """Yield the rows that are wanted."""
    for sample in (_DIRECTORY, _NONCE):
        if wants(sample.name):
            yield wrk.run(f"{label}: {sample.name}", sample, server.url, meters)
    if wants(FLOWS):
        yield _run_flows(server, meters, wrk.seconds, http_port, f"{label}: {FLOWS}")


def _run_flows(server: Server, meters: Meters, seconds: int, http_port: int, what: str) -> Figure:
    command = [sys.executable, "-m", "tests.load.acme_flows", "--url", server.url]
    command += ["--ca", str(Path(server.ca_file)), "--http-port", str(http_port)]
    command += ["--clients", str(CLIENTS), "--seconds", str(seconds)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as generator:
        assert generator.stdin is not None
        assert generator.stdout is not None
        if generator.stdout.readline() != "ready\n":
            raise RuntimeError(f"the generator did not get ready; the server says:\n{server.log[-2000:]}")
        meters.analyze()
        before = meters.read()
        generator.stdin.write("go\n")
        generator.stdin.flush()
        done = msgspec.json.decode(generator.stdout.readline(), type=FlowFigures)
    flows = len(done.latencies)
    used = meters.since(before, flows)
    for error in done.errors[:3]:
        print(error, file=sys.stderr)
    return Figure(
        what,
        rate=flows / done.seconds,
        p50=done.percentile(0.5) * 1e3,
        p99=done.percentile(0.99) * 1e3,
        cpu=used.cpu * 1e6,
        database_cpu=used.database_cpu * 1e6,
        generator_cpu=done.generator_cpu / max(flows, 1) * 1e6,
        round_trips=used.waits,
        errors=len(done.errors),
    )
