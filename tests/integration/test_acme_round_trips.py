"""How often the service waits for its database on the way from newOrder to a downloaded certificate."""

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from statistics import median

import pytest

from tests.load.round_trips import count_waits
from tests.support.acme_client import make_csr
from tests.support.acme_flow import STEPS, AcmeAccount, Flow
from tests.support.challenge_host import ChallengeHost, free_port, loopback_validation
from tests.support.outside_look import fetch_rows
from tests.support.server import Server, running_server

#: Two for each request (a read, and a transaction or an entry of the trail), and one for the look.
BUDGET = 13
#: Housekeeping waits now and then in between: the median of so many flows is without it.
_FLOWS = 9
_WAIT_SECONDS = 20
_PAUSE = 0.02


class _Tape:
    """Reads the count of waits before each step, so that the difference is what the step before it took."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._readings: list[tuple[str, float]] = []

    def mark(self, step: str) -> None:
        """Note that `step` begins."""
        self._readings.append((step, count_waits(self._server, workers=1)))

    def trips(self) -> dict[str, float]:
        """Return the median of the round trips of each step, without those of looking."""
        found: dict[str, list[float]] = {}
        for (step, before), (_, after) in zip(self._readings, self._readings[1:], strict=False):
            found.setdefault(step, []).append(after - before)
        of_looking = median(found.pop("nothing"))
        return {step: median(each) - of_looking for step, each in found.items()}


@pytest.fixture(scope="module")
def http_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, database_url: str | None, http_port: int
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("acme-round-trips")
    with running_server(folder, database_url, loopback_validation(http_port)) as running:
        yield running


@pytest.fixture(scope="module")
def trips(server: Server, database_url: str | None, http_port: int) -> Mapping[str, float]:
    """The round trips of each step of a flow; those of `challenge` are with the look at it."""
    url = database_url or f"sqlite:///{server.data / 'keywright.db'}"
    return asyncio.run(_measure(server, url, http_port))


async def _measure(server: Server, database_url: str, http_port: int) -> Mapping[str, float]:
    account = AcmeAccount(server.url, ssl.create_default_context(cafile=str(server.ca_file)))
    await account.register()
    tape = _Tape(server)
    async with ChallengeHost(http_port) as host:
        for number in range(_FLOWS):
            name = f"trips-{number}.localhost"
            flow = Flow(name, make_csr(name), until_looked=lambda: _until_looked(database_url))
            await flow.run(account, host, tape.mark)
            tape.mark("nothing")
    tape.mark("nothing")
    account.connection.close()
    return tape.trips()


async def _until_looked(database_url: str) -> None:
    """Wait until the job that looks at the challenge is done with, the queue's own bookkeeping included."""
    async with asyncio.timeout(_WAIT_SECONDS):
        while fetch_rows(database_url, "SELECT count(*) FROM queue_jobs") != [(0,)]:
            await asyncio.sleep(_PAUSE)


def test_a_whole_flow_stays_within_its_round_trips(
    trips: Mapping[str, float], database_url: str | None
) -> None:
    assert set(trips) == set(STEPS)
    assert sum(trips.values()) <= BUDGET, trips
