"""The load generator of ACME: `python -m tests.load.acme_flows --url … --ca … --http-port …`.

Clients with accounts and CSRs made beforehand, each on a connection of its own, take whole flows: newOrder,
http-01 answered by this process, finalize, download. It warms up, prints `ready`, waits for a line on
standard input, runs, and prints its figures as JSON, its own CPU time among them.
"""

import argparse
import asyncio
import ssl
import sys
import time
from collections.abc import Iterator
from itertools import count

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from tests.support.acme_client import make_csr
from tests.support.acme_flow import AcmeAccount, Flow, RefusedError
from tests.support.challenge_host import ChallengeHost

_WARM_SECONDS = 1.0
#: More than any server here will manage: what is left over was made in vain.
_MOST_PER_SECOND = 600
_NAMES = count(1)


class FlowFigures(Struct, frozen=True):
    """What one run gave; `latencies` in seconds, one for each flow that ended with a certificate."""

    seconds: float
    latencies: list[float]
    polls: int
    generator_cpu: float
    errors: list[str]

    def percentile(self, share: float) -> float:
        """Return a latency in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


async def main() -> None:
    """Warm up, wait to be told, run, and print the figures."""
    options = _parse_arguments()
    context = ssl.create_default_context(cafile=options.ca)
    key = ec.generate_private_key(ec.SECP256R1())
    async with ChallengeHost(options.http_port) as host:
        accounts = [AcmeAccount(options.url, context) for _ in range(options.clients)]
        for account in accounts:
            await account.register()
        await _run(accounts, host, _flows(key, _WARM_SECONDS), _WARM_SECONDS)
        flows = _flows(key, options.seconds)
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        figures = await _run(accounts, host, flows, options.seconds)
        print(msgspec.json.encode(figures).decode(), flush=True)
        for account in accounts:
            account.connection.close()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--ca", required=True, help="the trust anchor")
    parser.add_argument("--http-port", type=int, required=True, help="where the server looks for challenges")
    parser.add_argument("--clients", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=5.0)
    return parser.parse_args()


def _flows(key: ec.EllipticCurvePrivateKey, seconds: float) -> Iterator[Flow]:
    """Make flows for names that nobody asked for yet, so that no authorization is used again."""
    names = [f"flow-{next(_NAMES)}.localhost" for _ in range(int(seconds * _MOST_PER_SECOND))]
    return iter([Flow(name, make_csr(name, key=key)) for name in names])


async def _run(
    accounts: list[AcmeAccount], host: ChallengeHost, flows: Iterator[Flow], seconds: float
) -> FlowFigures:
    latencies: list[float] = []
    errors: list[str] = []
    polls = 0
    cpu, began = time.process_time(), time.perf_counter()

    async def work(account: AcmeAccount) -> None:
        nonlocal polls
        while time.perf_counter() - began < seconds:
            flow = next(flows)
            start = time.perf_counter()
            try:
                await flow.run(account, host)
            except (RefusedError, OSError) as error:
                errors.append(f"{flow.name}: {error!r}")
                continue
            latencies.append(time.perf_counter() - start)
            polls += flow.polls

    await asyncio.gather(*map(work, accounts))
    return FlowFigures(
        seconds=time.perf_counter() - began,
        latencies=latencies,
        polls=polls,
        generator_cpu=time.process_time() - cpu,
        errors=errors,
    )


if __name__ == "__main__":
    asyncio.run(main())
