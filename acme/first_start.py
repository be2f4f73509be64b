"""What first start makes in the default project: one directory, and the policy that opens it (S2)."""

from acme.directories import ExternalAccountRule
from acme.errors import DirectoryNotFoundError
from acme.operations import CreateDirectory, ReadDirectory
from ca_service.gate.caller import Caller
from ca_service.gate.port import Gate, RequestContext
from ca_service.kernel.identifiers import Identifiers

PROJECT = "default"
SLUG = "default"
PROFILE = "server"
AUTHORITY = "issuing"


async def found_directory(gate: Gate, identifiers: Identifiers, caller: Caller) -> None:
    """Make the directory `default` once; a second run makes nothing.

    Directory and policy are one transaction: who deletes the policy closes the directory for good.
    """
    request = RequestContext(identifiers.new("req"))
    try:
        await gate.perform(caller, ReadDirectory(project=PROJECT, slug=SLUG), request)
    except DirectoryNotFoundError:
        operation = CreateDirectory(
            project=PROJECT,
            slug=SLUG,
            profile=PROFILE,
            authority=AUTHORITY,
            eab=ExternalAccountRule.OFF,
            is_open=True,
        )
        await gate.perform(caller, operation, request)
