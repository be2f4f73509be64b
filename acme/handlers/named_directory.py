"""Finds the directory that an operation of its operator names."""

from acme.directories import Directory
from acme.errors import DirectoryNotFoundError
from acme.storage import directories
from ca_service.database.port import Database
from ca_service.gate.handler import Call


async def directory_named(database: Database, call: Call, slug: str) -> Directory:
    """Return the directory of this slug in the project of the call. Raises DirectoryNotFoundError."""
    found = await directories.find_by_slug(database, slug)
    if found is None or found.tenant != call.home:
        raise DirectoryNotFoundError
    return found
