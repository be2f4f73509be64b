"""What the certificate authority does by itself: CRLs that are behind or at half of their life."""

from datetime import timedelta

from ca_service.web.module import Timer
from ca_service.x509.publication import Publisher

_EVERY = timedelta(seconds=30)


def timers(publisher: Publisher) -> tuple[Timer, ...]:
    """Return the timers; each performs operations as a job."""
    return (Timer(name="x509-revocation-lists", every=_EVERY, run=publisher.publish_due),)
