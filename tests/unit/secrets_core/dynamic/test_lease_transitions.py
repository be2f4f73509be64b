"""What may become of a lease, from every status."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from secrets_core.dynamic.errors import LeaseEndedError
from secrets_core.dynamic.leases import (
    CLAIM,
    GRACE,
    LIVE,
    MAKING,
    OVERDUE_AFTER,
    EndReason,
    Lease,
    LeaseStatus,
    Schedule,
    abandon,
    activate,
    after_failure,
    begin_end,
    end,
    pending,
    prolong,
    reason_of_end,
)
from secrets_core.dynamic.providers.port import TIMEOUT, Ending
from tests.support.fakes.kernel import FakeRandomness

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
P, A, G, R, X = LeaseStatus
STEPS: dict[str, Callable[[Lease], Lease]] = {
    "activate": lambda lease: activate(lease, NOW + HOUR, NOW + 24 * HOUR),
    "prolong": lambda lease: prolong(lease, NOW + 2 * HOUR, NOW),
    "begin_end": lambda lease: begin_end(lease, EndReason.REVOKED, NOW, "clm_1"),
    "end": lambda lease: end(lease, Ending.REVOKED, NOW),
    "abandon": lambda lease: abandon(lease, "the host burned", NOW),
}
ALLOWED = {
    "activate": {P: A},
    "prolong": {A: A},
    "begin_end": {P: G, A: G, G: G},
    "end": {G: R},
    "abandon": {P: X, A: X, G: X},
}


def lease(status: LeaseStatus = LeaseStatus.ACTIVE, **changes: object) -> Lease:
    made = Lease(
        id="lse_1",
        tenant=Tenant(OrganizationId("org_1"), ProjectId("prj_1")),
        dynamic_secret="dyn_1",
        config_version=1,
        holder='Identity::"idn_1"',
        username="kw-1",
        target="fake://db",
        recipe=b"sealed",
        status=status,
        created_at=NOW,
        expires_at=NOW + HOUR,
        max_expires_at=NOW + 24 * HOUR,
        schedule=Schedule(due_at=NOW + HOUR),
    )
    return msgspec.structs.replace(made, **changes)


def test_a_lease_goes_these_ways_and_no_others() -> None:
    for step, go in STEPS.items():
        for status in LeaseStatus:
            becomes = ALLOWED[step].get(status)
            if becomes is None:
                with pytest.raises(LeaseEndedError):
                    go(lease(status))
            else:
                assert go(lease(status)).status is becomes, f"{step} from {status}"


def test_something_is_due_exactly_as_long_as_an_account_may_exist() -> None:
    for step, go in STEPS.items():
        for status in ALLOWED[step]:
            after = go(lease(status))
            assert (after.schedule.due_at is not None) is (after.status in LIVE), f"{step} from {status}"


def test_an_account_cannot_be_in_the_making_when_another_may_end_it() -> None:
    begun = pending(lease(), NOW, "call")
    assert begun.schedule.due_at == begun.schedule.claimed_until == NOW + GRACE
    assert TIMEOUT < MAKING < GRACE
    assert MAKING < CLAIM


def test_no_end_lies_behind_the_longest() -> None:
    longest = NOW + HOUR
    assert activate(lease(P), NOW + 9 * HOUR, longest).expires_at == longest
    assert prolong(lease(max_expires_at=longest), NOW + 9 * HOUR, NOW).expires_at == longest


def test_an_expired_lease_is_not_prolonged() -> None:
    with pytest.raises(LeaseEndedError):
        prolong(lease(), NOW + 9 * HOUR, NOW + HOUR)


def test_the_first_reason_of_an_end_stays() -> None:
    begun = begin_end(lease(), EndReason.REVOKED, NOW, "clm_1")
    again = begin_end(begun, EndReason.EXPIRED, NOW + HOUR, "clm_2")
    assert (again.end_reason, again.ending_at) == (EndReason.REVOKED, NOW)
    assert again.schedule.claim == "clm_2"


def test_an_end_is_tried_for_ever_and_ever_later_up_to_a_bound() -> None:
    for is_down, bound in ((True, timedelta(minutes=5)), (False, HOUR)):
        schedule, pauses = Schedule(due_at=NOW), []
        for _ in range(200):
            schedule = after_failure(schedule, "down " * 500, NOW, FakeRandomness(), is_down=is_down)
            assert schedule.due_at is not None
            pauses.append(schedule.due_at - NOW)
        assert pauses[0] <= timedelta(seconds=1)
        assert bound / 2 <= pauses[-1] <= bound
        assert schedule.failures == 200
        assert len(schedule.last_error) == 500


def test_an_end_is_overdue_from_when_it_should_have_been() -> None:
    expired = lease()
    revoked = begin_end(lease(), EndReason.REVOKED, NOW, "clm_1")
    for each, since in ((expired, NOW + HOUR), (revoked, NOW)):
        assert not each.is_overdue(since + OVERDUE_AFTER - timedelta(seconds=1))
        assert each.is_overdue(since + OVERDUE_AFTER)
    assert not end(revoked, Ending.GONE, NOW).is_overdue(NOW + 99 * HOUR)


def test_a_job_says_why_it_ends_a_lease() -> None:
    assert reason_of_end(lease(P), NOW, is_deleted=True) is EndReason.FAILED
    assert reason_of_end(lease(A), NOW, is_deleted=True) is EndReason.DELETED
    assert reason_of_end(lease(A), NOW + HOUR, is_deleted=True) is EndReason.EXPIRED
