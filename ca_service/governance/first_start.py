"""First start: the organization and the project that a new instance has, made once through the gate."""

from ca_service.gate.caller import Caller
from ca_service.gate.port import Gate, RequestContext
from ca_service.governance.operations import (
    CreateOrganization,
    CreatePolicy,
    CreateProject,
    ListPolicies,
    PolicyRecord,
    ReadOrganization,
    ReadProject,
)
from ca_service.governance.places import DEFAULT
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant

REQUEST = RequestContext(request_id="first-start")


async def lay_foundation(gate: Gate, caller: Caller) -> Tenant:
    """Make organization and project `default` with the usual environments, unless they are there.

    `caller` is the instance administrator. Under the database lock of first start; a start that ended in
    between is continued by the next one.
    """
    try:
        await gate.perform(caller, ReadOrganization(organization=DEFAULT), REQUEST)
    except NotFoundError:
        await gate.perform(caller, CreateOrganization(slug=DEFAULT, name="Default"), REQUEST)
    try:
        project = (await gate.perform(caller, ReadProject(project=DEFAULT), REQUEST)).answer
    except NotFoundError:
        making = CreateProject(organization=DEFAULT, slug=DEFAULT, name="Default")
        project = (await gate.perform(caller, making, REQUEST)).answer
    return project.tenant


async def store_policy(gate: Gate, caller: Caller, *, project: str, name: str, text: str) -> PolicyRecord:
    """Store a policy of this name in the project, unless there is one; its text is left as it is then."""
    listing = ListPolicies(project=project, limit=1000)
    for policy in (await gate.perform(caller, listing, REQUEST)).answer.items:
        if policy.name == name:
            return policy
    making = CreatePolicy(project=project, name=name, text=text)
    return (await gate.perform(caller, making, REQUEST)).answer
