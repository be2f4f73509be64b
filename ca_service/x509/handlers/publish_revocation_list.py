"""Signs and publishes the CRL of an authority."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Grant
from ca_service.x509.accesses import authority_access
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.issuers import Issuer
from ca_service.x509.operations import PublishedRevocationList, PublishRevocationList
from ca_service.x509.revocation import Entry, next_update, sign_revocation_list
from ca_service.x509.storage.certificates import list_revoked
from ca_service.x509.storage.revocation_lists import (
    RevocationListFacts,
    TakenNumber,
    replace_revocation_list,
    take_number,
)


class SignedList(Struct, frozen=True):
    """A CRL that was signed and is not yet published."""

    issuer: Issuer
    taken: TakenNumber
    facts: RevocationListFacts
    entries: int


class PublishRevocationListHandler(
    Handler[PublishRevocationList, Issuer, SignedList, PublishedRevocationList]
):
    """Publishes one CRL."""

    def __init__(self, catalogue: Catalogue, database: Database) -> None:
        self._catalogue = catalogue
        self._database = database

    async def prepare(self, call: Call, operation: PublishRevocationList) -> Prepared[Issuer]:
        """Find the authority."""
        authority = await self._catalogue.authority_by_id(call.home, operation.authority_id)
        if authority is None:
            raise NotFoundError("authority")
        issuer = await self._catalogue.issuer(authority)
        return Prepared(issuer, (authority_access(operation.action, authority),))

    async def sign(self, call: Call, draft: Issuer, grant: Grant) -> SignedList:
        """Take the number, then read the entries, so that a later number never tells less (S6)."""
        del call, grant
        taken = await self._database.begin(lambda transaction: take_number(transaction, draft.authority))
        revoked = await list_revoked(self._database, draft.authority, taken.former_update)
        entries = [Entry(serial, at, reason) for serial, at, reason in revoked]
        this_update = self._database.now()
        der = await sign_revocation_list(
            draft.name, draft.key_identifier, draft.signer, taken.number, this_update, entries
        )
        facts = RevocationListFacts(taken.number, der, this_update, next_update(this_update), is_behind=False)
        return SignedList(draft, taken, facts, len(entries))

    async def record(
        self, transaction: Transaction, call: Call, signed: SignedList
    ) -> PublishedRevocationList:
        """Publish it, unless a later one was published meanwhile: then that one tells the same or more."""
        del call
        authority = signed.issuer.authority
        await replace_revocation_list(transaction, authority, signed.taken, signed.facts)
        return PublishedRevocationList(
            authority_id=authority.id,
            number=signed.taken.number,
            entries=signed.entries,
            next_update=signed.facts.next_update,
        )

    def details(self, answer: PublishedRevocationList) -> Mapping[str, Any]:
        """Return the number of the CRL."""
        return {"number": answer.number, "entries": answer.entries}
