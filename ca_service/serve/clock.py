"""Accepting time on the console, where nobody can log in because nothing is issued (S23)."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from ca_service.audit.entries import AuditEntry, AuditOutcome
from ca_service.config import Config
from ca_service.custody.memory import protect_memory
from ca_service.database.port import Transaction
from ca_service.identity.tokens import INSTANCE_ADMINISTRATOR
from ca_service.serve.addresses import parse_listen, public_urls
from ca_service.serve.preparation import migrate_only
from ca_service.web.logs import configure_logging

if TYPE_CHECKING:
    from ca_service.composition import Foundation


def accept_clock(config: Config) -> datetime:
    """Have every process believe the clocks as they are now, and return what they say."""
    configure_logging(config.log.format, "warning")
    migrate_only(config)
    protect_memory()
    return asyncio.run(_accept(config))


async def _accept(config: Config) -> datetime:
    from ca_service.composition import World, open_foundation

    tls = parse_listen(config.server.listen, "server.listen")
    plain = parse_listen(config.server.plain_listen, "server.plain_listen")
    urls = public_urls(config.server, tls, plain)
    foundation = await open_foundation(config, World(urls.tls, urls.plain))
    database = foundation.database

    async def work(transaction: Transaction) -> datetime:
        accepted = await database.accept_clock(transaction)
        await foundation.audit.record(transaction, _entry(foundation, transaction.now, accepted))
        return accepted

    try:
        return await database.begin(work)
    finally:
        await database.close()


def _entry(foundation: "Foundation", at: datetime, accepted: datetime) -> AuditEntry:
    principal = f'Identity::"{INSTANCE_ADMINISTRATOR}"'
    return AuditEntry(
        id=foundation.identifiers.new("aud"),
        at=at,
        organization=None,
        project=None,
        caller=principal,
        action="instance:accept-clock",
        resource='Instance::"instance"',
        outcome=AuditOutcome.DONE,
        reason="local administration",
        request_id="",
        address="local",
        details={"accepted": accepted.isoformat()},
    )
