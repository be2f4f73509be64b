"""What the KMS does by itself: it destroys keys whose wait is over."""

from datetime import timedelta

from ca_service.web.module import Timer
from secrets_core.kms.destruction import Destroyer

_EVERY = timedelta(minutes=1)


def timers(destroyer: Destroyer) -> tuple[Timer, ...]:
    """Return the timers; each performs operations as a job."""
    return (Timer(name="kms-deletions", every=_EVERY, run=destroyer.destroy_due, expires=True),)
