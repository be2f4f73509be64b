"""What the profile of an order lets it ask for, told when the order is made and not when it is finalized."""

from collections.abc import Iterable

from acme.errors import IdentifierFault
from acme.identifiers import Identifier
from ca_service.x509.profiles import Profile


def faults_of(profile: Profile, identifiers: Iterable[Identifier]) -> list[IdentifierFault]:
    """Return one fault for each identifier that certificates of this profile do not carry."""
    found = [(identifier, _fault(profile, identifier)) for identifier in identifiers]
    return [IdentifierFault(each.type, each.value, detail) for each, detail in found if detail is not None]


def _fault(profile: Profile, identifier: Identifier) -> str | None:
    settings = profile.settings
    if identifier.name.kind not in settings.name_kinds:
        return f"The profile {profile.name} does not certify identifiers of type `{identifier.type}`."
    if identifier.is_wildcard and not settings.allows_wildcards:
        return f"The profile {profile.name} does not certify wildcards; name the hosts one by one."
    return None
