"""Rotates SSH authorities: switches what signs, and retires what did."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.policy.values import Access, Grant
from ssh_ca.accesses import authority_access, profile_access
from ssh_ca.authorities import AuthorityStatus, SshAuthority
from ssh_ca.catalogue import Catalogue
from ssh_ca.errors import AuthorityInUseError, AuthorityRefusedError
from ssh_ca.handlers.issue_certificate import found_changed
from ssh_ca.operations import (
    DescribedSshAuthority,
    ReadSshAuthority,
    RetireSshAuthority,
    SwitchedSshAuthority,
    SwitchSshAuthority,
)
from ssh_ca.profiles import SshProfile
from ssh_ca.storage.authorities import change_status
from ssh_ca.storage.certificates import count_valid
from ssh_ca.storage.profiles import update_profile

#: What may begin to sign: a successor that was published, one that signs for others, one that is taken back.
_READY = frozenset({AuthorityStatus.PUBLISHED, AuthorityStatus.ACTIVE, AuthorityStatus.RETIRING})
#: What may be retired.
_RETIRABLE = frozenset({AuthorityStatus.PUBLISHED, AuthorityStatus.ACTIVE, AuthorityStatus.RETIRING})


class SwitchDraft(Struct, frozen=True):
    """The two authorities as they are, and the profiles as they will be."""

    former: SshAuthority
    successor: SshAuthority
    profiles: tuple[SshProfile, ...]


class SwitchAuthorityHandler(Handler[SwitchSshAuthority, SwitchDraft, SwitchDraft, SwitchedSshAuthority]):
    """Has another authority sign."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: SwitchSshAuthority) -> Prepared[SwitchDraft]:
        """Find both and every profile that goes over, and ask about each."""
        former = await self._catalogue.authority(call.home, operation.name)
        successor = await self._catalogue.authority(call.home, operation.to)
        using = _profiles_of(former, await self._catalogue.profiles(call.home))
        moved = [_moved(profile, successor) for profile in using]
        accesses: list[Access] = [authority_access(operation.action, each) for each in (former, successor)]
        accesses += [profile_access(operation.action, profile) for profile in using]
        details = {"from": former.name, "to": successor.name, "profiles": [each.name for each in using]}
        return Prepared(SwitchDraft(former, successor, tuple(moved)), tuple(accesses), details)

    async def sign(self, call: Call, draft: SwitchDraft, grant: Grant) -> SwitchDraft:
        """See that the two can follow one another, which only who may switch is told; nothing is signed."""
        del call, grant
        _verify_switch(draft.former, draft.successor)
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: SwitchDraft) -> SwitchedSshAuthority:
        """Write all of it over what was read, or none."""
        del call
        mac = self._catalogue.authority_mac
        former = await change_status(transaction, mac, signed.former, AuthorityStatus.RETIRING)
        successor = await change_status(transaction, mac, signed.successor, AuthorityStatus.ACTIVE)
        if former is None or successor is None:
            raise found_changed()
        for profile in signed.profiles:
            if not await update_profile(transaction, self._catalogue.profile_mac, profile):
                raise found_changed()
        await self._catalogue.announce_change(transaction)
        return SwitchedSshAuthority(former=former, successor=successor, profiles=signed.profiles)

    def details(self, answer: SwitchedSshAuthority) -> Mapping[str, Any]:
        """Return which authority signs now."""
        return {"authority": answer.successor.id}


class RetireDraft(Struct, frozen=True):
    """The authority as it is, and what hangs on it."""

    authority: SshAuthority
    profiles: tuple[str, ...]
    valid_certificates: int
    last_valid_before: datetime | None
    drops_valid: bool


class RetireAuthorityHandler(Handler[RetireSshAuthority, RetireDraft, RetireDraft, SshAuthority]):
    """Has an authority be published no more."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: RetireSshAuthority) -> Prepared[RetireDraft]:
        """Find it and what hangs on it, and ask whether the caller may."""
        authority = await self._catalogue.authority(call.home, operation.name)
        using = _profiles_of(authority, await self._catalogue.profiles(call.home))
        valid, last = await count_valid(self._catalogue.database, call.home, authority.id)
        names = tuple(profile.name for profile in using)
        draft = RetireDraft(authority, names, valid, last, operation.drops_valid)
        details = {"name": authority.name, "valid_certificates": valid}
        return Prepared(draft, (authority_access(operation.action, authority),), details)

    async def sign(self, call: Call, draft: RetireDraft, grant: Grant) -> RetireDraft:
        """See that nothing hangs on it any more, which only who may retire it is told; nothing is signed."""
        del call, grant
        _verify_retirement(draft)
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: RetireDraft) -> SshAuthority:
        """Write it over what was read."""
        del call
        mac = self._catalogue.authority_mac
        retired = await change_status(transaction, mac, signed.authority, AuthorityStatus.RETIRED)
        if retired is None:
            raise found_changed()
        await self._catalogue.announce_change(transaction)
        return retired


class ReadAuthorityReader(Reader[ReadSshAuthority, DescribedSshAuthority]):
    """Reads one authority with what hangs on it."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: ReadSshAuthority) -> Prepared[DescribedSshAuthority]:
        """Read it by its name."""
        authority = await self._catalogue.authority(call.home, operation.name)
        everything = await self._catalogue.authorities(call.home)
        using = _profiles_of(authority, await self._catalogue.profiles(call.home))
        valid, last = await count_valid(self._catalogue.database, call.home, authority.id)
        described = DescribedSshAuthority(
            authority=authority,
            succeeds=next((each.name for each in everything if each.id == authority.succeeds), None),
            succeeded_by=tuple(each.name for each in everything if each.succeeds == authority.id),
            profiles=tuple(profile.name for profile in using),
            valid_certificates=valid,
            last_valid_before=last,
        )
        access = authority_access(operation.action, authority)
        return Prepared(described, (access,), {"name": authority.name})


def _verify_switch(former: SshAuthority, successor: SshAuthority) -> None:
    if former.id == successor.id or former.type is not successor.type:
        raise AuthorityRefusedError(
            f"Switch to another authority that signs {former.type.value}s.", field="to", rule="authority-type"
        )
    if former.status is not AuthorityStatus.ACTIVE or successor.status not in _READY:
        raise AuthorityInUseError(
            f"The authority {former.name} is {former.status.value} and {successor.name} is "
            f"{successor.status.value}; an active one hands over to one that is published.",
            field="to",
            rule="authority-status",
        )


def _verify_retirement(draft: RetireDraft) -> None:
    authority = draft.authority
    if authority.status not in _RETIRABLE:
        raise AuthorityInUseError(
            f"The authority {authority.name} is {authority.status.value} already.", rule="authority-status"
        )
    if draft.profiles:
        names = ", ".join(draft.profiles)
        raise AuthorityInUseError(
            f"Profiles sign by the authority {authority.name} ({names}); switch to another one first.",
            rule="authority-signs",
        )
    if draft.last_valid_before is not None and not draft.drops_valid:
        raise AuthorityInUseError(
            f"{draft.valid_certificates} certificates of the authority {authority.name} are still valid, the "
            f"last until {draft.last_valid_before.isoformat()}; wait until then, or say that they shall be "
            "dropped.",
            rule="authority-valid",
        )


def _profiles_of(authority: SshAuthority, profiles: list[SshProfile]) -> list[SshProfile]:
    return [profile for profile in profiles if profile.settings.authority == authority.name]


def _moved(profile: SshProfile, successor: SshAuthority) -> SshProfile:
    settings = msgspec.structs.replace(profile.settings, authority=successor.name)
    moved: SshProfile = msgspec.structs.replace(profile, settings=settings, version=profile.version + 1)
    return moved
