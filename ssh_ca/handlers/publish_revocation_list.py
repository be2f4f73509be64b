"""Signs and publishes the key revocation list of a project."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from ca_service.custody.signers import Signer
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Grant
from ssh_ca.accesses import project_access
from ssh_ca.authorities import AuthorityStatus, SshAuthority
from ssh_ca.catalogue import Catalogue
from ssh_ca.certificates import CertificateType
from ssh_ca.operations import PublishedKeyRevocationList, PublishKeyRevocationList
from ssh_ca.revocation_list import RevocationList, encode_revocation_list
from ssh_ca.revoked import RevokedFacts, revocation_list_of
from ssh_ca.signed_files import sign_file
from ssh_ca.storage.revocation_lists import TakenVersion, replace_revocation_list, take_version
from ssh_ca.storage.revocations import list_revocations, list_revoked

#: What the signature beside a list is for: the `namespaces` of an allowed signer.
NAMESPACE = "keywright-krl"


class SignedList(Struct, frozen=True):
    """A list that was signed and is not yet published."""

    tenant: Tenant
    taken: TakenVersion
    content: bytes
    signature: bytes
    entries: int


class PublishRevocationListHandler(
    Handler[PublishKeyRevocationList, Tenant, SignedList, PublishedKeyRevocationList]
):
    """Publishes one list."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._database = catalogue.database

    async def prepare(self, call: Call, operation: PublishKeyRevocationList) -> Prepared[Tenant]:
        """Ask whether the caller may; a project without authorities has no list."""
        if not await self._catalogue.authorities(call.home):
            raise NotFoundError("authority")
        return Prepared(call.home, (project_access(operation.action, call.home),))

    async def sign(self, call: Call, draft: Tenant, grant: Grant) -> SignedList:
        """Take the version, then read everything, so that a later version never tells less (S6)."""
        del call, grant
        taken = await self._database.begin(lambda transaction: take_version(transaction, draft))
        now = self._database.now()
        authorities = await self._catalogue.authorities(draft)
        facts = RevokedFacts(
            authorities=tuple(authorities),
            certificates=await list_revoked(self._database, draft, now),
            revocations=await list_revocations(self._database, draft),
        )
        signing = signing_authority(authorities)
        signer = None if signing is None else await self._catalogue.signer(signing)
        # Many entries take a while, and so do the keys of some authorities: never on the event loop.
        return await asyncio.to_thread(
            _make, draft, taken, revocation_list_of(draft, taken.version, now, facts), signing, signer
        )

    async def record(
        self, transaction: Transaction, call: Call, signed: SignedList
    ) -> PublishedKeyRevocationList:
        """Publish it, unless a later one was published meanwhile: then that one tells the same or more."""
        del call
        await replace_revocation_list(
            transaction, signed.tenant, signed.taken, signed.content, signed.signature
        )
        return PublishedKeyRevocationList(version=signed.taken.version, entries=signed.entries)

    def details(self, answer: PublishedKeyRevocationList) -> Mapping[str, Any]:
        """Return the version of the list."""
        return {"version": answer.version, "entries": answer.entries}


def signing_authority(authorities: list[SshAuthority]) -> SshAuthority | None:
    """Return whose key signs a project's list: its oldest active authority, one for users if there is one."""
    active = [each for each in authorities if each.status is AuthorityStatus.ACTIVE]
    return min(active, key=_rank, default=None)


def _rank(authority: SshAuthority) -> tuple[bool, datetime, str]:
    return authority.type is not CertificateType.USER, authority.created_at, authority.id


def _make(
    tenant: Tenant,
    taken: TakenVersion,
    content: RevocationList,
    signing: SshAuthority | None,
    signer: Signer | None,
) -> SignedList:
    encoded = encode_revocation_list(content)
    signature = b""
    if signing is not None and signer is not None:
        signature = sign_file(encoded, NAMESPACE, signer, signing.public_key)
    return SignedList(tenant, taken, encoded, signature, content.entries)
