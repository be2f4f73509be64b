"""What a tenant has of the later life of certificates: kept key, import, channel, mass revocation."""

from typing import Any

import msgspec

from ca_service.policy.names import Name, NameKind
from ca_service.x509.built_in_profiles import SERVER_SETTINGS
from ca_service.x509.channels import ChannelSettings, Webhook
from ca_service.x509.events import EventKind
from ca_service.x509.mass_revocations import Selector
from ca_service.x509.operations import CreateProfile, IssueCertificate, KeyRequest
from ca_service.x509.operations.channels import CreateChannel, TryChannel
from ca_service.x509.operations.imports import ImportCertificate
from ca_service.x509.operations.mass_revocations import StartRevocation
from tests.support.external_ca import ExternalCa
from tests.support.instance import Instance


async def make_life(instance: Instance, slug: str, elsewhere: ExternalCa, facts: dict[str, Any]) -> None:
    """Give a tenant one of each; `facts` learns their names."""
    perform, project, name = instance.perform, facts["project"], f"{slug}-kept"
    settings = msgspec.structs.replace(SERVER_SETTINGS, authority=f"{slug}-issuing", keeps_keys=True)
    await perform(CreateProfile(project=project, name=name, settings=settings))
    request = KeyRequest(names=(Name(NameKind.DNS, f"kept.{slug}.test"),))
    kept = await perform(IssueCertificate(project=project, profile=name, request=request))
    imported = await perform(ImportCertificate(project=project, certificate_pem=elsewhere.pem))
    channel = ChannelSettings(
        target=Webhook(f"https://{slug}.test/"), events=(EventKind.RENEWAL_FAILED, EventKind.EXPIRING)
    )
    created = await perform(CreateChannel(project=project, name=f"{slug}-ops", settings=channel))
    tried = await perform(TryChannel(project=project, name=f"{slug}-ops"))
    revocation = await perform(
        StartRevocation(project=project, selector=Selector.PROFILE, value=name, expected_count=1)
    )
    facts |= {
        "kept_certificate": kept.id,
        "imported_certificate": imported.id,
        "channel": created.channel.name,
        "channel_id": created.channel.id,
        "delivery": tried.id,
        "mass_revocation": revocation.id,
    }
