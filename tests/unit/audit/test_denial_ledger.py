"""Floods of denials lose detail, never the fact."""

from datetime import timedelta

import pytest

from ca_service.audit.denials import FAILED_LOGINS, STRANGERS, Allowance, DenialLedger, address_prefix
from ca_service.audit.entries import AuditEntry, AuditOutcome
from tests.support.fakes.kernel import FakeClock, FakeIdentifiers


def denial(
    clock: FakeClock, caller: str = "a", address: str = "192.0.2.1", action: str = "x509:issue"
) -> AuditEntry:
    return AuditEntry(
        id="aud_1",
        at=clock.now(),
        organization=None,
        project=None,
        caller=caller,
        action=action,
        resource="r",
        outcome=AuditOutcome.DENIED,
        reason="dec_1",
        request_id="req_1",
        address=address,
    )


def collect(ledger: DenialLedger, clock: FakeClock, identifiers: FakeIdentifiers) -> list[AuditEntry]:
    return ledger.collect(clock.now(), lambda: identifiers.new("aud"))


def test_denials_within_the_allowance_are_written_each(clock: FakeClock) -> None:
    ledger = DenialLedger(clock)
    assert [ledger.admits(denial(clock), FAILED_LOGINS) for _ in range(12)] == [True] * 10 + [False] * 2


def test_the_allowance_comes_back_with_time(clock: FakeClock) -> None:
    ledger = DenialLedger(clock)
    for _ in range(10):
        ledger.admits(denial(clock), FAILED_LOGINS)
    clock.advance(timedelta(seconds=6))
    assert [ledger.admits(denial(clock), FAILED_LOGINS) for _ in range(2)] == [True, False]


def test_one_callers_flood_takes_nothing_from_another(clock: FakeClock) -> None:
    ledger = DenialLedger(clock)
    for _ in range(50):
        ledger.admits(denial(clock), FAILED_LOGINS)
    assert ledger.admits(denial(clock, caller="b"), FAILED_LOGINS)


def test_what_was_joined_is_counted_exactly(clock: FakeClock, identifiers: FakeIdentifiers) -> None:
    ledger = DenialLedger(clock)
    for _ in range(1000):
        ledger.admits(denial(clock), FAILED_LOGINS)
    (joined,) = collect(ledger, clock, identifiers)
    assert (joined.details["joined"], joined.caller, joined.action) == (990, "a", "x509:issue")


def test_a_joined_entry_says_from_when_to_when(clock: FakeClock, identifiers: FakeIdentifiers) -> None:
    ledger = DenialLedger(clock)
    first = clock.now()
    ledger.admits(denial(clock), STRANGERS)
    clock.advance(timedelta(seconds=30))
    ledger.admits(denial(clock), STRANGERS)
    (joined,) = collect(ledger, clock, identifiers)
    assert joined.details["first_at"] == first.isoformat()
    assert joined.details["last_at"] == clock.now().isoformat()


def test_what_was_collected_is_not_collected_again(clock: FakeClock, identifiers: FakeIdentifiers) -> None:
    ledger = DenialLedger(clock)
    ledger.admits(denial(clock), STRANGERS)
    collect(ledger, clock, identifiers)
    assert collect(ledger, clock, identifiers) == []


def test_strangers_are_joined_by_reason_and_network(clock: FakeClock, identifiers: FakeIdentifiers) -> None:
    ledger = DenialLedger(clock)
    for number in range(9):
        ledger.admits(denial(clock, address=f"192.0.2.{number}"), STRANGERS, "bad-token")
    ledger.admits(denial(clock, address="192.0.3.1"), STRANGERS, "bad-token")
    ledger.admits(denial(clock, address="192.0.2.1"), STRANGERS, "no-token")
    joined = collect(ledger, clock, identifiers)
    assert sorted((entry.address, entry.details["joined"]) for entry in joined) == [
        ("192.0.2.0/24", 1),
        ("192.0.2.0/24", 9),
        ("192.0.3.0/24", 1),
    ]


def test_more_kinds_than_there_is_room_for_share_one_entry(
    clock: FakeClock, identifiers: FakeIdentifiers
) -> None:
    ledger = DenialLedger(clock)
    for number in range(1000):
        ledger.admits(denial(clock, caller=f"c{number}"), Allowance(0, 0))
    joined = collect(ledger, clock, identifiers)
    assert len(joined) == 401
    assert sum(entry.details["joined"] for entry in joined) == 1000


@pytest.mark.parametrize(
    ("address", "prefix"),
    [("192.0.2.77", "192.0.2.0/24"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("", ""), ("unix", "unix")],
)
def test_an_address_is_joined_by_its_network(address: str, prefix: str) -> None:
    assert address_prefix(address) == prefix
