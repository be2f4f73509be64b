"""Refused strangers: counted, and told once."""

import asyncio

from ca_service.audit.entries import AuditOutcome
from tests.support.web import InProcess


def test_given_a_flood_then_one_entry_counts_it_exactly() -> None:
    front = InProcess()
    for last in range(200):
        front.refusals.count(reason="unauthenticated", method="token", address=f"192.0.{last % 2}.{last}")

    asyncio.run(front.refusals.flush())

    assert len(front.trail.entries) == 1
    entry = front.trail.entries[0]
    assert (entry.outcome, entry.reason) == (AuditOutcome.DENIED, "unauthenticated")
    assert entry.details["count"] == 200
    assert entry.details["networks"] == {"192.0.0.0/24": 100, "192.0.1.0/24": 100}


def test_given_nothing_happened_then_nothing_is_written() -> None:
    front = InProcess()

    asyncio.run(front.refusals.flush())

    assert front.trail.entries == []


def test_given_told_once_then_the_count_starts_again() -> None:
    front = InProcess()
    front.refusals.count(reason="a", method="token", address="192.0.2.1")
    asyncio.run(front.refusals.flush())
    front.refusals.count(reason="a", method="token", address="192.0.2.1")

    asyncio.run(front.refusals.flush())

    assert [entry.details["count"] for entry in front.trail.entries] == [1, 1]


def test_given_endless_networks_then_memory_is_bounded_and_the_count_exact() -> None:
    front = InProcess()
    for number in range(6000):
        front.refusals.count(reason="a", method="token", address=f"10.{number // 256 % 256}.{number % 256}.1")

    asyncio.run(front.refusals.flush())

    assert front.trail.entries[0].details["count"] == 6000
    assert front.trail.entries[0].details["networks"]["others"] == 6000 - 4096
