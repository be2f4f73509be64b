"""wrk, the generator of everything that is one fixed request."""

import json
import re
import resource
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.load.figures import Figure
from tests.load.meters import Meters
from tests.load.samples import Sample

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


class Wrk(NamedTuple):
    """How every sample is sent."""

    folder: Path
    seconds: int
    connections: int

    def run(self, what: str, sample: Sample, url: str, meters: Meters, token: str | None = None) -> Figure:
        """Send one sample for so many seconds, after one that warms caches."""
        script = self.folder / "request.lua"
        script.write_text(_lua(sample, token), encoding="utf-8")
        target = url + sample.path.replace("{n}", "0")
        command = ["wrk", "-t1", f"-c{self.connections}", "--latency", "-s", str(script), target]
        _run([*command, "-d1s"], 30)
        meters.analyze()
        before, generator_before = meters.read(), _cpu_of_children()
        printed = _run([*command, f"-d{self.seconds}s"], self.seconds + 30)
        generator = _cpu_of_children() - generator_before
        requests = max(1, int(_find(r"(\d+) requests in", printed)))
        used = meters.since(before, requests)
        refused = int(_find(r"Non-2xx or 3xx responses: (\d+)", printed, "0"))
        broken = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", printed))
        return Figure(
            what,
            rate=float(_find(r"Requests/sec:\s+([\d.]+)", printed)),
            p50=_milliseconds(_find(r"^\s+50%\s+(\S+)$", printed)),
            p99=_milliseconds(_find(r"^\s+99%\s+(\S+)$", printed)),
            cpu=used.cpu * 1e6,
            database_cpu=used.database_cpu * 1e6,
            generator_cpu=generator / requests * 1e6,
            round_trips=used.waits,
            errors=refused + broken,
        )


def _run(command: list[str], seconds: float) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds).stdout


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _lua(sample: Sample, token: str | None) -> str:
    lines = [f"wrk.method = {json.dumps(sample.method)}"]
    if token:
        lines.append(f'wrk.headers["Authorization"] = "Bearer {token}"')
    if sample.body is not None:
        lines.append('wrk.headers["Content-Type"] = "application/json"')
        lines.append(f"wrk.body = [==[{sample.body}]==]")
    if sample.spread:
        before, _, after = sample.path.partition("{n}")
        lines += [
            "local n = 0",
            "request = function()",
            f"  n = (n + 1) % {sample.spread}",
            f"  return wrk.format(nil, {json.dumps(before)} .. n .. {json.dumps(after)})",
            "end",
        ]
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
    return float(match.group(1)) * _UNITS[match.group(2)]
