"""The inventory: filters, order and pages, on both engines."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from ca_service.database.port import Database
from ca_service.database.statement import statement
from ca_service.kernel.errors import MalformedError, NotFoundError
from ca_service.x509.certificates import CertificateStatus
from ca_service.x509.inventory import InventoryQuery, parse_name_query
from ca_service.x509.operations import CertificateFilter, ListCertificates, RevokeCertificate
from ca_service.x509.storage import inventory
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import STRANGER, TENANT, CertificateGround, days, identity, make_csr

_NAMES = (
    ("www.example.com",),
    ("*.example.com",),
    ("example.com", "example.org"),
    ("deep.www.example.com",),
    ("example.net",),
    ("wwwexample.com",),
)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    async def fill() -> CertificateGround:
        started = await CertificateGround(database, clock).start()
        for number, names in enumerate(_NAMES):
            clock.advance(timedelta(seconds=1))
            await started.issue(*names, ttl=days(number + 1))
        return started

    return runner.run(fill())


async def listed(ground: CertificateGround, **fields: Any) -> list[tuple[str, ...]]:
    page_fields = {name: fields.pop(name) for name in ("order_by", "limit", "cursor") if name in fields}
    operation = ListCertificates(project="default", filter=CertificateFilter(**fields), **page_fields)
    answer = await ground.perform(operation)
    return [tuple(name.value for name in entry.certificate.names) for entry in answer.items]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("www.example.com", {("www.example.com",)}),
        ("WWW.Example.COM", {("www.example.com",)}),
        ("example.org", {("example.com", "example.org")}),
        ("*.example.com", {("www.example.com",), ("*.example.com",), ("deep.www.example.com",)}),
        ("example.*", {("example.com", "example.org"), ("example.net",)}),
        ("*.nowhere", set()),
        ("%", set()),
        ("*", set()),
        ("'; drop table x509_certificates; --", set()),
    ],
)
async def test_certificates_are_found_by_name(
    ground: CertificateGround, name: str, expected: set[tuple[str, ...]]
) -> None:
    assert set(await listed(ground, name=name)) == expected


async def test_a_common_name_that_is_no_name_is_found(ground: CertificateGround) -> None:
    await ground.issue(common_name="The Boss", profile="client")
    assert await listed(ground, name="The Boss") == [()]


async def test_the_newest_stand_first(ground: CertificateGround) -> None:
    assert await listed(ground) == list(reversed(_NAMES))


@pytest.mark.parametrize("order_by", ["created_at", "-created_at", "not_after", "-not_after"])
async def test_pages_join_to_the_whole_list(ground: CertificateGround, order_by: str) -> None:
    whole = await listed(ground, order_by=order_by)
    joined, cursor = [], None
    for _ in range(4):
        operation = ListCertificates(project="default", order_by=order_by, limit=2, cursor=cursor)
        answer = await ground.perform(operation)
        joined += [tuple(name.value for name in entry.certificate.names) for entry in answer.items]
        cursor = answer.next_cursor
        if cursor is None:
            break
    assert joined == whole
    assert len(whole) == len(_NAMES)


async def test_the_status_filter_follows_the_time(ground: CertificateGround, clock: FakeClock) -> None:
    first = (await ground.perform(ListCertificates(project="default", order_by="created_at"))).items[0]
    await ground.perform(RevokeCertificate(project="default", certificate=first.certificate.id))
    clock.advance(days(3.5))
    assert await listed(ground, status=CertificateStatus.REVOKED) == [_NAMES[0]]
    assert await listed(ground, status=CertificateStatus.EXPIRED) == [_NAMES[2], _NAMES[1]]
    assert await listed(ground, status=CertificateStatus.VALID) == [_NAMES[5], _NAMES[4], _NAMES[3]]


async def test_those_of_authorities_are_listed_where_they_are_named(ground: CertificateGround) -> None:
    of_authorities = CertificateFilter(profile="@authority")
    page = await ground.perform(ListCertificates(project="default", filter=of_authorities))

    assert [item.certificate.authority for item in page.items] == ["root"]
    assert await listed(ground, authority="root") == []


async def test_a_serial_number_finds_one(ground: CertificateGround) -> None:
    entry = (await ground.perform(ListCertificates(project="default"))).items[2]
    text = entry.certificate.serial_number
    colons = ":".join(text[place : place + 2] for place in range(0, len(text), 2)).upper()
    assert await listed(ground, serial_number=colons) == [_NAMES[3]]


async def test_filters_join(ground: CertificateGround) -> None:
    before = ground.clock.now() + days(2.5)
    assert await listed(ground, name="*.example.com", expires_before=before, profile="server") == [
        _NAMES[1],
        _NAMES[0],
    ]
    assert await listed(ground, authority="issuing", profile="client") == []
    assert await listed(ground, authority="nonesuch") == []


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"order_by": "names"}, "order-by"),
        ({"serial_number": "xyz"}, "serial-number"),
        ({"serial_number": ""}, "serial-number"),
        ({"cursor": "rubbish"}, "cursor"),
        ({"cursor": '["not_after",1,"crt_1"]'}, "cursor"),
    ],
)
async def test_a_list_that_cannot_be_read_is_refused(
    ground: CertificateGround, fields: Any, rule: str
) -> None:
    with pytest.raises(MalformedError) as caught:
        await listed(ground, **fields)
    assert caught.value.rule == rule


async def test_another_tenant_sees_nothing(ground: CertificateGround) -> None:
    await_other = await ground.perform(ListCertificates(project="two"), STRANGER)
    assert await_other.items == ()


async def test_a_caller_without_rights_gets_the_404_of_the_project(ground: CertificateGround) -> None:
    with pytest.raises(NotFoundError):
        await ground.perform(ListCertificates(project="default"), identity("idn_nobody"))


async def plan_of(database: Database, query: InventoryQuery) -> list[str]:
    wanted, values = await inventory._search_for(database, TENANT, query)
    explained = re.sub(r":param_\d+", "0", f"EXPLAIN QUERY PLAN {wanted.sqlite}")
    plan = await database.read(
        statement(text(explained)),
        organization=TENANT.organization,
        project=TENANT.project,
        most=10,
        **values,
    )
    return [row[3] for row in plan]


@pytest.mark.parametrize("name", ["www.example.com", "*.example.com", "example.*"])
async def test_names_are_found_by_an_index(sqlite_database: Database, clock: FakeClock, name: str) -> None:
    plan = await plan_of(sqlite_database, InventoryQuery(now=clock.now(), name=parse_name_query(name)))
    scans = [line for line in plan if "x509_certificate_names" in line]
    assert scans
    assert all("SEARCH" in line and "ix_x509_certificate_names" in line for line in scans)


@pytest.mark.parametrize(
    ("index", "fields"),
    [
        ("serial_number=?", {"serial_number": "01"}),
        ("ix_x509_certificates_fingerprint", {"fingerprint": b"f"}),
        ("ix_x509_certificates_key_hash", {"key_hash": b"k"}),
        ("ix_x509_certificates_profile", {"profile": "server"}),
        ("ix_x509_certificates_authority", {"authority_id": "ca_1"}),
        ("ix_x509_certificates_taken_back", {"status": CertificateStatus.REVOKED}),
        ("ix_x509_certificates_end", {"order_by": "not_after"}),
    ],
)
async def test_each_filter_has_an_index_to_be_read_by(
    sqlite_database: Database, clock: FakeClock, index: str, fields: dict[str, Any]
) -> None:
    plan = await plan_of(sqlite_database, InventoryQuery(now=clock.now(), **fields))
    assert any(line.startswith("SEARCH") and index in line for line in plan), plan


@pytest.mark.parametrize("name", ["*.example.com", "example.*"])
@pytest.mark.parametrize("order_by", ["created_at", "-created_at"])
async def test_a_name_that_most_have_finds_the_same_as_one_that_few_have(
    ground: CertificateGround, name: str, order_by: str
) -> None:
    query = InventoryQuery(now=ground.clock.now(), name=parse_name_query(name), order_by=order_by)
    few = await inventory.search_certificates(ground.database, TENANT, query, most=10)
    assert query.name is not None
    often = inventory._search(order_by, (f"{query.name.match.value}-often",), continues=False)
    rows = await ground.database.scan(
        often,
        organization=TENANT.organization,
        project=TENANT.project,
        most=10,
        **inventory.name_range(query.name.match, query.name.text),
    )
    assert [row[2] for row in rows] == [certificate.id for certificate in few] != []


async def test_a_name_and_another_filter_both_count(ground: CertificateGround) -> None:
    expected = [_NAMES[3], _NAMES[1], _NAMES[0]]
    assert await listed(ground, name="*.example.com", profile="server") == expected
    assert await listed(ground, name="*.example.com", profile="client") == []
    assert await listed(ground, name="*.example.com", order_by="not_after") == expected[::-1]


async def test_a_long_list_of_names_is_kept_and_found(ground: CertificateGround) -> None:
    names = [f"h{number}.long.example.com" for number in range(100)]
    await ground.issue(csr=make_csr(*names))
    assert await listed(ground, name="h99.long.example.com") == [tuple(names)]
