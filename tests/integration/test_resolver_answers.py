"""What the resolver makes of long, aliased, forged and hostile answers, on loopback (S19)."""

import dns.message
import dns.rrset
import pytest

from ca_service.egress.errors import DnsFailedError, NameNotFoundError
from ca_service.egress.records import CaaRecord
from ca_service.egress.resolver import Resolver
from ca_service.kernel.randomness import SystemRandomness
from tests.support.dns_server import DnsServer
from tests.support.validation_egress import egress, egress_of

NAME = "_acme-challenge.a.example"


def resolver_of(server: DnsServer) -> Resolver:
    return Resolver((server.address,), SystemRandomness(), seconds=2.0)


def quoted(*texts: str) -> list[str]:
    return [f'"{text}"' for text in texts]


async def test_a_record_of_several_long_strings_is_one_text() -> None:
    zone = {(NAME, "TXT"): ['"' + "x" * 255 + '" "' + "y" * 255 + '"']}
    async with DnsServer(zone) as server:
        found = await resolver_of(server).texts(NAME)
    assert found.records == (b"x" * 255 + b"y" * 255,)


async def test_quotes_and_spaces_inside_a_record_belong_to_it() -> None:
    zone = {(NAME, "TXT"): [r'"\"quoted\" "', '" a b "']}
    async with DnsServer(zone) as server:
        found = await resolver_of(server).texts(NAME)
    assert sorted(found.records) == [b" a b ", b'"quoted" ']


async def test_of_more_than_100_records_100_are_looked_at_and_all_are_counted() -> None:
    zone = {(NAME, "TXT"): quoted(*(f"record {number}" for number in range(150)))}
    async with DnsServer(zone) as server:
        found = await resolver_of(server).texts(NAME)
    assert (len(found.records), found.total) == (100, 150)


async def test_an_answer_too_long_for_udp_is_fetched_by_tcp() -> None:
    zone = {(NAME, "TXT"): quoted(*("z" * 200 + str(number) for number in range(20)))}
    async with DnsServer(zone) as server:
        assert (await resolver_of(server).texts(NAME)).total == 20
        assert [transport for _, _, transport in server.questions] == ["udp", "tcp"]


@pytest.mark.parametrize("is_recursive", [False, True])
async def test_a_cname_leads_to_the_records_and_is_told(is_recursive: bool) -> None:
    zone = {
        (NAME, "CNAME"): ["one.acme-dns.example."],
        ("one.acme-dns.example", "CNAME"): ["two.acme-dns.example."],
        ("two.acme-dns.example", "TXT"): quoted("x"),
    }
    async with DnsServer(zone, is_recursive=is_recursive) as server:
        found = await resolver_of(server).texts(NAME)
    assert (found.records, found.is_own) == ((b"x",), False)


@pytest.mark.parametrize("is_recursive", [False, True])
async def test_a_dname_leads_to_the_records(is_recursive: bool) -> None:
    zone = {
        ("a.example", "DNAME"): ["b.example."],
        ("_acme-challenge.b.example", "TXT"): quoted("x"),
    }
    async with DnsServer(zone, is_recursive=is_recursive) as server:
        found = await resolver_of(server).texts(NAME)
    assert (found.records, found.is_own) == ((b"x",), False)


@pytest.mark.parametrize("length", [3, 7])
async def test_a_chain_of_aliases_is_followed(length: int) -> None:
    async with DnsServer(chain(length)) as server:
        assert (await resolver_of(server).texts("n0.example")).records == (b"end",)


@pytest.mark.parametrize("is_recursive", [False, True])
async def test_a_chain_without_end_is_given_up(is_recursive: bool) -> None:
    async with DnsServer(chain(100), is_recursive=is_recursive) as server:
        with pytest.raises(DnsFailedError, match="alias of an alias"):
            await resolver_of(server).texts("n0.example")
        assert len(server.questions) <= 8


def chain(length: int) -> dict[tuple[str, str], list[str]]:
    """Return a zone in which n0 is an alias of n1, and so on."""
    zone = {(f"n{number}.example", "CNAME"): [f"n{number + 1}.example."] for number in range(length)}
    return {**zone, (f"n{length}.example", "TXT"): quoted("end")}


@pytest.mark.parametrize("is_recursive", [False, True])
async def test_dnames_that_go_in_a_circle_end(is_recursive: bool) -> None:
    zone = {("a.example", "DNAME"): ["b.example."], ("b.example", "DNAME"): ["a.example."]}
    async with DnsServer(zone, is_recursive=is_recursive) as server:
        with pytest.raises(DnsFailedError):
            await resolver_of(server).texts(NAME)


async def test_a_dname_that_grows_without_end_ends() -> None:
    zone = {("a.example", "DNAME"): ["x.a.example."]}
    async with DnsServer(zone, is_recursive=True) as server:
        with pytest.raises(DnsFailedError):
            await resolver_of(server).texts(NAME)


async def test_no_record_and_no_name_are_told_apart() -> None:
    async with DnsServer({(NAME, "A"): ["192.0.2.1"]}) as server:
        codes = []
        for name in (NAME, "missing.example"):
            with pytest.raises(NameNotFoundError) as refused:
                await resolver_of(server).texts(name)
            codes.append(refused.value.rcode)
    assert codes == ["NODATA", "NXDOMAIN"]


async def test_ids_and_ports_are_of_no_order() -> None:
    async with DnsServer({(NAME, "TXT"): quoted("x")}) as server:
        resolver = resolver_of(server)
        for _ in range(6):
            await resolver.texts(NAME)
    assert len(set(server.identifiers)) > 3
    assert len(set(server.ports)) > 3


def forged(query: dns.message.Message, *, same_id: bool, same_case: bool) -> bytes:
    """Return the answer of someone who saw or guessed only a part of the question."""
    response = dns.message.make_response(query)
    question = query.question[0]
    owner = question.name if same_case else question.name.canonicalize()
    response.question = [dns.rrset.RRset(owner, question.rdclass, question.rdtype)]
    response.answer.append(dns.rrset.from_text(owner, 60, "IN", "TXT", '"forged"'))
    response.id = query.id if same_id else (query.id + 1) % 65536
    return response.to_wire()


async def test_an_answer_with_another_id_is_ignored() -> None:
    zone = {(NAME, "TXT"): quoted("true")}
    async with DnsServer(zone, forge=lambda query: [forged(query, same_id=False, same_case=True)]) as server:
        assert (await resolver_of(server).texts(NAME)).records == (b"true",)


async def test_an_answer_that_lost_the_case_is_not_believed() -> None:
    zone = {("_acme-challenge.abcdefghijklmnop.example", "TXT"): quoted("true")}
    async with DnsServer(zone, forge=lambda query: [forged(query, same_id=True, same_case=False)]) as server:
        found = await resolver_of(server).texts("_acme-challenge.abcdefghijklmnop.example")
    assert found.records == (b"true",)


async def test_rubbish_before_the_answer_is_ignored() -> None:
    zone = {(NAME, "TXT"): quoted("true")}
    async with DnsServer(zone, forge=lambda query: [b"", b"\xff" * 40, query.to_wire()]) as server:
        assert (await resolver_of(server).texts(NAME)).records == (b"true",)


async def test_caa_records_are_read() -> None:
    records = ['0 issue "ca.example"', '128 ISSUEWILD ";"']
    async with DnsServer({("a.example", "CAA"): records}) as server:
        found = await resolver_of(server).caa("a.example")
    assert set(found) == {CaaRecord(0, "issue", b"ca.example"), CaaRecord(128, "issuewild", b";")}


@pytest.mark.parametrize("name", ["b.example", "missing.example", "localhost", "a.localhost"])
async def test_a_name_without_caa_records_has_none(name: str) -> None:
    async with DnsServer({("b.example", "A"): ["192.0.2.1"]}) as server:
        assert await resolver_of(server).caa(name) == ()


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED"])
async def test_caa_records_that_cannot_be_read_are_a_failure(rcode: str) -> None:
    async with DnsServer({}, rcodes={"a.example": rcode}) as server:
        with pytest.raises(DnsFailedError, match=rcode):
            await resolver_of(server).caa("a.example")


async def test_slow_servers_are_given_up_within_the_time_of_a_validation() -> None:
    async with DnsServer(chain(100), seconds_late=0.05) as server:
        with pytest.raises(DnsFailedError, match=r"not resolved within 0\.3 s"):
            await egress(resolvers=(server.address,), timeout=0.3).texts("n0.example")


async def test_a_directorys_resolvers_are_asked_instead_of_our_own() -> None:
    async with (
        DnsServer({(NAME, "TXT"): quoted("ours")}) as ours,
        DnsServer({(NAME, "TXT"): quoted("theirs")}) as theirs,
    ):
        outside = egress_of(resolvers=(ours.address,))
        assert (await outside.validation((theirs.address,)).texts(NAME)).records == (b"theirs",)
        assert (await outside.validation().texts(NAME)).records == (b"ours",)


@pytest.mark.parametrize("server", ["169.254.169.254", "127.0.0.1:8443", "127.0.0.1:53", "[::1]:53"])
async def test_a_directorys_resolver_may_not_be_a_refused_address(server: str) -> None:
    outside = egress_of(
        allowed_networks=("127.0.0.2/32",) if server != "127.0.0.1:8443" else ("127.0.0.0/8",)
    )
    with pytest.raises(DnsFailedError, match="may not be asked"):
        await outside.validation((server,)).texts(NAME)
