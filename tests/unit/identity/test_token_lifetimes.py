"""How long a token lives."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from ca_service.identity.tokens import Token, renewed_expiry
from ca_service.kernel.errors import UnacceptableError

BORN = datetime(2026, 1, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOKEN = Token(
    id="tok_1",
    organization=None,
    project=None,
    identity="idn_1",
    method="universal",
    credential="csc_1",
    tag=b"",
    created_at=BORN,
    ttl=HOUR,
    expires_at=BORN + HOUR,
    max_expires_at=BORN + 3 * HOUR,
    uses_left=None,
    networks=(),
)


def token(**changes: Any) -> Token:
    return msgspec.structs.replace(TOKEN, **changes)


def test_a_token_is_usable_until_its_end_and_not_at_it() -> None:
    just_before = BORN + HOUR - timedelta(microseconds=1)
    assert (TOKEN.is_usable(just_before), TOKEN.is_usable(BORN + HOUR)) == (True, False)


def test_a_token_without_an_end_does_not_end() -> None:
    assert token(expires_at=None).is_usable(BORN + timedelta(days=36500))


@pytest.mark.parametrize("changes", [{"revoked_at": BORN}, {"uses_left": 0}])
def test_a_token_that_was_ended_is_not_usable(changes: dict[str, Any]) -> None:
    assert not token(**changes).is_usable(BORN)


def test_renewing_counts_from_now() -> None:
    assert renewed_expiry(TOKEN, BORN + HOUR / 2, None) == BORN + HOUR * 1.5


def test_renewing_for_less_than_its_ttl_is_allowed() -> None:
    assert renewed_expiry(TOKEN, BORN, HOUR / 4) == BORN + HOUR / 4


def test_renewing_up_to_the_max_is_allowed() -> None:
    assert renewed_expiry(TOKEN, BORN, 3 * HOUR) == BORN + 3 * HOUR


def test_renewing_beyond_the_max_is_refused() -> None:
    with pytest.raises(UnacceptableError):
        renewed_expiry(TOKEN, BORN, 3 * HOUR + timedelta(seconds=1))


def test_what_does_not_end_is_not_renewed() -> None:
    with pytest.raises(UnacceptableError):
        renewed_expiry(token(ttl=None, max_expires_at=None), BORN, None)
