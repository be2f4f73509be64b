"""The queue in front of signatures that strangers ask for: bounded, fair, and never an error (S20)."""

import asyncio

import pytest

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.errors import KeyStoreUnavailableError
from ca_service.custody.generation import generate_key
from ca_service.custody.signers import Signer
from ca_service.custody.threads import SigningThreads
from ca_service.x509.signing_queue import SigningQueue


class CountingKey(Signer):
    """A key in memory that counts its signatures."""

    __slots__ = ("signed",)

    def __init__(self) -> None:
        made = generate_key(KeyAlgorithm.EC_P256).signer("key_1")
        super().__init__("key_1", KeyAlgorithm.EC_P256, made.certificate_key)
        self.signed = 0

    def sign(self, data: bytes, hash_name: str | None = None) -> bytes:
        self.signed += 1
        return super().sign(data, hash_name)


class AbsentKey(Signer):
    """A key on a token that is away."""

    def __init__(self) -> None:
        made = generate_key(KeyAlgorithm.EC_P256).signer("key_1")
        threads = SigningThreads("the test", at_once=1)
        super().__init__("key_1", KeyAlgorithm.EC_P256, made.certificate_key, store="hsm", threads=threads)

    def sign(self, data: bytes, hash_name: str | None = None) -> bytes:
        raise KeyStoreUnavailableError("The key store hsm does not answer: it is away.")


async def turn() -> None:
    await asyncio.sleep(0)


async def test_everybody_who_waits_is_served() -> None:
    queue, key = SigningQueue(), CountingKey()
    signatures = await asyncio.gather(*(queue.sign(key, b"data") for _ in range(20)))
    assert None not in signatures
    assert key.signed == 20


async def test_a_turn_of_the_event_loop_has_so_many_signatures_and_no_more() -> None:
    queue, key = SigningQueue(at_once=2), CountingKey()
    waiting = [asyncio.ensure_future(queue.sign(key, b"data")) for _ in range(7)]
    counts = []
    while not all(one.done() for one in waiting):
        before = key.signed
        await turn()
        counts.append(key.signed - before)
    assert max(counts) == 2


async def test_who_comes_late_does_not_overtake_those_who_wait() -> None:
    queue, key, order = SigningQueue(at_once=1), CountingKey(), list[int]()

    async def ask(number: int) -> None:
        await queue.sign(key, b"data")
        order.append(number)

    asked = []
    for number in range(6):
        asked.append(asyncio.ensure_future(ask(number)))
        if number > 2:
            await turn()
    await asyncio.gather(*asked)
    assert order == list(range(6))


async def test_beyond_the_bound_nobody_waits() -> None:
    queue, key = SigningQueue(most_waiting=3), CountingKey()
    signatures = await asyncio.gather(*(queue.sign(key, b"data") for _ in range(5)))
    assert [one is None for one in signatures] == [False, False, False, True, True]


async def test_who_went_away_keeps_no_place() -> None:
    queue, key = SigningQueue(at_once=1, most_waiting=2), CountingKey()
    first, second = (asyncio.ensure_future(queue.sign(key, b"data")) for _ in range(2))
    await turn()
    second.cancel()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    assert await queue.sign(key, b"data") is not None
    assert key.signed == 2


async def test_a_key_whose_store_does_not_answer_signs_nothing_and_is_no_error() -> None:
    assert await SigningQueue().sign(AbsentKey(), b"data") is None


async def test_a_slow_key_signs_in_its_threads() -> None:
    signer = generate_key(KeyAlgorithm.ML_DSA_44).signer("key_1")
    signatures = await asyncio.gather(*(SigningQueue().sign(signer, b"data") for _ in range(3)))
    assert all(one is not None and len(one) == 2420 for one in signatures)
