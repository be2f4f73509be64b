"""A minute of rubbish on two workers, by a clock that is moved, on both engines (S8).

Nothing is written for whoever cannot be named; what a self-made key signs leaves a bounded number of rows;
and somebody beside the flood gets a certificate.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import func, select

from ca_service.database.metadata import METADATA
from ca_service.database.port import Database
from ca_service.database.statement import statement
from tests.support.acme_client import AcmeClient, ClientKey, Reply, b64, sign_jws
from tests.support.acme_orders import finalize, ready
from tests.support.acme_stack import DIRECTORY, URL, AcmeStack
from tests.support.fakes.kernel import FakeClock

BASE = f"{URL}/acme/default"
SECONDS = 60
#: Of the first kind to each worker, and of the second: more than is let through in that time.
UNNAMED, SELF_MADE = 1, 5
MOST_ROWS = 1_000
FLOOD, BESIDE = "192.0.2.7", "198.51.100.9"
_JOSE = {"Content-Type": "application/jose+json"}
#: What the engine keeps of the time, on its own account.
_CLOCK = "database_clock"
_COUNTS = {
    table.name: statement(select(func.count()).select_from(table))
    for table in METADATA.sorted_tables
    if table.name != _CLOCK
}
Request = tuple[str, str, Mapping[str, str], bytes]
Workers = tuple[AcmeStack, AcmeStack]


class Flood:
    """Makes rubbish; `nonce` is a good one."""

    def __init__(self) -> None:
        self.nonce = ""
        self._key = ClientKey.new()

    def unnamed(self) -> list[Request]:
        """Return requests of which nobody can say whom they come from."""
        url = f"{BASE}/new-order"
        member = {"alg": "ES256", "kid": f"{BASE}/account/acc_1", "nonce": self.nonce, "url": url}
        forged = {"protected": b64(json.dumps(member).encode()), "payload": "", "signature": b64(b"0" * 64)}
        return [
            ("POST", url, _JOSE, b"\x00" * 40),
            ("POST", url, _JOSE, json.dumps(forged).encode()),
            ("POST", f"{BASE}/order/ord_1", _JOSE, b"{"),
            ("POST", f"{BASE}/revoke-cert", {"Content-Type": "text/plain"}, b"{}"),
            ("GET", f"{URL}/v1/projects/one/acme/directories", {"Authorization": "Bearer kw_guess"}, b""),
            ("HEAD", f"{BASE}/new-nonce", {}, b""),
        ]

    def self_made(self) -> list[Request]:
        """Return a newAccount that is signed well, and refused."""
        return [self._signed(f"{BASE}/new-account", b'{"contact":["mailto:a"]}')]

    def unfounded(self) -> list[Request]:
        """Return a revocation that a key signed which has nothing to do with any certificate."""
        return [self._signed(f"{BASE}/revoke-cert", b'{"certificate":"AAAA"}')]

    def _signed(self, url: str, payload: bytes) -> Request:
        header = {"alg": "ES256", "jwk": self._key.jwk, "nonce": self.nonce, "url": url}
        return "POST", url, _JOSE, sign_jws(self._key, payload, header)


@pytest.fixture
def workers(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Workers:
    return AcmeStack(runner, database, clock), AcmeStack(runner, database, clock, is_first=False)


def pour(workers: Workers, each_second: int, *kinds: Callable[[Flood], list[Request]]) -> Counter[int]:
    """Let a minute of rubbish come in, and return how often each status was answered."""
    flood = Flood()
    statuses: Counter[int] = Counter()

    async def second() -> None:
        for worker, make in product(workers * each_second, kinds):
            for method, url, headers, body in make(flood):
                reply = await worker.exchange(method, url, headers, body, FLOOD)
                statuses[reply.status] += 1
                flood.nonce = reply.headers.get("replay-nonce", [flood.nonce])[0]

    for _ in range(SECONDS):
        workers[0].clock.advance(timedelta(seconds=1))
        workers[0].runner.run(second())
    return statuses


def rows(workers: Workers) -> Counter[str]:
    """Return how many rows each table has."""

    async def count() -> Counter[str]:
        found: Counter[str] = Counter()
        for name, counting in _COUNTS.items():
            row = await workers[0].database.read_one(counting)
            assert row is not None
            found[name] = row[0]
        return found

    return workers[0].runner.run(count())


def entries(worker: AcmeStack) -> list[int]:
    """Return the counts that a worker tells the trail at the end of the minute, one for each kind."""
    worker.runner.run(worker.app.refusals.flush())
    return [entry.details["count"] for entry in worker.app.trail.entries]


def neighbour(worker: AcmeStack) -> AcmeClient:
    """Return a client of another network."""

    def send(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        return worker.runner.run(worker.exchange(method, url, headers, body, BESIDE))

    return AcmeClient(send, DIRECTORY)


def test_who_cannot_be_named_leaves_no_row_and_a_count_of_each_kind(workers: Workers) -> None:
    before = rows(workers)
    statuses = pour(workers, UNNAMED, Flood.unnamed)
    assert rows(workers) == before
    assert max(statuses) < 500
    for worker in workers:
        told = entries(worker)
        assert len(told) < 8
        # Of the six, two say nothing of who asks.
        assert sum(told) == 4 * SECONDS * UNNAMED


def test_a_flood_of_self_made_keys_leaves_few_rows_and_lets_others_through(workers: Workers) -> None:
    before = rows(workers)
    statuses = pour(workers, SELF_MADE, Flood.self_made, Flood.unfounded)
    left = rows(workers) - before
    assert statuses[429] > 0
    assert max(statuses) < 500
    assert max(left.values()) <= MOST_ROWS
    client = neighbour(workers[1])
    assert client.register().status == 201
    done = finalize(client, ready(workers[1], client, "a.example"))
    assert done.json()["status"] == "valid"
