"""What the SSH authority does by itself: key revocation lists that are behind or old."""

from datetime import timedelta

from ca_service.web.module import Timer
from ssh_ca.publication import Publisher

_EVERY = timedelta(seconds=30)


def timers(publisher: Publisher) -> tuple[Timer, ...]:
    """Return the timers; each performs operations as a job."""
    return (Timer(name="ssh-revocation-lists", every=_EVERY, run=publisher.publish_due),)
