"""What first start makes in the default project: an authority and a profile for users, and for hosts."""

from ca_service.gate.caller import Caller
from ca_service.gate.port import Gate, RequestContext
from ca_service.kernel.identifiers import Identifiers
from ssh_ca.certificates import CertificateType
from ssh_ca.operations import CreateSshAuthority, CreateSshProfile, ListSshAuthorities, ListSshProfiles
from ssh_ca.profiles import HOST_SETTINGS, USER_SETTINGS

PROJECT = "default"
_PROFILES = (
    ("user", CertificateType.USER, USER_SETTINGS),
    ("host", CertificateType.HOST, HOST_SETTINGS),
)


async def found_authorities(gate: Gate, identifiers: Identifiers, caller: Caller) -> None:
    """Make what is missing, as the instance administrator and through the gate; a second run makes none."""
    request = RequestContext(identifiers.new("req"))
    authorities = (await gate.perform(caller, ListSshAuthorities(project=PROJECT), request)).answer
    existing = {authority.name for authority in authorities}
    for _, kind, settings in _PROFILES:
        if settings.authority not in existing:
            operation = CreateSshAuthority(project=PROJECT, name=settings.authority, type=kind)
            await gate.perform(caller, operation, request)
    profiles = (await gate.perform(caller, ListSshProfiles(project=PROJECT), request)).answer
    named = {profile.name for profile in profiles}
    for name, kind, settings in _PROFILES:
        if name not in named:
            made = CreateSshProfile(project=PROJECT, name=name, type=kind, settings=settings)
            await gate.perform(caller, made, request)
