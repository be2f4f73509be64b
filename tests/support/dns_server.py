"""A DNS server on loopback whose answers a test writes down."""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Zone = Mapping[tuple[str, str], list[str]]


class DnsServer(asyncio.DatagramProtocol):
    """Answers UDP and TCP from a table of (name, type) → records; `rcodes` overrides by name.

    `is_truncating` answers UDP with the TC bit and no records; `is_silent` never answers; `lowers_case` sends
    the question back in lower case.
    """

    def __init__(
        self,
        zone: Zone,
        *,
        rcodes: Mapping[str, str] | None = None,
        is_truncating: bool = False,
        is_silent: bool = False,
        lowers_case: bool = False,
    ) -> None:
        self.zone = dict(zone)
        self.rcodes = dict(rcodes or {})
        self.is_truncating = is_truncating
        self.is_silent = is_silent
        self.lowers_case = lowers_case
        self.questions: list[tuple[str, str, str]] = []
        self.port = 0
        self._datagrams: asyncio.DatagramTransport | None = None
        self._streams: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._streams = await asyncio.start_server(self._serve_stream, "127.0.0.1", 0)
        self.port = self._streams.sockets[0].getsockname()[1]
        self._datagrams, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", self.port)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._datagrams is not None
        assert self._streams is not None
        self._datagrams.close()
        self._streams.close()
        await self._streams.wait_closed()

    @property
    def address(self) -> str:
        """Return the server as `resolvers` names it."""
        return f"127.0.0.1:{self.port}"

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        answer = self._answer(data, "udp")
        if answer is not None and self._datagrams is not None:
            self._datagrams.sendto(answer, addr)

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        answer = self._answer(await reader.readexactly(size), "tcp")
        if answer is not None:
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()
        writer.close()

    def _answer(self, data: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        asked = question.name.to_text().rstrip(".")
        name, kind = asked.lower(), dns.rdatatype.to_text(question.rdtype)
        self.questions.append((asked, kind, transport))
        if self.is_silent:
            return None
        response = dns.message.make_response(query)
        if self.lowers_case:
            response.question = [
                dns.rrset.RRset(question.name.canonicalize(), question.rdclass, question.rdtype)
            ]
        if self.is_truncating and transport == "udp":
            response.flags |= dns.flags.TC
            return response.to_wire()
        response.set_rcode(dns.rcode.from_text(self.rcodes.get(name, "NOERROR")))
        for wanted in (kind, "CNAME"):
            records = self.zone.get((name, wanted))
            if records:
                response.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", wanted, records))
                break
        else:
            if name not in self.rcodes and not any(known == name for known, _ in self.zone):
                response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()
