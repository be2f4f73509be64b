"""Bytes from strangers' web servers end in an answer or in an error of ours, never in anything else."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ca_service.config import ValidationConfig
from ca_service.egress.addresses import AddressTable, parse_address
from ca_service.egress.errors import EgressError
from ca_service.egress.response import MOST_BODY, Response, read_response
from ca_service.egress.targets import Target, TargetRefusedError, challenge_target, redirect_target

CONFIG = ValidationConfig()
_PARTS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Location: /x\r\n",
        b"\r\n",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n",
        b"Connection: upgrade\r\nUpgrade: x\r\n",
        b"\x00",
        b"\x16\x03\x01",
        b"x" * 600,
    ]
)
answers = st.one_of(st.binary(max_size=200), st.lists(_PARTS, max_size=12).map(b"".join))


async def read(raw: bytes) -> Response:
    reader = asyncio.StreamReader()
    reader.feed_data(raw)
    reader.feed_eof()
    return await read_response(reader, part_seconds=10)


@given(answers)
def test_any_bytes_are_a_response_or_an_error_of_egress(raw: bytes) -> None:
    try:
        response = asyncio.run(read(raw))
    except EgressError:
        return
    assert len(response.body) <= MOST_BODY + 1
    assert 200 <= response.status <= 999


@given(st.one_of(st.text(max_size=60), st.from_regex(r"https?://[ -~]{0,40}", fullmatch=True)))
def test_any_location_is_a_target_of_the_web_or_refused(location: str) -> None:
    try:
        target = redirect_target(challenge_target("a.example", "/x", CONFIG), location, CONFIG)
    except TargetRefusedError:
        return
    assert isinstance(target, Target)
    assert target.scheme in {"http", "https"}
    assert target.port in {80, 443}
    assert target.url.isascii()
    assert not {" ", "\r", "\n"} & set(target.url)


@given(st.one_of(st.ip_addresses().map(str), st.text(max_size=40)))
def test_any_address_is_judged(text: str) -> None:
    address = parse_address(text)
    if address is not None:
        reason = AddressTable().refusal(address)
        assert reason is None or reason
