"""The trail on both engines: written, numbered, chained, searched; every change to a row is named."""

import asyncio
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import BigInteger, LargeBinary, Text, bindparam, cast

from ca_service.audit.checkpoints import parse_checkpoint
from ca_service.audit.entries import AuditEntry, AuditOutcome
from ca_service.audit.search import AuditFilter
from ca_service.audit.sinks.file import copy_to_file
from ca_service.audit.storage import BATCHES, COLUMNS, ENTRIES, HEADS
from ca_service.audit.trail import AuditTrail
from ca_service.audit.verify import VerificationReport, verify_trail
from ca_service.database.port import Database, Transaction, Value
from ca_service.database.statement import Statement, statement
from ca_service.kernel.tenancy import OrganizationId, ProjectId
from tests.support.fakes.custody import custody_for
from tests.support.fakes.kernel import FakeClock, FakeIdentifiers

ORGANIZATION, PROJECT = OrganizationId("org_a"), ProjectId("prj_a")


@pytest.fixture
def trail(database: Database, clock: FakeClock, identifiers: FakeIdentifiers) -> AuditTrail:
    return AuditTrail(database, custody_for(database), clock, identifiers, batch_entries=4)


def entry(number: int, clock: FakeClock, **changes: object) -> AuditEntry:
    values: dict[str, object] = {
        "id": f"aud_{number:04}",
        "at": clock.now() + timedelta(seconds=number),
        "organization": ORGANIZATION,
        "project": PROJECT,
        "caller": 'Identity::"idn_1"',
        "action": "x509:issue",
        "resource": 'Authority::"ath_1"',
        "outcome": AuditOutcome.DONE,
        "reason": "dec_1: permitted",
        "request_id": "req_1",
        "address": "192.0.2.1",
        "parent": "aud_0000",
        "details": {"serial_number": "0a", "names": ["é.example"]},
    }
    return AuditEntry(**{**values, **changes})  # type: ignore[arg-type]


async def write(trail: AuditTrail, clock: FakeClock, first: int, last: int) -> None:
    for number in range(first, last + 1):
        await trail.append(entry(number, clock))


async def verify(database: Database, exported: bytes | None = None) -> VerificationReport:
    checkpoint = None if exported is None else parse_checkpoint(exported)
    return await verify_trail(database, custody_for(database), checkpoint)


async def run(database: Database, change: Statement, **parameters: Value) -> int:
    async def work(transaction: Transaction) -> int:
        return await transaction.execute(change, **parameters)

    return await database.begin(work)


def flip(value: object) -> Value:
    """Return `value` with one bit changed, as valid text where it is text."""
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(value, int):
        return value ^ 1
    assert isinstance(value, str)
    return chr(ord(value[0]) ^ 1) + value[1:]


async def test_an_entry_is_found_as_it_was_written(trail: AuditTrail, clock: FakeClock) -> None:
    written = entry(1, clock)
    await trail.append(written)
    (found,) = await trail.search(AuditFilter(organization=ORGANIZATION))
    assert found.entry == written


async def test_an_entry_of_the_instance_belongs_to_no_tenant(trail: AuditTrail, clock: FakeClock) -> None:
    await trail.append(entry(1, clock, organization=None, project=None, parent=None, details={}))
    (found,) = await trail.search(AuditFilter(organization=None))
    assert (found.entry.organization, found.entry.project, found.entry.parent) == (None, None, None)


async def test_a_recorded_entry_stands_and_falls_with_its_transaction(
    trail: AuditTrail, clock: FakeClock, database: Database
) -> None:
    async def fail(transaction: Transaction) -> None:
        await trail.record(transaction, entry(1, clock))
        raise LookupError

    with pytest.raises(LookupError):
        await database.begin(fail)
    assert await trail.search(AuditFilter(organization=None)) == []


async def test_a_nul_character_from_a_stranger_does_not_stop_the_entry(
    trail: AuditTrail, clock: FakeClock
) -> None:
    await trail.append(entry(1, clock, resource="x\x00y", details={"name": "a\x00b"}))
    (found,) = await trail.search(AuditFilter(organization=None))
    assert (found.entry.resource, found.entry.details["name"]) == ("x\\0y", "a\x00b")


async def test_the_sequencer_numbers_in_the_order_of_time(trail: AuditTrail, clock: FakeClock) -> None:
    for number in (3, 1, 2):
        await trail.append(entry(number, clock))
    assert await trail.sequence() == 3
    found = await trail.search(AuditFilter(organization=ORGANIZATION))
    assert [(numbered.seq, numbered.entry.id) for numbered in found] == [
        (3, "aud_0003"),
        (2, "aud_0002"),
        (1, "aud_0001"),
    ]


async def test_numbers_go_on_over_batches(trail: AuditTrail, clock: FakeClock, database: Database) -> None:
    await write(trail, clock, 1, 9)
    assert await trail.sequence() == 9
    report = await verify(database)
    assert (report.is_intact, report.entries, report.batches) == (True, 9, 3)


async def test_the_sequencer_has_nothing_to_do_when_nothing_waits(trail: AuditTrail) -> None:
    assert await trail.sequence() == 0


async def test_two_sequencers_give_each_number_once(
    trail: AuditTrail, clock: FakeClock, database: Database, identifiers: FakeIdentifiers
) -> None:
    other = AuditTrail(database, custody_for(database), clock, identifiers, batch_entries=4)
    await write(trail, clock, 1, 20)
    await asyncio.gather(trail.sequence(), other.sequence(), trail.sequence())
    await trail.sequence()
    report = await verify(database)
    assert (report.fault, report.entries, report.pending) == (None, 20, 0)


async def test_the_trail_goes_on_after_a_restart(
    trail: AuditTrail, clock: FakeClock, database: Database, identifiers: FakeIdentifiers
) -> None:
    await write(trail, clock, 1, 3)
    await trail.sequence()
    restarted = AuditTrail(database, custody_for(database), clock, identifiers)
    await write(restarted, clock, 4, 5)
    await restarted.sequence()
    report = await verify(database)
    assert (report.fault, report.entries, report.batches) == (None, 5, 2)


async def test_entries_without_a_number_are_counted_and_checked(
    trail: AuditTrail, clock: FakeClock, database: Database
) -> None:
    await write(trail, clock, 1, 3)
    report = await verify(database)
    assert (report.is_intact, report.entries, report.pending) == (True, 0, 3)


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("column", [*COLUMNS, "digest"])
async def test_a_changed_column_of_an_entry_is_named(
    trail: AuditTrail, clock: FakeClock, database: Database, column: str, numbered: bool
) -> None:
    await write(trail, clock, 1, 6)
    if numbered:
        await trail.sequence()
    cell = ENTRIES.c[column]
    read = statement(ENTRIES.select().with_only_columns(cell).where(ENTRIES.c.id == bindparam("which")))
    change = statement(
        ENTRIES.update().where(ENTRIES.c.id == bindparam("which")).values({column: bindparam("to")})
    )
    row = await database.read_one(read, which="aud_0005")
    assert row is not None
    assert await run(database, change, which="aud_0005", to=flip(row[0])) == 1
    fault = (await verify(database)).fault
    assert fault is not None
    assert fault.seq == (5 if numbered else None)
    assert column == "id" or fault.entry_id == "aud_0005"


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in {"at", "details"}])
async def test_bytes_that_are_no_text_any_more_are_named(
    sqlite_database: Database,
    clock: FakeClock,
    identifiers: FakeIdentifiers,
    column: str,
) -> None:
    trail = AuditTrail(sqlite_database, custody_for(sqlite_database), clock, identifiers)
    await write(trail, clock, 1, 3)
    await trail.sequence()
    broken = cast(bindparam("to", type_=LargeBinary), Text)
    change = statement(ENTRIES.update().where(ENTRIES.c.seq == 2).values({column: broken}))
    await run(sqlite_database, change, to=b"\xff\xfe")
    fault = (await verify(sqlite_database)).fault
    assert fault is not None
    assert fault.seq == 2


async def test_a_changed_number_of_an_entry_is_named(
    trail: AuditTrail, clock: FakeClock, database: Database
) -> None:
    await write(trail, clock, 1, 6)
    await trail.sequence()
    change = statement(
        ENTRIES.update().where(ENTRIES.c.seq == 5).values(seq=bindparam("to", type_=BigInteger))
    )
    await run(database, change, to=4101)
    fault = (await verify(database)).fault
    assert fault is not None
    assert (fault.seq, "removed" in fault.sentence) == (5, True)


async def test_a_parent_made_empty_is_not_the_same_as_none(
    trail: AuditTrail, clock: FakeClock, database: Database
) -> None:
    await trail.append(entry(1, clock, parent=None))
    await run(database, statement(ENTRIES.update().values(parent=bindparam("to"))), to="")
    fault = (await verify(database)).fault
    assert fault is not None
    assert fault.entry_id == "aud_0001"


async def test_two_entries_that_changed_places_are_named(
    trail: AuditTrail, clock: FakeClock, database: Database
) -> None:
    await write(trail, clock, 1, 4)
    await trail.sequence()
    move = statement(
        ENTRIES.update()
        .where(ENTRIES.c.seq == bindparam("number"))
        .values(seq=bindparam("to", type_=BigInteger))
    )
    for number, to in ((2, 99), (3, 2), (99, 3)):
        await run(database, move, number=number, to=to)
    fault = (await verify(database)).fault
    assert fault is not None
    assert (fault.seq, fault.entry_id) == (2, "aud_0003")


async def test_a_removed_entry_is_named(trail: AuditTrail, clock: FakeClock, database: Database) -> None:
    await write(trail, clock, 1, 9)
    await trail.sequence()
    await run(database, statement(ENTRIES.delete().where(ENTRIES.c.seq == 7)))
    fault = (await verify(database)).fault
    assert fault is not None
    assert (fault.seq, fault.sentence) == (7, "Entry 7 was removed, or lost its number.")


@pytest.mark.parametrize("seq", [-3, 0, 7])
async def test_an_inserted_entry_with_a_number_of_its_own_is_named(
    trail: AuditTrail, clock: FakeClock, database: Database, seq: int
) -> None:
    await write(trail, clock, 1, 6)
    await trail.sequence()
    await trail.append(entry(7, clock))
    give = statement(
        ENTRIES.update().where(ENTRIES.c.id == "aud_0007").values(seq=bindparam("to", type_=BigInteger))
    )
    await run(database, give, to=seq)
    fault = (await verify(database)).fault
    assert fault is not None
    assert (fault.seq, fault.entry_id) == (seq, "aud_0007")


@pytest.mark.parametrize("column", [column.name for column in BATCHES.columns])
async def test_a_changed_column_of_a_batch_is_named(
    trail: AuditTrail, clock: FakeClock, database: Database, column: str
) -> None:
    await write(trail, clock, 1, 9)
    await trail.sequence()
    cell = BATCHES.c[column]
    read = statement(BATCHES.select().with_only_columns(cell).where(BATCHES.c.number == 2))
    change = statement(BATCHES.update().where(BATCHES.c.number == 2).values({column: bindparam("to")}))
    row = await database.read_one(read)
    assert row is not None
    to = 4098 if column == "number" else flip(row[0])
    assert await run(database, change, to=to) == 1
    fault = (await verify(database)).fault
    assert fault is not None
    assert fault.batch == 2


async def test_a_removed_batch_is_named(trail: AuditTrail, clock: FakeClock, database: Database) -> None:
    await write(trail, clock, 1, 9)
    await trail.sequence()
    await run(database, statement(BATCHES.delete().where(BATCHES.c.number == 2)))
    fault = (await verify(database)).fault
    assert fault is not None
    assert (fault.batch, fault.seq) == (2, 5)


async def test_a_tail_cut_off_is_named_by_the_head(
    trail: AuditTrail, clock: FakeClock, database: Database
) -> None:
    await write(trail, clock, 1, 9)
    await trail.sequence()
    await run(database, statement(BATCHES.delete().where(BATCHES.c.number == 3)))
    await run(database, statement(ENTRIES.delete().where(ENTRIES.c.seq > 8)))
    fault = (await verify(database)).fault
    assert fault is not None
    assert (fault.batch, fault.sentence) == (3, "Everything after batch 2 (entry 8) was removed.")


@pytest.mark.parametrize("column", ["key_id", "number", "last_seq", "checkpoint", "tag"])
async def test_a_changed_head_is_noticed(
    trail: AuditTrail, clock: FakeClock, database: Database, column: str
) -> None:
    await write(trail, clock, 1, 5)
    await trail.sequence()
    read = statement(HEADS.select().with_only_columns(HEADS.c[column]))
    row = await database.read_one(read)
    assert row is not None
    change = statement(HEADS.update().values({column: bindparam("to")}))
    await run(database, change, to=flip(row[0]))
    assert not (await verify(database)).is_intact


async def test_a_tail_cut_off_together_with_the_head_shows_against_an_exported_checkpoint(
    trail: AuditTrail, clock: FakeClock, database: Database
) -> None:
    await write(trail, clock, 1, 4)
    await trail.sequence()
    head = await database.read_one(statement(HEADS.select()))
    assert head is not None
    await write(trail, clock, 5, 8)
    await trail.sequence()
    exported = await trail.export_checkpoint()
    await run(database, statement(BATCHES.delete().where(BATCHES.c.number == 2)))
    await run(database, statement(ENTRIES.delete().where(ENTRIES.c.seq > 4)))
    back = statement(
        HEADS.update().values(
            number=bindparam("number", type_=BigInteger),
            last_seq=bindparam("last_seq", type_=BigInteger),
            checkpoint=bindparam("checkpoint", type_=LargeBinary),
            tag=bindparam("tag", type_=LargeBinary),
        )
    )
    await run(database, back, number=head[2], last_seq=head[3], checkpoint=head[4], tag=head[5])
    assert (await verify(database)).is_intact
    fault = (await verify(database, exported)).fault
    assert fault is not None
    assert "ends before the exported checkpoint (batch 2, entry 8)" in fault.sentence


async def test_a_trail_that_went_on_still_contains_the_exported_checkpoint(
    trail: AuditTrail, clock: FakeClock, database: Database
) -> None:
    await write(trail, clock, 1, 4)
    await trail.sequence()
    exported = await trail.export_checkpoint()
    await write(trail, clock, 5, 8)
    await trail.sequence()
    assert (await verify(database, exported)).fault is None


async def test_the_sink_gets_each_numbered_entry_once(
    trail: AuditTrail, clock: FakeClock, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "audit.jsonl"
    await write(trail, clock, 1, 3)
    await trail.sequence()
    await copy_to_file(database, file)
    await write(trail, clock, 4, 5)
    await trail.sequence()
    await copy_to_file(database, file)
    assert [msgspec.json.decode(line)["seq"] for line in file.read_bytes().splitlines()] == [1, 2, 3, 4, 5]


async def test_a_search_pages_by_its_cursor(trail: AuditTrail, clock: FakeClock) -> None:
    await write(trail, clock, 1, 5)
    first = await trail.search(AuditFilter(organization=ORGANIZATION, limit=2))
    second = await trail.search(AuditFilter(organization=ORGANIZATION, limit=2, cursor=first[-1].cursor))
    assert [found.entry.id for found in first + second] == ["aud_0005", "aud_0004", "aud_0003", "aud_0002"]


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("project", ProjectId("prj_b")),
        ("caller", 'Identity::"idn_2"'),
        ("action", "x509:revoke"),
        ("resource", 'Certificate::"crt_1"'),
        ("outcome", AuditOutcome.DENIED),
    ],
)
async def test_a_search_finds_what_fits(
    trail: AuditTrail, clock: FakeClock, condition: str, value: str
) -> None:
    await trail.append(entry(1, clock))
    await trail.append(entry(2, clock, **{condition: value}))
    wanted = AuditFilter(organization=ORGANIZATION, **{condition: value})  # type: ignore[arg-type]
    assert [found.entry.id for found in await trail.search(wanted)] == ["aud_0002"]


async def test_a_search_by_time_includes_its_start_and_not_its_end(
    trail: AuditTrail, clock: FakeClock
) -> None:
    await write(trail, clock, 1, 4)
    start = clock.now()
    wanted = AuditFilter(
        organization=ORGANIZATION,
        after=start + timedelta(seconds=2),
        before=start + timedelta(seconds=4),
    )
    assert [found.entry.id for found in await trail.search(wanted)] == ["aud_0003", "aud_0002"]


async def test_a_search_never_leaves_its_organization(trail: AuditTrail, clock: FakeClock) -> None:
    await trail.append(entry(1, clock, organization=OrganizationId("org_b")))
    assert await trail.search(AuditFilter(organization=ORGANIZATION, project=PROJECT)) == []


async def test_a_flood_of_denials_is_written_in_part_and_counted_in_full(
    trail: AuditTrail, clock: FakeClock
) -> None:
    for number in range(1, 101):
        await trail.deny(entry(number, clock, outcome=AuditOutcome.DENIED))
    assert await trail.flush_denials() == 1
    found = await trail.search(AuditFilter(organization=ORGANIZATION, limit=1000))
    joined = [numbered.entry.details["joined"] for numbered in found if "joined" in numbered.entry.details]
    assert (len(found), joined) == (61, [40])
