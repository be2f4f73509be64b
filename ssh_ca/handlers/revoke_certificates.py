"""Revokes SSH certificates: by number, key id, key, who asked for them, or with a whole authority."""

import asyncio
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.idempotency import forget_answers
from ca_service.gate.port import REPLAY_WINDOW
from ca_service.gate.principals import caller_name
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Access, Grant
from ssh_ca.accesses import authority_access, project_access
from ssh_ca.authorities import AuthorityStatus, SshAuthority
from ssh_ca.catalogue import Catalogue
from ssh_ca.certificate_reader import parse_certificate
from ssh_ca.certificates import status_of
from ssh_ca.handlers.issue_certificate import found_changed
from ssh_ca.operations import (
    ByAuthority,
    ByCertificate,
    ByIdentity,
    ByKeyId,
    ByPublicKey,
    BySerialNumber,
    ListedSshCertificate,
    RevokedSshCertificates,
    RevokeSshCertificates,
)
from ssh_ca.principals import parse_key_id
from ssh_ca.profiles import BACKDATING
from ssh_ca.public_keys import fingerprint_of, parse_public_key
from ssh_ca.publication import Publisher
from ssh_ca.revoked import RevocationKind
from ssh_ca.serial_numbers import HIGHEST_SERIAL_NUMBER
from ssh_ca.storage.authorities import change_status
from ssh_ca.storage.certificates import (
    Selection,
    find_selected,
    list_signed_since,
    refetch_selected,
    revoke_selected,
)
from ssh_ca.storage.revocation_lists import want_publication
from ssh_ca.storage.revocations import insert_revocation

_MANAGE = "ssh:manage"
_UNKNOWN = "ssh:revoke-unknown"


class Kept(Struct, frozen=True):
    """What is kept beside the inventory: a lost number, a key id for good, a key, an authority."""

    kind: RevocationKind
    value: str
    authority_id: str = ""


class RevokeDraft(Struct, frozen=True, kw_only=True):
    """What will be revoked: the selected certificates of the decided authorities, or all of `authority`."""

    selection: Selection
    authority_ids: tuple[str, ...]
    kept: Kept | None = None
    authority: SshAuthority | None = None


class RevokeCertificatesHandler(
    Handler[RevokeSshCertificates, RevokeDraft, RevokeDraft, RevokedSshCertificates]
):
    """Revokes whatever one selector covers; the key revocation list follows at the commit."""

    def __init__(self, catalogue: Catalogue, publisher: Publisher) -> None:
        self._catalogue = catalogue
        self._publisher = publisher

    async def prepare(self, call: Call, operation: RevokeSshCertificates) -> Prepared[RevokeDraft]:
        """Find what is covered, and ask about every authority that signed some of it."""
        match operation.selector:
            case BySerialNumber() | ByCertificate() as selector:
                number = await self._number_of(call, selector)
                return await self._by_serial_number(call, operation.action, number)
            case ByKeyId(key_id, True):
                kept = Kept(RevocationKind.KEY_ID, parse_key_id(key_id))
                return await self._for_good(call, operation.action, Selection(key_id=key_id), kept)
            case ByKeyId(key_id):
                return await self._inventory(call, operation.action, Selection(key_id=parse_key_id(key_id)))
            case ByPublicKey(public_key):
                kept = Kept(RevocationKind.PUBLIC_KEY, parse_public_key(public_key).fingerprint)
                return await self._for_good(call, operation.action, Selection(fingerprint=kept.value), kept)
            case ByIdentity(identity):
                return await self._inventory(call, operation.action, Selection(caller=identity))
            case ByAuthority(name):
                return await self._by_authority(call, operation.action, name)

    async def _by_serial_number(
        self, call: Call, action: str, selector: BySerialNumber
    ) -> Prepared[RevokeDraft]:
        authority = await self._catalogue.authority(call.home, selector.authority)
        selection = Selection(serial_number=selector.serial_number, authority_id=authority.id)
        details = {"serial_number": str(selector.serial_number), "authority": authority.name}
        accesses = (authority_access(action, authority),)
        if await find_selected(self._catalogue.database, call.home, selection):
            return Prepared(
                RevokeDraft(selection=selection, authority_ids=(authority.id,)), accesses, details
            )
        unknown = RevokeDraft(
            selection=selection,
            authority_ids=(authority.id,),
            kept=Kept(RevocationKind.SERIAL_NUMBER, str(selector.serial_number), authority.id),
        )
        return Prepared(
            unknown, (*accesses, authority_access(_UNKNOWN, authority)), {**details, "unknown": True}
        )

    async def _number_of(self, call: Call, selector: BySerialNumber | ByCertificate) -> BySerialNumber:
        """Return the number that a certificate has, and whose it is. Raises NotFoundError."""
        if isinstance(selector, BySerialNumber):
            return selector
        received = parse_certificate(selector.certificate)
        for authority in await self._catalogue.authorities(call.home):
            number = received.content.serial_number
            if authority.public_key == received.authority_key and 0 < number <= HIGHEST_SERIAL_NUMBER:
                return BySerialNumber(number, authority.name)
        raise NotFoundError("certificate")

    async def _inventory(self, call: Call, action: str, selection: Selection) -> Prepared[RevokeDraft]:
        """Cover what the inventory knows, and no more."""
        found = await find_selected(self._catalogue.database, call.home, selection)
        covered = {each.authority_id for each in found}
        if not covered:
            raise NotFoundError("certificate")
        signed_some = [each for each in await self._catalogue.authorities(call.home) if each.id in covered]
        draft = RevokeDraft(selection=selection, authority_ids=_ids(signed_some))
        return Prepared(draft, _accesses(action, signed_some), selection.parameters())

    async def _for_good(
        self, call: Call, action: str, selection: Selection, kept: Kept
    ) -> Prepared[RevokeDraft]:
        """Cover what the inventory knows, what it lost, and whatever would come."""
        everything = await self._catalogue.authorities(call.home)
        accesses = _accesses(action, everything)
        if kept.kind is RevocationKind.KEY_ID:
            accesses += _accesses(_UNKNOWN, everything)
        draft = RevokeDraft(selection=selection, authority_ids=_ids(everything), kept=kept)
        details = {kept.kind.value: kept.value, "for_good": True}
        return Prepared(draft, accesses or (project_access(_MANAGE, call.home),), details)

    async def _by_authority(self, call: Call, action: str, name: str) -> Prepared[RevokeDraft]:
        authority = await self._catalogue.authority(call.home, name)
        draft = RevokeDraft(
            selection=Selection(authority_id=authority.id),
            authority_ids=(authority.id,),
            kept=Kept(RevocationKind.AUTHORITY, fingerprint_of(authority.public_key), authority.id),
            authority=authority,
        )
        accesses = (authority_access(action, authority), authority_access(_MANAGE, authority))
        return Prepared(draft, accesses, {"authority": authority.name})

    async def sign(self, call: Call, draft: RevokeDraft, grant: Grant) -> RevokeDraft:
        """Return the draft: a revocation is not signed, the list that tells it is."""
        del call, grant
        return draft

    async def record(
        self, transaction: Transaction, call: Call, signed: RevokeDraft
    ) -> RevokedSshCertificates:
        """Mark what is covered, note that the list is behind, and forget answers that could be replayed."""
        tenant, kept = call.home, signed.kept
        newly = await revoke_selected(transaction, tenant, signed.selection, list(signed.authority_ids))
        is_new = kept is not None and await insert_revocation(
            transaction, tenant, kept.kind, kept.authority_id, kept.value, caller_name(call.caller)
        )
        if newly or is_new:
            want_publication(transaction, tenant)
            loop = asyncio.get_running_loop()
            # The commit may be told in the writer's thread.
            transaction.on_commit(
                lambda: _call_soon(loop, self._publisher, tenant),
            )
        if signed.authority is not None:
            await self._end(transaction, signed.authority)
            return RevokedSshCertificates(certificates=(), revoked_at=transaction.now, newly_revoked=newly)
        covered = [
            certificate
            for certificate in await refetch_selected(transaction, tenant, signed.selection)
            if certificate.revoked_at is not None
        ]
        for certificate in covered:
            await forget_answers(transaction, tenant, certificate.id)
        now = transaction.now
        listed = [ListedSshCertificate(certificate=each, status=status_of(each, now)) for each in covered]
        return RevokedSshCertificates(certificates=tuple(listed), revoked_at=now, newly_revoked=newly)

    async def _end(self, transaction: Transaction, authority: SshAuthority) -> None:
        """Have the authority sign nothing any more, nor anything it signed be answered again."""
        if authority.status is not AuthorityStatus.DISABLED:
            mac = self._catalogue.authority_mac
            if await change_status(transaction, mac, authority, AuthorityStatus.DISABLED) is None:
                raise found_changed()
            await self._catalogue.announce_change(transaction)
        since = transaction.now - REPLAY_WINDOW - BACKDATING
        for made in await list_signed_since(transaction, authority.tenant, authority.id, since):
            await forget_answers(transaction, authority.tenant, made)

    def details(self, answer: RevokedSshCertificates) -> Mapping[str, Any]:
        """Return how many certificates it covers, and the first of them."""
        certificates = [listed.certificate.id for listed in answer.certificates]
        count = len(certificates) or answer.newly_revoked
        return {"count": count, "certificates": certificates[:100]}


def _call_soon(loop: asyncio.AbstractEventLoop, publisher: Publisher, tenant: Tenant) -> None:
    loop.call_soon_threadsafe(publisher.publish_soon, tenant)


def _ids(authorities: list[SshAuthority]) -> tuple[str, ...]:
    return tuple(authority.id for authority in authorities)


def _accesses(action: str, authorities: list[SshAuthority]) -> tuple[Access, ...]:
    return tuple(authority_access(action, authority, noun="certificate") for authority in authorities)
