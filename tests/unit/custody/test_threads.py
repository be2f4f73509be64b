"""Slow work leaves the event loop free, is bounded, and is given up in time."""

import asyncio
import subprocess
import sys
from threading import Event

import pytest

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.generation import generate_key
from ca_service.custody.signers import Signer
from ca_service.custody.threads import SigningThreads
from ca_service.kernel.errors import UnavailableError

_HANGS = 20.0


class SlowKey:
    """What a key on a slow token does: it signs once it is let go on, and says when it began."""

    def __init__(self) -> None:
        self.has_begun = Event()
        self.may_end = Event()

    def sign(self, data: bytes) -> bytes:
        """Return the signature; raises if the event loop never lets it end, because it waits for it."""
        self.has_begun.set()
        if not self.may_end.wait(_HANGS):
            raise AssertionError("the event loop stood still while a slow key signed")
        return b"signature of " + data


def threads(at_once: int = 1, most_waiting: int = 4, patience: float = _HANGS) -> SigningThreads:
    return SigningThreads("the test", at_once=at_once, most_waiting=most_waiting, patience=patience)


async def turns_until(event: Event, most: int = 1_000_000) -> int:
    for turn in range(most):
        if event.is_set():
            return turn
        await asyncio.sleep(0)
    raise AssertionError("it never happened")


@pytest.mark.parametrize("algorithm", [one for one in KeyAlgorithm if one.is_slow])
async def test_the_event_loop_goes_on_while_a_slow_key_signs(algorithm: KeyAlgorithm) -> None:
    # The work of a slow algorithm can only end after the loop has made a hundred turns beside it.
    slow = SlowKey()
    fast = generate_key(KeyAlgorithm.EC_P256).signer("").certificate_key
    signer = Signer("key_1", algorithm, fast)
    signing = asyncio.ensure_future(signer.in_turn(slow.sign, b"data"))
    await turns_until(slow.has_begun)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not signing.done()
    slow.may_end.set()
    assert await signing == b"signature of data"


async def test_the_event_loop_goes_on_while_a_key_in_another_store_signs() -> None:
    slow = SlowKey()
    fast = generate_key(KeyAlgorithm.EC_P256).signer("").certificate_key
    signer = Signer("key_1", KeyAlgorithm.EC_P256, fast, threads=threads())
    signing = asyncio.ensure_future(signer.in_turn(slow.sign, b"data"))
    await turns_until(slow.has_begun)
    slow.may_end.set()
    assert await signing == b"signature of data"


async def test_a_fast_key_signs_without_a_thread() -> None:
    signer = generate_key(KeyAlgorithm.EC_P256).signer("key_1")
    signing = asyncio.ensure_future(signer.in_turn(signer.sign, b"data"))
    await asyncio.sleep(0)
    assert signing.done()


async def test_who_comes_when_too_many_wait_is_told_at_once() -> None:
    pool, slow = threads(most_waiting=2), SlowKey()
    waiting = [asyncio.ensure_future(pool.run(slow.sign, b"data")) for _ in range(2)]
    await turns_until(slow.has_begun)
    with pytest.raises(UnavailableError, match="Too much waits for the test"):
        await pool.run(slow.sign, b"data")
    slow.may_end.set()
    assert await asyncio.gather(*waiting) == [b"signature of data"] * 2


async def test_places_are_free_again_after_the_work_is_done() -> None:
    pool = threads(most_waiting=1)
    assert [await pool.run(bytes, 1) for _ in range(5)] == [b"\0"] * 5


async def test_a_place_is_taken_for_as_long_as_work_hangs_though_nobody_waits() -> None:
    pool, slow = threads(most_waiting=1, patience=0.05), SlowKey()
    with pytest.raises(UnavailableError, match="took too long"):
        await pool.run(slow.sign, b"data")
    with pytest.raises(UnavailableError, match="Too much waits"):
        await pool.run(slow.sign, b"data")
    slow.may_end.set()


async def test_work_that_fails_says_why() -> None:
    with pytest.raises(ZeroDivisionError):
        await threads().run(divmod, 1, 0)


async def test_a_timeout_of_the_work_itself_is_its_own() -> None:
    def late() -> None:
        raise TimeoutError("of the work")

    with pytest.raises(TimeoutError, match="of the work"):
        await threads().run(late)


async def test_work_that_was_not_begun_is_not_begun_for_who_went_away() -> None:
    pool, slow, begun = threads(), SlowKey(), Event()
    first = asyncio.ensure_future(pool.run(slow.sign, b"data"))
    await turns_until(slow.has_begun)
    second = asyncio.ensure_future(pool.run(begun.set))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    slow.may_end.set()
    await first
    await pool.run(bytes, 1)  # which comes behind it
    assert not begun.is_set()


async def test_no_more_threads_than_agreed_work_at_once() -> None:
    pool, slow = threads(at_once=2, most_waiting=8), [SlowKey() for _ in range(3)]
    waiting = [asyncio.ensure_future(pool.run(one.sign, b"data")) for one in slow]
    await turns_until(slow[0].has_begun)
    await turns_until(slow[1].has_begun)
    assert not slow[2].has_begun.is_set()
    slow[1].may_end.set()
    await turns_until(slow[2].has_begun)
    slow[0].may_end.set()
    slow[2].may_end.set()
    assert await asyncio.gather(*waiting) == [b"signature of data"] * 3


_HANGING = """
import asyncio
from threading import Event
from ca_service.custody.threads import SigningThreads
from ca_service.kernel.errors import UnavailableError

async def ask():
    try:
        await SigningThreads("the test", at_once=1, patience=0.05).run(Event().wait)
    except UnavailableError as error:
        print(error.detail)

asyncio.run(ask())
"""


def test_a_process_ends_though_a_token_hangs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _HANGING], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Waiting for the test took too long; try again later.\n"
