"""Obligations never take away (S1)."""

from datetime import timedelta

import pytest

from ca_service.policy.values import Obligations
from tests.support.fakes.policy import FakePolicyDatabase, identity, issuing, make_engine

PERMIT = 'permit(principal, action == Action::"x509:issue", resource);'
HOUR = timedelta(hours=1)


async def decided(texts: list[str], ttl: timedelta | None) -> tuple[bool, Obligations]:
    rows = FakePolicyDatabase()
    for text in texts:
        rows.store(text)
    decision = await make_engine(rows).decide(identity(), issuing(ttl=ttl))
    return decision.allowed, decision.obligations


@pytest.mark.parametrize(
    ("annotations", "ttl", "allowed", "obligations"),
    [
        ([""], 9 * HOUR, True, Obligations()),
        (['@max_ttl("8h")'], 8 * HOUR, True, Obligations(8 * HOUR)),
        (['@max_ttl("8h")'], 9 * HOUR, False, Obligations(8 * HOUR)),
        (['@max_ttl("8h")'], None, True, Obligations(8 * HOUR)),
        (['@max_ttl("8h")', '@max_ttl("24h")'], 9 * HOUR, True, Obligations(24 * HOUR)),
        (['@max_ttl("8h")', '@max_ttl("24h")'], None, True, Obligations(24 * HOUR)),
        (['@max_ttl("8h")', '@max_ttl("24h")'], 25 * HOUR, False, Obligations(24 * HOUR)),
        (['@max_ttl("8h")', ""], 9 * HOUR, True, Obligations()),
        (['@max_ttl("8h")', ""], None, True, Obligations()),
        (['@require_approval("2")'], HOUR, True, Obligations(None, 2)),
        (['@require_approval("2")', '@require_approval("1")'], HOUR, True, Obligations(None, 1)),
        (['@require_approval("2")', ""], HOUR, True, Obligations()),
        # Not mixed: a short one without approval and a long one with it stay two offers.
        (['@max_ttl("8h")', '@require_approval("2")'], HOUR, True, Obligations(8 * HOUR)),
        (['@max_ttl("8h")', '@require_approval("2")'], 9 * HOUR, True, Obligations(None, 2)),
        (['@max_ttl("8h")', '@require_approval("2")'], None, True, Obligations(8 * HOUR)),
        (['@max_ttl("8h") @require_approval("2")'], HOUR, True, Obligations(8 * HOUR, 2)),
    ],
)
async def test_the_most_generous_permit_that_grants_the_lifetime_counts(
    annotations: list[str], ttl: timedelta | None, allowed: bool, obligations: Obligations
) -> None:
    assert await decided([f"{annotation} {PERMIT}" for annotation in annotations], ttl) == (
        allowed,
        obligations,
    )


async def test_a_denial_for_the_lifetime_names_the_ceiling() -> None:
    rows = FakePolicyDatabase()
    policy_id = rows.store(f'@max_ttl("8h") {PERMIT}')
    decision = await make_engine(rows).decide(identity(), issuing(ttl=9 * HOUR))
    assert "28800 s" in decision.reason
    assert decision.policies == (policy_id,)
