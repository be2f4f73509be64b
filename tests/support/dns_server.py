"""A DNS server on loopback whose answers a test writes down."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

#: Records by (name, type); a name is in lower case and has no dot at its end.
Zone = Mapping[tuple[str, str], list[str]]
_MOST_STEPS = 20


class DnsServer(asyncio.DatagramProtocol):
    """Answers UDP and TCP from a table of (name, type) → records; `rcodes` overrides by name or (name, type).

    `default_address` is the A record of every name that has no address of its own. `is_recursive` puts a
    whole chain of aliases into one answer, as most resolvers do; without it the client asks for each target.
    `is_truncating` answers UDP with the TC bit and no records; `is_silent` never answers, `silent` names
    never do; `lowers_case` sends the question back in lower case; `seconds_late` answers later. `forge`
    returns what goes out before each UDP answer: datagrams of someone who guesses.
    """

    def __init__(
        self,
        zone: Zone,
        *,
        rcodes: Mapping[str | tuple[str, str], str] | None = None,
        default_address: str | None = None,
        is_recursive: bool = False,
        is_truncating: bool = False,
        is_silent: bool = False,
        lowers_case: bool = False,
        seconds_late: float = 0.0,
        forge: Callable[[dns.message.Message], Sequence[bytes]] | None = None,
    ) -> None:
        self.zone = dict(zone)
        self.rcodes: dict[str | tuple[str, str], str] = dict(rcodes or {})
        self.silent: set[str] = set()
        self.default_address = default_address
        self.is_recursive = is_recursive
        self.is_truncating = is_truncating
        self.is_silent = is_silent
        self.lowers_case = lowers_case
        self.seconds_late = seconds_late
        self.forge = forge
        self.questions: list[tuple[str, str, str]] = []
        self.identifiers: list[int] = []
        self.ports: list[int] = []
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
        self.ports.append(addr[1])
        answer = self._answer(data, "udp")
        if answer is None or self._datagrams is None:
            return
        for forged in self.forge(dns.message.from_wire(data)) if self.forge is not None else ():
            self._datagrams.sendto(forged, addr)
        if self.seconds_late:
            loop = asyncio.get_running_loop()
            loop.call_later(self.seconds_late, self._datagrams.sendto, answer, addr)
        else:
            self._datagrams.sendto(answer, addr)

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            size = int.from_bytes(await reader.readexactly(2), "big")
            answer = self._answer(await reader.readexactly(size), "tcp")
            if answer is not None:
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def _answer(self, data: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        asked = question.name.to_text().rstrip(".")
        name, kind = asked.lower(), dns.rdatatype.to_text(question.rdtype)
        self.questions.append((asked, kind, transport))
        self.identifiers.append(query.id)
        if self.is_silent or name in self.silent:
            return None
        response = dns.message.make_response(query)
        if self.lowers_case:
            response.question = [
                dns.rrset.RRset(question.name.canonicalize(), question.rdclass, question.rdtype)
            ]
        if self.is_truncating and transport == "udp":
            response.flags |= dns.flags.TC
            return response.to_wire(max_size=65535)
        rcode = self.rcodes.get((name, kind), self.rcodes.get(name))
        if rcode is not None:
            response.set_rcode(dns.rcode.from_text(rcode))
        self._fill(response, question.name, kind, is_overridden=rcode is not None)
        wire = response.to_wire(max_size=65535)
        if transport == "udp" and len(wire) > 1232:
            response.answer.clear()
            response.flags |= dns.flags.TC
            return response.to_wire(max_size=65535)
        return wire

    def _fill(
        self, response: dns.message.Message, asked: dns.name.Name, kind: str, *, is_overridden: bool
    ) -> None:
        owner = asked
        for _ in range(_MOST_STEPS if self.is_recursive else 1):
            name = owner.to_text().rstrip(".").lower()
            if records := self._records(name, kind):
                response.answer.append(dns.rrset.from_text_list(owner, 60, "IN", kind, records))
                return
            target = self._alias(response, owner, name)
            if target is None:
                if not is_overridden and not self._exists(name):
                    response.set_rcode(dns.rcode.NXDOMAIN)
                return
            owner = target

    def _records(self, name: str, kind: str) -> list[str]:
        known = self.zone.get((name, kind), [])
        if kind != "A" or self.default_address is None:
            return known
        is_placed = any((name, type_) in self.zone for type_ in ("A", "AAAA", "CNAME"))
        return known if is_placed else [self.default_address]

    def _alias(self, response: dns.message.Message, owner: dns.name.Name, name: str) -> dns.name.Name | None:
        if records := self.zone.get((name, "CNAME")):
            response.answer.append(dns.rrset.from_text_list(owner, 60, "IN", "CNAME", records))
            return dns.name.from_text(records[0])
        labels = name.split(".")
        for depth in range(1, len(labels)):
            parent = ".".join(labels[depth:])
            if records := self.zone.get((parent, "DNAME")):
                target = dns.name.from_text(".".join(labels[:depth]) + "." + records[0])
                parent_name = dns.name.from_text(parent)
                response.answer.append(dns.rrset.from_text_list(parent_name, 60, "IN", "DNAME", records))
                response.answer.append(dns.rrset.from_text(owner, 60, "IN", "CNAME", target.to_text()))
                return target
        return None

    def _exists(self, name: str) -> bool:
        return self.default_address is not None or any(known == name for known, _ in self.zone)
