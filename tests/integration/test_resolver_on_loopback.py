"""The resolver against DNS servers on loopback."""

import pytest

from ca_service.egress.errors import DnsFailedError, NameNotFoundError
from ca_service.egress.resolver import Resolver
from ca_service.kernel.randomness import SystemRandomness
from tests.support.dns_server import DnsServer

ZONE = {
    ("web.example", "A"): ["192.0.2.1", "192.0.2.2"],
    ("web.example", "AAAA"): ["2001:db8::1"],
    ("four.example", "A"): ["192.0.2.4"],
    ("alias.example", "CNAME"): ["second.example."],
    ("second.example", "CNAME"): ["four.example."],
    ("loop.example", "CNAME"): ["loop2.example."],
    ("loop2.example", "CNAME"): ["loop.example."],
    ("dangling.example", "CNAME"): ["missing.example."],
    ("mail.example", "TXT"): ['"one"'],
    ("_acme-challenge.web.example", "TXT"): ['"first " "half"', '"other"'],
}


def resolver_of(*servers: DnsServer, seconds: float = 2.0) -> Resolver:
    return Resolver(tuple(server.address for server in servers), SystemRandomness(), seconds=seconds)


async def addresses(server: DnsServer, name: str) -> list[str]:
    return [str(address) for address in await resolver_of(server).addresses(name)]


async def test_ipv6_addresses_come_first() -> None:
    async with DnsServer(ZONE) as server:
        found = await addresses(server, "web.example")
    assert (found[0], sorted(found[1:])) == ("2001:db8::1", ["192.0.2.1", "192.0.2.2"])


@pytest.mark.parametrize("name", ["four.example", "FOUR.example.", "alias.example"])
async def test_a_name_is_found_however_it_is_written_and_through_aliases(name: str) -> None:
    async with DnsServer(ZONE) as server:
        assert await addresses(server, name) == ["192.0.2.4"]


async def test_the_letters_of_a_question_are_of_random_case() -> None:
    async with DnsServer(ZONE) as server:
        for _ in range(3):
            await addresses(server, "web.example")
        assert len({asked for asked, _, _ in server.questions}) > 1


async def test_a_server_that_loses_the_case_is_asked_again_by_tcp() -> None:
    async with DnsServer(ZONE, lowers_case=True) as server:
        assert await addresses(server, "four.example") == ["192.0.2.4"]
        assert "tcp" in {transport for _, _, transport in server.questions}


async def test_a_truncated_answer_is_asked_for_by_tcp() -> None:
    async with DnsServer(ZONE, is_truncating=True) as server:
        assert await addresses(server, "four.example") == ["192.0.2.4"]


async def test_nothing_is_remembered() -> None:
    async with DnsServer(ZONE) as server:
        resolver = resolver_of(server)
        await resolver.addresses("four.example")
        server.zone["four.example", "A"] = ["192.0.2.5"]
        assert [str(address) for address in await resolver.addresses("four.example")] == ["192.0.2.5"]


@pytest.mark.parametrize(
    ("name", "rcode"),
    [("missing.example", "NXDOMAIN"), ("mail.example", "NODATA"), ("dangling.example", "NXDOMAIN")],
)
async def test_a_name_without_an_address_is_told_from_a_failure(name: str, rcode: str) -> None:
    async with DnsServer(ZONE) as server:
        with pytest.raises(NameNotFoundError) as refused:
            await addresses(server, name)
        assert (refused.value.rcode, refused.value.resolver) == (rcode, server.address)


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTIMP"])
async def test_a_failing_server_is_named_with_its_code(rcode: str) -> None:
    async with DnsServer(ZONE, rcodes={"web.example": rcode}) as server:
        with pytest.raises(DnsFailedError, match=f"answered {rcode}") as refused:
            await addresses(server, "web.example")
        assert not isinstance(refused.value, NameNotFoundError)
        assert (refused.value.rcode, refused.value.resolver) == (rcode, server.address)


async def test_a_silent_server_is_a_timeout() -> None:
    async with DnsServer(ZONE, is_silent=True) as server:
        with pytest.raises(DnsFailedError, match="did not answer in time") as refused:
            await resolver_of(server, seconds=0.2).addresses("web.example")
        assert refused.value.rcode == "TIMEOUT"


async def test_the_next_server_is_asked_when_one_fails() -> None:
    async with (
        DnsServer(ZONE, rcodes={"four.example": "SERVFAIL"}) as broken,
        DnsServer(ZONE) as working,
    ):
        found = await resolver_of(broken, working).addresses("four.example")
    assert [str(address) for address in found] == ["192.0.2.4"]


async def test_aliases_that_go_in_a_circle_end() -> None:
    async with DnsServer(ZONE) as server:
        with pytest.raises(DnsFailedError, match="alias of an alias"):
            await addresses(server, "loop.example")


async def test_the_strings_of_a_text_record_are_joined() -> None:
    async with DnsServer(ZONE) as server:
        found = await resolver_of(server).texts("_acme-challenge.web.example")
    assert sorted(found.records) == [b"first half", b"other"]
    assert (found.total, found.resolver, found.is_own) == (2, server.address, True)


async def test_a_name_that_dns_cannot_hold_is_not_found() -> None:
    async with DnsServer(ZONE) as server:
        with pytest.raises(NameNotFoundError):
            await addresses(server, "x" * 64 + ".example")
