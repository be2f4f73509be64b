"""`kill -9` at every step of ACME flows under load: no order stuck, none with two certificates, none lost.

Two workers serve. Sometimes all of them die together with their parent, and sometimes one that is replaced
while the other goes on.
"""

import asyncio
import os
import random
import signal
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from tests.load.process_tree import descendants
from tests.support.acme_client import make_csr
from tests.support.acme_flow import STEPS, AcmeAccount, Flow
from tests.support.challenge_host import ChallengeHost, free_port, loopback_validation
from tests.support.command_line import keywright
from tests.support.outside_look import fetch_rows
from tests.support.server import Server, running_server

_CLIENTS = 25
_WORKERS = 2
_FLOWS = 300
_LONGEST_SECONDS = 400
#: When somebody dies: with a request of this step on its way, or during a look at a challenge; and whether
#: the whole server does, or one worker.
_MOMENTS = (
    ("newOrder", True),
    ("validation", False),
    ("authz", True),
    ("challenge", True),
    ("finalize", False),
    ("poll", True),
    ("validation", True),
    ("finalize", True),
    ("download", True),
)
_CERTIFICATES = "/v1/projects/default/x509/certificates"


class _Mortal:
    """A server that is killed now and then and comes back at the same addresses."""

    def __init__(self, folder: Path, database_url: str | None) -> None:
        self.folder = folder
        self.database_url = database_url
        self.http_port = free_port()
        self.is_up = asyncio.Event()
        self.server: Server | None = None
        self._arguments = [
            "--listen",
            f"127.0.0.1:{free_port()}",
            "--plain-listen",
            f"127.0.0.1:{free_port()}",
            "--workers",
            str(_WORKERS),
        ]
        self._stack = ExitStack()

    async def start(self) -> Server:
        """Start the server, which has died before unless this is its first start."""
        self._stack.close()
        settings = loopback_validation(self.http_port)
        running = running_server(self.folder, self.database_url, settings, self._arguments)
        self.server = await asyncio.to_thread(self._stack.enter_context, running)
        self.is_up.set()
        return self.server

    async def kill(self) -> None:
        """End the server with all its workers as `kill -9` does."""
        assert self.server is not None, "it was started"
        self.is_up.clear()
        # The parent last: it would tell its workers to stop in good order.
        for worker in self._workers():
            os.kill(worker, signal.SIGKILL)
        self.server.process.kill()
        await asyncio.to_thread(self.server.process.wait)

    def kill_worker(self, dice: random.Random) -> None:
        """End one worker; the parent starts another, and what the dead one had in hand falls to others."""
        os.kill(dice.choice(self._workers()), signal.SIGKILL)

    def _workers(self) -> list[int]:
        assert self.server is not None, "it was started"
        return descendants(self.server.pid)[1:]

    def close(self) -> None:
        """Stop the server in good order."""
        self._stack.close()


class _Load:
    """Clients that see their flows through, whatever happens to the server, and what became of them."""

    def __init__(self, mortal: _Mortal, seed: int) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        names = [f"kill-{number}.localhost" for number in range(_FLOWS)]
        self.flows = [Flow(name, make_csr(name, key=key)) for name in names]
        self.accounts: list[AcmeAccount] = []
        self.owners: dict[str, AcmeAccount] = {}
        self.interrupted: Counter[str] = Counter()
        self._mortal = mortal
        self._dice = random.Random(seed)
        self._awaited: str | None = None
        self._moment = asyncio.Event()
        self._requests = 0

    async def run(self) -> None:
        """Run all flows to their end, and kill the server at each of the moments meanwhile."""
        host = ChallengeHost(self._mortal.http_port, on_fetch=lambda: self._watch("validation"))
        async with host:
            server = await self._mortal.start()
            context = ssl.create_default_context(cafile=str(server.ca_file))
            self.accounts = [AcmeAccount(server.url, context) for _ in range(_CLIENTS)]
            for account in self.accounts:
                await account.register()
            waiting = iter(self.flows)
            clients = asyncio.gather(*(self._see_through(each, waiting, host) for each in self.accounts))
            for moment, is_of_all in _MOMENTS:
                await self._reach(moment)
                if is_of_all:
                    await self._mortal.kill()
                    await self._mortal.start()
                else:
                    self._mortal.kill_worker(self._dice)
            await clients

    async def _reach(self, moment: str) -> None:
        """Wait until the load has gone on for a while and some client is at this moment."""
        self._moment.clear()
        self._requests = -self._dice.randint(40, 90)
        self._awaited = moment
        await self._moment.wait()
        # What the server does with one request takes it some milliseconds: die anywhere in them.
        await asyncio.sleep(self._dice.uniform(0, 0.01))

    def _watch(self, step: str) -> None:
        self._requests += 1
        if step == self._awaited and self._requests > 0:
            self._awaited = None
            self._moment.set()

    async def _see_through(self, account: AcmeAccount, waiting: Iterator[Flow], host: ChallengeHost) -> None:
        step = ""

        def watch(now: str) -> None:
            nonlocal step
            step = now
            self._watch(now)

        for flow in waiting:
            self.owners[flow.name] = account
            while flow.chain is None:
                await self._mortal.is_up.wait()
                try:
                    await flow.run(account, host, watch)
                except OSError:
                    self.interrupted[step] += 1


class _Aftermath(Struct, frozen=True):
    """What was left behind, read from the server that came up last and then from its database."""

    flows: list[Flow]
    interrupted: Counter[str]
    served_again: dict[str, bytes]
    inventory: list[dict[str, Any]]
    database_url: str
    data: Path


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory, database_url: str | None) -> _Aftermath:
    """The state after 300 flows through all those deaths; the server was stopped in good order."""
    folder = tmp_path_factory.mktemp("acme-kill")

    async def live_through() -> _Aftermath:
        mortal = _Mortal(folder, database_url)
        load = _Load(mortal, seed=3)
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await load.run()
                await _close_open_orders(load)
                served_again = await _download_all(load)
            assert mortal.server is not None, "it came up again after its last death"
            return _Aftermath(
                flows=load.flows,
                interrupted=load.interrupted,
                served_again=served_again,
                inventory=_all_items(mortal.server),
                database_url=database_url or f"sqlite:///{mortal.server.data / 'keywright.db'}",
                data=mortal.server.data,
            )
        finally:
            for account in load.accounts:
                account.connection.close()
            mortal.close()

    return asyncio.run(live_through())


async def _close_open_orders(load: _Load) -> None:
    """Give up what the clients never learnt of: orders whose answer was lost. A stuck one cannot be."""
    for account in load.accounts:
        listed = (await account.ask(f"{account.kid}/orders")).json()["orders"]
        for url in listed:
            order = (await account.ask(url)).json()
            if order["status"] in {"pending", "ready"}:
                for authorization in order["authorizations"]:
                    await account.post(authorization, {"status": "deactivated"})


async def _download_all(load: _Load) -> dict[str, bytes]:
    chains = {}
    for flow in load.flows:
        assert flow.certificate_url is not None
        chains[flow.name] = (await load.owners[flow.name].ask(flow.certificate_url)).body
    return chains


def _all_items(server: Server) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = server.get(f"{_CERTIFICATES}?limit=1000{cursor}").json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


def test_the_server_died_under_requests_of_every_step(aftermath: _Aftermath) -> None:
    assert set(aftermath.interrupted) == set(STEPS)


def test_every_flow_ended_with_a_certificate_for_its_name(aftermath: _Aftermath) -> None:
    for flow in aftermath.flows:
        assert flow.chain is not None
        leaf = x509.load_pem_x509_certificate(flow.chain)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [flow.name]


def test_no_order_is_stuck(aftermath: _Aftermath) -> None:
    open_orders = fetch_rows(
        aftermath.database_url, "SELECT id FROM acme_orders WHERE certificate IS NULL AND failure IS NULL"
    )
    assert open_orders == []


def test_no_challenge_stays_processing(aftermath: _Aftermath) -> None:
    processing = fetch_rows(
        aftermath.database_url,
        "SELECT id FROM acme_challenges "
        "WHERE responded_at IS NOT NULL AND validated_at IS NULL AND failure IS NULL",
    )
    assert processing == []


def test_no_order_has_two_certificates(aftermath: _Aftermath) -> None:
    issued = fetch_rows(
        aftermath.database_url,
        "SELECT count(*), count(DISTINCT certificate) FROM acme_orders WHERE certificate IS NOT NULL",
    )
    names = [name["value"] for item in aftermath.inventory for name in item["names"]]
    # Each flow has a name of its own, so that a second certificate of an order would be a second of its name.
    assert issued == [(_FLOWS, _FLOWS)]
    assert sorted(name for name in names if name in aftermath.served_again) == sorted(aftermath.served_again)


def test_every_downloaded_certificate_is_in_the_inventory(aftermath: _Aftermath) -> None:
    known = {item["serial_number"] for item in aftermath.inventory}
    downloaded = set()
    for flow in aftermath.flows:
        assert flow.chain is not None
        downloaded.add(_serial_of(flow.chain))
    assert downloaded <= known
    assert len(downloaded) == _FLOWS


def test_every_downloaded_certificate_is_served_again(aftermath: _Aftermath) -> None:
    assert aftermath.served_again == {flow.name: flow.chain for flow in aftermath.flows}


def test_the_trail_is_intact(aftermath: _Aftermath) -> None:
    arguments = ["--data", str(aftermath.data), "--database", aftermath.database_url]
    done = keywright("audit", "verify", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def _serial_of(chain: bytes) -> str:
    number = x509.load_pem_x509_certificate(chain).serial_number
    digits = f"{number:x}"
    return digits if len(digits) % 2 == 0 else f"0{digits}"
