"""Tokens and client secrets as texts."""

import re

import pytest

from ca_service.identity.opaque import CLIENT_SECRET_MARK, TOKEN_MARK, id_part, mint_opaque
from tests.support.fakes.kernel import FakeRandomness

ID = "tok_0123456789abcdefghijklmnop"


class OneByte:
    """Randomness that is the same byte all over."""

    def __init__(self, byte: int) -> None:
        self.asked: list[int] = []
        self._byte = byte

    def token_bytes(self, size: int) -> bytes:
        self.asked.append(size)
        return bytes([self._byte]) * size


def test_a_text_names_its_row() -> None:
    text = mint_opaque(TOKEN_MARK, ID, FakeRandomness()).reveal()
    assert id_part(TOKEN_MARK, text) == ID.removeprefix("tok_")


def test_a_text_holds_256_random_bits() -> None:
    randomness = OneByte(0xFF)
    mint_opaque(TOKEN_MARK, ID, randomness)
    assert randomness.asked == [32]


@pytest.mark.parametrize("byte", [0x00, 0xFF, 0xA5])
def test_a_text_needs_no_escaping_anywhere(byte: int) -> None:
    text = mint_opaque(TOKEN_MARK, ID, OneByte(byte)).reveal()
    assert re.fullmatch(r"kwt_[0-9a-v]{26}_[0-9a-v]{52}", text)


def test_every_bit_of_randomness_shows_in_the_text() -> None:
    class Bit:
        def __init__(self, bit: int) -> None:
            self._value = (1 << bit).to_bytes(32, "big")

        def token_bytes(self, size: int) -> bytes:
            return self._value

    texts = {mint_opaque(TOKEN_MARK, ID, Bit(bit)).reveal() for bit in range(256)}
    assert len(texts) == 256


@pytest.mark.parametrize(
    "text",
    ["", "kwt", "kwt__", "Bearer x", "kwt_é_" + "0" * 52, "kwt_0_" + "0" * 51, "kwt_0_" + "0" * 52 + "\n"],
)
def test_a_text_of_another_shape_names_nothing(text: str) -> None:
    assert id_part(TOKEN_MARK, text) is None


def test_a_client_secret_is_no_token() -> None:
    text = mint_opaque(CLIENT_SECRET_MARK, "csc_0", FakeRandomness()).reveal()
    assert id_part(TOKEN_MARK, text) is None
