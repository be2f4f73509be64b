"""Reads and changes how authorities publish."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Grant
from ca_service.x509.accesses import authority_access
from ca_service.x509.authorities import Authority
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.handlers.authority_records import write_changes
from ca_service.x509.operations.publishing import ConfigurePublishing, DescribedPublishing, ReadPublishing
from ca_service.x509.publication import Publisher, start_later
from ca_service.x509.publishing import Publishing, ResponderKind, verify_publishing
from ca_service.x509.storage.ocsp_responders import TABLE, find_last_delegate
from ca_service.x509.storage.publishing import find_publishing, keep_publishing
from ca_service.x509.storage.revocation_lists import insert_missing_shards


class PublishingDraft(Struct, frozen=True):
    """What will be written: the choices, and the authority one version on."""

    authority: Authority
    publishing: Publishing
    shown: DescribedPublishing


class PublishingFacts:
    """Describes how authorities publish."""

    def __init__(self, catalogue: Catalogue, database: Database, custody: Custody) -> None:
        self.catalogue = catalogue
        self.database = database
        self._responder_mac = RowMac(custody, TABLE)

    async def wanted(self, call: Call, name: str) -> tuple[Authority, Publishing]:
        """Return an authority of the project with its choices. Raises NotFoundError."""
        authority = await self.catalogue.authority(call.home, name)
        if authority is None:
            raise NotFoundError("authority")
        return authority, await find_publishing(self.database, self.catalogue.publishing_mac, authority)

    async def describe(self, authority: Authority, publishing: Publishing) -> DescribedPublishing:
        """Return the choices with the addresses that follow from them."""
        addresses = self.catalogue.addresses
        until = None
        if publishing.responder is ResponderKind.DELEGATED:
            found = await find_last_delegate(
                self.database, self._responder_mac, authority.tenant, authority.id
            )
            until = None if found is None else found.not_after
        return DescribedPublishing(
            authority=authority.name,
            publishing=publishing,
            crl_url=addresses.revocation_list(authority.id),
            shard_urls=tuple(addresses.shard(authority.id, part) for part in publishing.shards),
            ocsp_url=addresses.responder(authority.id),
            responder_until=until,
        )


class ReadPublishingHandler(Reader[ReadPublishing, DescribedPublishing]):
    """Reads how one authority publishes."""

    def __init__(self, facts: PublishingFacts) -> None:
        self._facts = facts

    async def prepare(self, call: Call, operation: ReadPublishing) -> Prepared[DescribedPublishing]:
        """Find it and ask whether the caller may see it."""
        authority, publishing = await self._facts.wanted(call, operation.name)
        described = await self._facts.describe(authority, publishing)
        return Prepared(described, (authority_access(operation.action, authority),))


class ConfigurePublishingHandler(
    Handler[ConfigurePublishing, PublishingDraft, PublishingDraft, DescribedPublishing]
):
    """Changes how one authority publishes."""

    def __init__(self, facts: PublishingFacts, publisher: Publisher) -> None:
        self._facts = facts
        self._publisher = publisher

    async def prepare(self, call: Call, operation: ConfigurePublishing) -> Prepared[PublishingDraft]:
        """Find it and ask whether the caller may."""
        authority, former = await self._facts.wanted(call, operation.name)
        chosen = {
            field: value
            for field in ("crl_shards", "crl_urls", "responder")
            if (value := getattr(operation, field)) is not None
        }
        publishing: Publishing = msgspec.structs.replace(former, **chosen)
        changed: Authority = msgspec.structs.replace(authority, version=authority.version + 1)
        shown = await self._facts.describe(changed, publishing)
        return Prepared(
            PublishingDraft(changed, publishing, shown),
            (authority_access(operation.action, authority),),
            {"name": authority.name, **msgspec.to_builtins(publishing)},
        )

    async def sign(self, call: Call, draft: PublishingDraft, grant: Grant) -> PublishingDraft:
        """Return the draft if its choices can be kept: nothing is signed."""
        del call, grant
        verify_publishing(draft.publishing)
        return draft

    async def record(
        self, transaction: Transaction, call: Call, signed: PublishingDraft
    ) -> DescribedPublishing:
        """Write it over the version it was read at: nothing from the former choices is released after it."""
        del call
        catalogue, authority, publishing = self._facts.catalogue, signed.authority, signed.publishing
        tenant = authority.tenant
        await write_changes(transaction, catalogue, (authority,))
        await keep_publishing(transaction, catalogue.publishing_mac, authority, publishing)
        if publishing.shards:
            missing = await insert_missing_shards(transaction, tenant, authority.id, publishing.crl_shards)
            for part in missing:
                soon = partial(self._publisher.publish_soon, tenant, authority.id, part)
                start_later(transaction, soon)
        return signed.shown

    def details(self, answer: DescribedPublishing) -> Mapping[str, Any]:
        """Return nothing more: the choices stand in the entry already."""
        del answer
        return {}
