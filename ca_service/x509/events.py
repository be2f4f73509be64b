"""What happens to certificates, as it is told outside: one JSON document for each event."""

from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.kernel.tenancy import Tenant
from ca_service.x509.certificates import Certificate

#: More names than these are counted, not listed: an event stays small.
_MOST_NAMES = 20


class EventKind(StrEnum):
    """What happened."""

    ISSUED = "certificate.issued"
    RENEWED = "certificate.renewed"
    RENEWAL_FAILED = "certificate.renewal_failed"
    REVOKED = "certificate.revoked"
    MANY_REVOKED = "certificates.revoked"
    EXPIRING = "certificate.expiring"
    TEST = "test"


class Event(Struct, frozen=True, kw_only=True):
    """One event. `data` holds JSON values and never a secret."""

    id: str
    kind: EventKind
    tenant: Tenant
    at: datetime
    data: dict[str, Any]


def event_body(event: Event) -> bytes:
    """Return the event as it is sent, the same at each attempt."""
    return msgspec.json.encode(
        {
            "id": event.id,
            "type": event.kind.value,
            "time": event.at,
            "organization": event.tenant.organization,
            "project": event.tenant.project,
            "data": event.data,
        }
    )


def certificate_facts(certificate: Certificate) -> dict[str, Any]:
    """Return what an event tells of a certificate."""
    names = [{"type": name.kind.value, "value": name.value} for name in certificate.names[:_MOST_NAMES]]
    return {
        "certificate": certificate.id,
        "serial_number": certificate.serial_number,
        "fingerprint": sha256(certificate.der).hexdigest(),
        "profile": certificate.profile,
        "authority": certificate.authority,
        "common_name": certificate.common_name,
        "names": names,
        "names_in_all": len(certificate.names),
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "owner": certificate.owner,
        "renewed_from": certificate.renewed_from,
    }
