"""The hosts of a tenant, their tokens and their logins, and the hosts themselves as callers."""

from datetime import timedelta
from typing import Any

from ca_service.gate.caller import Caller
from ca_service.kernel.tenancy import Tenant
from ssh_ca.certificates import CertificateType
from ssh_ca.host_callers import host_caller
from ssh_ca.hosts import MappingScope
from ssh_ca.operations import CreateSshAuthority, CreateSshProfile
from ssh_ca.operations.hosts import CreateHostToken, CreateLoginMapping, EnrolSshHost
from ssh_ca.profiles import ProfileSettings
from tests.support.instance import ADDRESS, Instance
from tests.support.ssh_ground import key_line


async def make_hosts(
    instance: Instance, slug: str, tenant: Tenant, facts: dict[str, Any]
) -> tuple[Caller, Caller]:
    """Give a tenant a host and one to come, and return both as callers; `facts` learns their names."""
    perform, project, name = instance.perform, tenant.project, f"{slug}-host"
    settings = ProfileSettings(authority=name, default_ttl=timedelta(days=1), max_ttl=timedelta(days=1))
    await perform(CreateSshAuthority(project=project, name=name, type=CertificateType.HOST))
    await perform(CreateSshProfile(project=project, name=name, type=CertificateType.HOST, settings=settings))
    tokens = [
        await perform(CreateHostToken(project=project, host=f"{label}.{slug}.test", profile=name))
        for label in ("old", "new", "spare")
    ]
    former = _host("shh_0", f"old.{slug}.test", tenant)
    enrol = EnrolSshHost(
        project=project,
        names=(f"old.{slug}.test",),
        public_keys=(key_line(),),
        proved_at=instance.database.now(),
        token=tokens[0].record.id,
    )
    host = (await perform(enrol, former)).host
    mapping = CreateLoginMapping(
        project=project, scope=MappingScope.PROJECT, account="root", principals=(f"{slug}-ops",)
    )
    facts |= {
        "ssh_host": host.id,
        "ssh_host_token": tokens[1].record.id,
        "ssh_spare_token": tokens[2].record.id,
        "ssh_new_host": f"new.{slug}.test",
        "ssh_host_profile": name,
        "ssh_mapping": (await perform(mapping)).id,
    }
    return _host(host.id, host.name, tenant), _host("shh_1", f"new.{slug}.test", tenant)


def _host(host_id: str, name: str, tenant: Tenant) -> Caller:
    whole = host_id if len(host_id) > 10 else f"{host_id}{tenant.project.partition('_')[2][1:]}"
    return host_caller(whole, name, tenant, ADDRESS, "ssh-host-key", "")
