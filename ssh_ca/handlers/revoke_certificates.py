"""Revokes SSH certificates: by number, by key id, or by the key under them."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.idempotency import forget_answers
from ca_service.gate.principals import caller_name
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Access, Grant
from ssh_ca.accesses import authority_access, project_access
from ssh_ca.authorities import SshAuthority
from ssh_ca.catalogue import Catalogue
from ssh_ca.certificates import status_of
from ssh_ca.operations import (
    ByKeyId,
    BySerialNumber,
    ListedSshCertificate,
    RevokedSshCertificates,
    RevokeSshCertificates,
)
from ssh_ca.principals import parse_key_id
from ssh_ca.public_keys import parse_public_key
from ssh_ca.storage.certificates import (
    PUBLIC_KEY,
    SERIAL_NUMBER,
    Selection,
    find_selected,
    insert_revocation,
    refetch_selected,
    revoke_selected,
)

_UNKNOWN = "ssh:revoke-unknown"


class Revocation(Struct, frozen=True, kw_only=True):
    """What will be revoked: the selected certificates of the decided authorities.

    `kind` and `value` say what is kept beside the inventory: a lost number or a key; empty if nothing is.
    """

    selection: Selection
    authority_ids: tuple[str, ...]
    kind: str = ""
    authority_id: str = ""
    value: str = ""


class RevokeCertificatesHandler(
    Handler[RevokeSshCertificates, Revocation, Revocation, RevokedSshCertificates]
):
    """Revokes whatever one selector covers."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: RevokeSshCertificates) -> Prepared[Revocation]:
        """Find what is covered, and ask about every authority that signed some of it."""
        selector = operation.selector
        if isinstance(selector, BySerialNumber):
            return await self._by_serial_number(call, operation, selector)
        if isinstance(selector, ByKeyId):
            key_id = parse_key_id(selector.key_id)
            return await self._by_key_id(call, operation, key_id)
        key = parse_public_key(selector.public_key)
        everything = await self._catalogue.authorities(call.home)
        accesses = _accesses(operation.action, everything) or (project_access("ssh:manage", call.home),)
        revocation = Revocation(
            selection=Selection(fingerprint=key.fingerprint),
            authority_ids=tuple(authority.id for authority in everything),
            kind=PUBLIC_KEY,
            value=key.fingerprint,
        )
        return Prepared(revocation, accesses, {"public_key": key.fingerprint})

    async def _by_serial_number(
        self, call: Call, operation: RevokeSshCertificates, selector: BySerialNumber
    ) -> Prepared[Revocation]:
        authority = await self._catalogue.authority(call.home, selector.authority)
        selection = Selection(serial_number=selector.serial_number, authority_id=authority.id)
        details = {"serial_number": str(selector.serial_number), "authority": authority.name}
        accesses = (authority_access(operation.action, authority),)
        if await find_selected(self._catalogue.database, call.home, selection):
            return Prepared(Revocation(selection=selection, authority_ids=(authority.id,)), accesses, details)
        unknown = Revocation(
            selection=selection,
            authority_ids=(authority.id,),
            kind=SERIAL_NUMBER,
            authority_id=authority.id,
            value=str(selector.serial_number),
        )
        return Prepared(
            unknown, (*accesses, authority_access(_UNKNOWN, authority)), {**details, "unknown": True}
        )

    async def _by_key_id(
        self, call: Call, operation: RevokeSshCertificates, key_id: str
    ) -> Prepared[Revocation]:
        selection = Selection(key_id=key_id)
        covered = {
            each.authority_id for each in await find_selected(self._catalogue.database, call.home, selection)
        }
        if not covered:
            raise NotFoundError("certificate")
        signed_some = [each for each in await self._catalogue.authorities(call.home) if each.id in covered]
        revocation = Revocation(
            selection=selection, authority_ids=tuple(authority.id for authority in signed_some)
        )
        return Prepared(revocation, _accesses(operation.action, signed_some), {"key_id": key_id})

    async def sign(self, call: Call, draft: Revocation, grant: Grant) -> Revocation:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(
        self, transaction: Transaction, call: Call, signed: Revocation
    ) -> RevokedSshCertificates:
        """Mark what is covered, and forget the answers that could still be replayed."""
        tenant = call.home
        await revoke_selected(transaction, tenant, signed.selection, list(signed.authority_ids))
        if signed.kind:
            caller = caller_name(call.caller)
            await insert_revocation(
                transaction, tenant, signed.kind, signed.authority_id, signed.value, caller
            )
        covered = [
            certificate
            for certificate in await refetch_selected(transaction, tenant, signed.selection)
            if certificate.revoked_at is not None
        ]
        for certificate in covered:
            await forget_answers(transaction, tenant, certificate.id)
        now = transaction.now
        listed = [ListedSshCertificate(certificate=each, status=status_of(each, now)) for each in covered]
        return RevokedSshCertificates(certificates=tuple(listed), revoked_at=now)

    def details(self, answer: RevokedSshCertificates) -> Mapping[str, Any]:
        """Return how many certificates it covers, and the first of them."""
        certificates = [listed.certificate.id for listed in answer.certificates]
        return {"count": len(certificates), "certificates": certificates[:100]}


def _accesses(action: str, authorities: list[SshAuthority]) -> tuple[Access, ...]:
    return tuple(authority_access(action, authority, noun="certificate") for authority in authorities)
