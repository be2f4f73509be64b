"""Samples of what happens to certificates after they were issued, and beside it."""

from ca_service.x509.channels import ChannelSettings, ChannelStatus, Webhook
from ca_service.x509.events import EventKind
from ca_service.x509.issuers import pem_of
from ca_service.x509.mass_revocations import Selector
from ca_service.x509.operations.channels import (
    AnnounceEnds,
    CreateChannel,
    DeleteChannel,
    DeliverEvent,
    ListChannels,
    ListDeliveries,
    ReadChannel,
    TryChannel,
    UpdateChannel,
)
from ca_service.x509.operations.imports import ImportCertificate, ReadImport
from ca_service.x509.operations.kept_keys import ReadKeptKey
from ca_service.x509.operations.mass_revocations import (
    ContinueRevocation,
    CountRevocation,
    ReadRevocation,
    StartRevocation,
)
from ca_service.x509.operations.unknown_certificates import RevokeUnknownCertificate
from tests.support.sample import By, Knock, Sample

_BASE = "/v1/projects/{project}/x509"
_URL = "https://hooks.example.test/in"
_CHANNEL = f"{_BASE}/channels/{{channel}}"
_EVENTS = (EventKind.ISSUED, EventKind.REVOKED)

KEPT_KEYS = (
    Sample(
        name="read-kept-key",
        ask=lambda t: ReadKeptKey(project=t.project, certificate=t.kept_certificate),
        knock=Knock("POST", f"{_BASE}/certificates/{{kept_certificate}}/key", lambda t: {}),
    ),
)
UNKNOWN = (
    Sample(
        name="revoke-unknown-certificate",
        ask=lambda t: RevokeUnknownCertificate(
            project=t.project, authority=t.authority, serial_number="0c0ffee0"
        ),
        knock=Knock(
            "POST", f"{_BASE}/authorities/{{authority}}/revocations", lambda t: {"serial_number": "0c0ffee0"}
        ),
    ),
)
IMPORTS = (
    Sample(
        name="import-certificate",
        ask=lambda t: ImportCertificate(project=t.project, certificate_pem=pem_of(t.outer_certificate_der)),
        knock=Knock(
            "POST",
            f"{_BASE}/certificates/import",
            lambda t: {"certificate": pem_of(t.outer_certificate_der)},
        ),
    ),
    Sample(
        name="read-imported-certificate",
        ask=lambda t: ReadImport(project=t.project, certificate=t.imported_certificate),
        knock=Knock("GET", f"{_BASE}/imports/{{imported_certificate}}"),
    ),
)
MASS_REVOCATIONS = (
    Sample(
        name="count-certificates-of-authority",
        ask=lambda t: CountRevocation(project=t.project, selector=Selector.AUTHORITY, value=t.authority),
        knock=Knock("POST", f"{_BASE}/certificates/revoke", lambda t: {"authority": t.authority}),
    ),
    Sample(
        name="revoke-certificates-of-identity",
        ask=lambda t: StartRevocation(
            project=t.project, selector=Selector.IDENTITY, value=t.identity, expected_count=0
        ),
        knock=Knock(
            "POST", f"{_BASE}/certificates/revoke", lambda t: {"identity": t.identity, "expected_count": 0}
        ),
    ),
    Sample(
        name="read-mass-revocation",
        ask=lambda t: ReadRevocation(project=t.project, revocation=t.mass_revocation),
        knock=Knock("GET", f"{_BASE}/revocations/{{mass_revocation}}"),
    ),
    Sample(
        name="continue-mass-revocation",
        ask=lambda t: ContinueRevocation(project=t.project, revocation=t.mass_revocation),
        by=By.REVOKER,
    ),
)
CHANNELS = (
    Sample(
        name="list-channels",
        ask=lambda t: ListChannels(project=t.project),
        knock=Knock("GET", f"{_BASE}/channels"),
    ),
    Sample(
        name="create-channel",
        ask=lambda t: CreateChannel(
            project=t.project,
            name="another",
            settings=ChannelSettings(target=Webhook(_URL), events=_EVENTS),
        ),
        knock=Knock(
            "POST", f"{_BASE}/channels", lambda t: {"name": "another", "kind": "webhook", "url": _URL}
        ),
    ),
    Sample(
        name="read-channel",
        ask=lambda t: ReadChannel(project=t.project, name=t.channel),
        knock=Knock("GET", _CHANNEL),
    ),
    Sample(
        name="update-channel",
        ask=lambda t: UpdateChannel(project=t.project, name=t.channel, status=ChannelStatus.DISABLED),
        knock=Knock("PATCH", _CHANNEL, lambda t: {"status": "disabled"}),
    ),
    Sample(
        name="rotate-channel-secret",
        ask=lambda t: UpdateChannel(project=t.project, name=t.channel, rotates_secret=True),
        knock=Knock("PATCH", _CHANNEL, lambda t: {"rotate_secret": True}),
    ),
    Sample(
        name="try-channel",
        ask=lambda t: TryChannel(project=t.project, name=t.channel),
        knock=Knock("POST", f"{_CHANNEL}/test"),
    ),
    Sample(
        name="list-deliveries",
        ask=lambda t: ListDeliveries(project=t.project, name=t.channel),
        knock=Knock("GET", f"{_CHANNEL}/deliveries"),
    ),
    Sample(
        name="deliver-event",
        ask=lambda t: DeliverEvent(project=t.project, delivery=t.delivery),
        by=By.NOTIFIER,
    ),
    Sample(
        name="announce-ends",
        ask=lambda t: AnnounceEnds(project=t.project, channel_id=t.channel_id),
        by=By.NOTIFIER,
    ),
    Sample(
        name="delete-channel",
        ask=lambda t: DeleteChannel(project=t.project, name=t.channel),
        knock=Knock("DELETE", _CHANNEL),
    ),
)
SAMPLES = (*KEPT_KEYS, *UNKNOWN, *IMPORTS, *MASS_REVOCATIONS, *CHANNELS)
