"""The dynamic secrets of a tenant: one with two leases, one without any."""

from typing import Any

import msgspec

from ca_service.kernel.secret_value import SecretValue
from secrets_core.dynamic.operations import CreateDynamicSecret, CreateLease
from tests.support.fakes.dynamic import NAME
from tests.support.instance import Instance


async def make_dynamic(instance: Instance, slug: str, facts: dict[str, Any]) -> None:
    """Give a tenant both; `facts` learns their names."""
    project, environment = facts["project"], facts["environment"]
    config = SecretValue(msgspec.json.encode({"host": f"{slug}.test", "password": "root"}))
    for name in (f"{slug}-db", f"{slug}-spare"):
        await instance.perform(
            CreateDynamicSecret(
                project=project, environment=environment, name=name, provider=NAME, config=config
            )
        )
    create = CreateLease(project=project, environment=environment, name=f"{slug}-db")
    given, ending = await instance.perform(create), await instance.perform(create)
    facts |= {
        "dynamic_secret": f"{slug}-db",
        "unused_dynamic_secret": f"{slug}-spare",
        "lease": given.id,
        "ending_lease": ending.id,
    }
