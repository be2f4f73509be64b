"""Nonces (S16)."""

from datetime import timedelta

import pytest

from acme.errors import BadNonceError
from acme.wire.nonces import Nonces
from ca_service.custody.derivation import MacKey
from tests.support.fakes.kernel import FakeClock, FakeRandomness


def make_nonces(key: bytes = b"k" * 32, chaos: float = 0.0) -> Nonces:
    return Nonces(MacKey(key), FakeRandomness(), chaos=chaos)


def test_a_nonce_is_read_by_another_instance_with_the_same_key(clock: FakeClock) -> None:
    nonce = make_nonces().mint(clock.now())
    assert make_nonces().parse(nonce, clock.now())


def test_two_nonces_are_remembered_apart(clock: FakeClock) -> None:
    nonces = make_nonces()
    first, second = nonces.mint(clock.now()), nonces.mint(clock.now())
    assert nonces.parse(first, clock.now()) != nonces.parse(second, clock.now())


def test_a_nonce_is_good_for_an_hour(clock: FakeClock) -> None:
    nonces = make_nonces()
    nonce = nonces.mint(clock.now())
    clock.advance(timedelta(minutes=60))
    assert nonces.parse(nonce, clock.now())


def test_a_nonce_is_not_good_for_longer(clock: FakeClock) -> None:
    nonces = make_nonces()
    nonce = nonces.mint(clock.now())
    clock.advance(timedelta(minutes=61))
    with pytest.raises(BadNonceError):
        nonces.parse(nonce, clock.now())


def test_a_nonce_from_the_future_is_refused(clock: FakeClock) -> None:
    nonces = make_nonces()
    nonce = nonces.mint(clock.now() + timedelta(minutes=5))
    with pytest.raises(BadNonceError):
        nonces.parse(nonce, clock.now())


def test_a_nonce_under_another_key_is_refused(clock: FakeClock) -> None:
    nonce = make_nonces(b"x" * 32).mint(clock.now())
    with pytest.raises(BadNonceError):
        make_nonces().parse(nonce, clock.now())


@pytest.mark.parametrize("text", ["", "A", "AAAA", "====", "ümlaut", "A" * 64, "A" * 10000, "ab cd"])
def test_text_that_is_no_nonce_is_refused(text: str, clock: FakeClock) -> None:
    with pytest.raises(BadNonceError):
        make_nonces().parse(text, clock.now())


def test_every_byte_of_a_nonce_counts(clock: FakeClock) -> None:
    nonces = make_nonces()
    nonce = nonces.mint(clock.now())
    for position in range(0, len(nonce), 4):
        changed = nonce[:position] + ("B" if nonce[position] == "A" else "A") + nonce[position + 1 :]
        with pytest.raises(BadNonceError):
            nonces.parse(changed, clock.now())


def test_chaos_refuses_its_share() -> None:
    nonces = make_nonces(chaos=0.5)
    refused = 0
    for _ in range(200):
        try:
            nonces.refuse_some()
        except BadNonceError:
            refused += 1
    assert 60 < refused < 140


def test_without_chaos_nothing_is_refused_on_purpose() -> None:
    nonces = make_nonces()
    for _ in range(50):
        nonces.refuse_some()
