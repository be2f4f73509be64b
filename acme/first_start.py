"""What first start makes in the default project: one directory, and the policy that opens it (S2)."""

from acme.directories import ExternalAccountRule
from acme.operations import CreateDirectory
from acme.storage import directories
from ca_service.database.port import Database
from ca_service.gate.caller import Caller
from ca_service.gate.port import Gate, RequestContext
from ca_service.kernel.identifiers import Identifiers

PROJECT = "default"
SLUG = "default"
PROFILE = "server"
AUTHORITY = "issuing"


async def found_directory(gate: Gate, database: Database, identifiers: Identifiers, caller: Caller) -> None:
    """Make the directory `default` once; a second run makes nothing, nor does one after it was deleted.

    Directory and policy are one transaction: who deletes the policy closes the directory for good.
    """
    if await directories.is_slug_used(database, SLUG):
        return
    operation = CreateDirectory(
        project=PROJECT,
        slug=SLUG,
        profile=PROFILE,
        authority=AUTHORITY,
        eab=ExternalAccountRule.OFF,
        is_open=True,
    )
    await gate.perform(caller, operation, RequestContext(identifiers.new("req")))
