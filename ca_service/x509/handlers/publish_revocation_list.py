"""Signs and publishes the CRL of an authority: the former one continued, or put together anew."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Grant
from ca_service.x509.accesses import authority_access
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.errors import ChangedMeanwhileError
from ca_service.x509.issuers import Issuer, PublicAddresses
from ca_service.x509.list_macs import ListMacs
from ca_service.x509.operations import PublishedRevocationList, PublishRevocationList
from ca_service.x509.revocation import (
    COMPLETE,
    REPLACED_AFTER,
    ListScope,
    entries_of,
    next_update,
    sign_revocation_list,
)
from ca_service.x509.storage.revocation_lists import (
    ListKey,
    RevocationListFacts,
    TakenNumber,
    find_der,
    find_state,
    replace_revocation_list,
    take_number,
)
from ca_service.x509.storage.revoked_entries import keep_entries, list_new, list_untold, read_all

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
#: How often a list is begun again because an earlier release revoked at the same moment.
_ATTEMPTS = 3
#: A list of more bytes than this is long, and so many are kept in memory.
_LONG = 1024 * 1024
_MOST_LONG = 4

_log = logging.getLogger("keywright.x509")


class ListDraft(Struct, frozen=True):
    """Which list of which issuer."""

    issuer: Issuer
    key: ListKey


class SignedList(Struct, frozen=True):
    """A CRL that was signed and is not yet published."""

    key: ListKey
    taken: TakenNumber
    facts: RevocationListFacts
    rebuilt_at: datetime
    entries: int
    mac: bytes


class _Content(Struct, frozen=True):
    """What a list will tell, in pieces; `rebuilt_at` is None if it does not continue the former one."""

    taken: TakenNumber
    pieces: Sequence[bytes | memoryview]
    count: int
    rebuilt_at: datetime | None


class PublishRevocationListHandler(
    Handler[PublishRevocationList, ListDraft, SignedList, PublishedRevocationList]
):
    """Publishes one CRL.

    While something new is to be told, the entries of the former list are taken as they are, once its MAC is
    verified, and the new ones follow. At half of a list's life it is put together from all entries, and those
    that ended before the former such list fall away (RFC 5280 section 3.3).
    """

    def __init__(self, catalogue: Catalogue, database: Database, custody: Custody) -> None:
        self._catalogue = catalogue
        self._database = database
        self._macs = ListMacs(custody)
        #: Long lists that this process published, by number: reading them back takes as long as signing.
        self._long: dict[tuple[ListKey, int], bytes] = {}

    async def prepare(self, call: Call, operation: PublishRevocationList) -> Prepared[ListDraft]:
        """Find the authority."""
        authority = await self._catalogue.authority_by_id(call.home, operation.authority_id)
        if authority is None:
            raise NotFoundError("authority")
        key = ListKey(call.home, authority.id, operation.part)
        if await find_state(self._database, key) is None:
            raise NotFoundError("authority")
        draft = ListDraft(await self._catalogue.issuer(authority), key)
        return Prepared(draft, (authority_access(operation.action, authority),), {"part": operation.part})

    async def sign(self, call: Call, draft: ListDraft, grant: Grant) -> SignedList:
        """Take the number, then read the entries, so that a later number never tells less (S6)."""
        del call, grant
        issuer, key = draft.issuer, draft.key
        content = await self._content(key)
        this_update = self._database.now()
        der = await sign_revocation_list(
            issuer.name,
            issuer.key_identifier,
            issuer.signer,
            content.taken.number,
            this_update,
            content.pieces,
            _scope(issuer, key.part, self._catalogue.addresses),
        )
        number = content.taken.number
        facts = RevocationListFacts(number, der, this_update, next_update(this_update), is_behind=False)
        mac = await self._macs.tag(key, number, content.taken.state.wanted, content.count, der)
        return SignedList(key, content.taken, facts, content.rebuilt_at or this_update, content.count, mac)

    async def record(
        self, transaction: Transaction, call: Call, signed: SignedList
    ) -> PublishedRevocationList:
        """Publish it, unless a later one was published meanwhile: then that one tells the same or more."""
        del call
        key, facts = signed.key, signed.facts
        is_published = await replace_revocation_list(
            transaction,
            key,
            signed.taken,
            facts,
            rebuilt_at=signed.rebuilt_at,
            entries=signed.entries,
            mac=signed.mac,
        )
        transaction.announce()
        if is_published and len(facts.der) > _LONG:
            transaction.on_commit(lambda: self._keep(key, facts))
        return PublishedRevocationList(
            authority_id=key.authority_id,
            part=key.part,
            number=facts.number,
            entries=signed.entries,
            next_update=facts.next_update,
        )

    def _keep(self, key: ListKey, facts: RevocationListFacts) -> None:
        kept = {known: der for known, der in list(self._long.items()) if known[0] != key}
        self._long = dict(list(kept.items())[1 - _MOST_LONG :])
        self._long[key, facts.number] = facts.der

    def details(self, answer: PublishedRevocationList) -> Mapping[str, Any]:
        """Return the number of the CRL."""
        return {"number": answer.number, "entries": answer.entries}

    async def _content(self, key: ListKey) -> _Content:
        is_regular = await self._is_regular(key)
        for _ in range(_ATTEMPTS):
            if is_regular:
                await self._keep_untold(key)
            taken = await self._database.begin(lambda transaction: take_number(transaction, key))
            content = await (self._all(key, taken) if is_regular else self._continued(key, taken))
            if content is not None:
                return content
            is_regular = True
        raise ChangedMeanwhileError("Certificates are being revoked by an earlier release; try again.")

    async def _is_regular(self, key: ListKey) -> bool:
        """Tell a list whose time has come, or that cannot be continued."""
        state = await find_state(self._database, key)
        if state is None or not state.has_news or state.mac is None or state.rebuilt_at is None:
            return True
        return state.rebuilt_at <= self._database.now() - REPLACED_AFTER

    async def _continued(self, key: ListKey, taken: TakenNumber) -> _Content | None:
        """Return the former list's entries and the new ones; None if that would not be all."""
        state = taken.state
        new = await list_new(self._database, key, state)
        if new is None or state.mac is None or state.entries is None:
            return None
        der = self._long.get((key, state.number))
        if der is None:
            number, der = await find_der(self._database, key)
            is_ours = await self._macs.is_ours(state.mac, key, number, state.published, state.entries, der)
        else:
            is_ours = True
        if not is_ours:
            _log.error("a CRL of %s was changed in the database; it is put together anew", key.authority_id)
            return None
        return _Content(taken, [entries_of(der), *new], state.entries + len(new), state.rebuilt_at)

    async def _all(self, key: ListKey, taken: TakenNumber) -> _Content:
        """Return what a list tells that does not continue another."""
        state = taken.state
        former = state.rebuilt_at or (state.this_update if state.number else _LONG_AGO)
        pieces, count = [], 0
        async for page in read_all(self._database, key, state.wanted, former):
            pieces.append(b"".join(page))
            count += len(page)
        return _Content(taken, pieces, count, None)

    async def _keep_untold(self, key: ListKey) -> None:
        """Make up for entries that a release without them did not keep."""
        while rows := await list_untold(self._database, key.tenant, key.authority_id):
            keep = partial(keep_entries, tenant=key.tenant, authority_id=key.authority_id, rows=rows)
            await self._database.begin(keep)


def _scope(issuer: Issuer, part: str, addresses: PublicAddresses) -> ListScope:
    if not part:
        return COMPLETE
    own = addresses.shard(issuer.authority.id, part)
    return ListScope(addresses=(own, *issuer.publishing.copies_of(part)))
