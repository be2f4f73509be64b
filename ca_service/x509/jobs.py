"""What the certificate authority does by itself: CRLs and OCSP responders that are due."""

from datetime import timedelta

from ca_service.web.module import Timer
from ca_service.x509.ocsp_rotation import ResponderRotation
from ca_service.x509.publication import Publisher

_EVERY = timedelta(seconds=30)


def timers(publisher: Publisher, rotation: ResponderRotation) -> tuple[Timer, ...]:
    """Return the timers; each performs operations as a job."""
    return (
        Timer(name="x509-revocation-lists", every=_EVERY, run=publisher.publish_due),
        Timer(name="x509-ocsp-responders", every=_EVERY, run=rotation.rotate_due),
    )
