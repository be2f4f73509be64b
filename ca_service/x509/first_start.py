"""What first start makes in the default project: root, issuing authority, and the built-in profiles (S18)."""

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.gate.caller import Caller
from ca_service.gate.port import Gate, RequestContext
from ca_service.kernel.identifiers import Identifiers
from ca_service.x509.built_in_profiles import BUILT_IN_PROFILES
from ca_service.x509.operations import CreateAuthority, CreateProfile, ListAuthorities, ListProfiles

PROJECT = "default"
ROOT = "root"
ISSUING = "issuing"


async def found_authorities(gate: Gate, identifiers: Identifiers, caller: Caller) -> None:
    """Make what is missing, as the instance administrator and through the gate; a second run makes nothing.

    The root signs seldom and lives ten years: P-384. The issuing authority signs at every request: P-256,
    whose signatures cost a tenth.
    """
    request = RequestContext(identifiers.new("req"))
    authorities = (await gate.perform(caller, ListAuthorities(project=PROJECT), request)).answer
    existing = {described.authority.name for described in authorities}
    if ROOT not in existing:
        root = CreateAuthority(project=PROJECT, name=ROOT, key_algorithm=KeyAlgorithm.EC_P384)
        await gate.perform(caller, root, request)
    if ISSUING not in existing:
        issuing = CreateAuthority(
            project=PROJECT, name=ISSUING, parent=ROOT, key_algorithm=KeyAlgorithm.EC_P256
        )
        await gate.perform(caller, issuing, request)
    profiles = (await gate.perform(caller, ListProfiles(project=PROJECT), request)).answer
    named = {profile.name for profile in profiles}
    for name, settings in BUILT_IN_PROFILES.items():
        if name not in named:
            await gate.perform(caller, CreateProfile(project=PROJECT, name=name, settings=settings), request)
