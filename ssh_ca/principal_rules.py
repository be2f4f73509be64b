"""Which principals a profile allows: exact ones, those of a pattern or network, those of the caller.

Every rule compares values in the form that is signed; nothing is pasted into a pattern, so a name with a
comma or a star in it matches nothing but itself.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from msgspec import Struct

from ca_service.policy.names import Name, NameKind, NameRefusedError
from ssh_ca.caller_facts import CallerFacts, CallerField
from ssh_ca.certificates import CertificateType
from ssh_ca.errors import PrincipalsRefusedError, ProfileRefusedError
from ssh_ca.principals import parse_one_principal

_LONGEST_PATTERN = 255
_MOST_STARS = 8
#: No more rules than one certificate has principals.
MOST_RULES = 256


class ExactPrincipal(Struct, frozen=True, tag_field="kind", tag="exact", forbid_unknown_fields=True):
    """This principal."""

    value: str


class GlobPrincipal(Struct, frozen=True, tag_field="kind", tag="glob", forbid_unknown_fields=True):
    """Principals like this, where a star stands for any characters; in names of hosts, for any but dots."""

    pattern: str


class NetworkPrincipal(Struct, frozen=True, tag_field="kind", tag="network", forbid_unknown_fields=True):
    """Addresses of hosts in this network."""

    network: str


class CallerPrincipal(Struct, frozen=True, tag_field="kind", tag="caller", forbid_unknown_fields=True):
    """Principals computed from the caller: each value of `field` behind `prefix`.

    `domain` is of `local-part`. A value that cannot be a principal gives none.
    """

    field: CallerField
    prefix: str = ""
    domain: str = ""


PrincipalRule = ExactPrincipal | GlobPrincipal | NetworkPrincipal | CallerPrincipal


def verify_principal_rules(rules: Sequence[PrincipalRule], kind: CertificateType) -> None:
    """Refuse rules that allow nothing or cannot be read. Raises ProfileRefusedError."""
    if not 1 <= len(rules) <= MOST_RULES:
        raise _refused(
            "principals", f"Give 1 to {MOST_RULES} rules, or leave them out to allow every principal."
        )
    for index, rule in enumerate(rules):
        _verify(rule, kind, f"principals[{index}]")


def _verify(rule: PrincipalRule, kind: CertificateType, field: str) -> None:
    match rule:
        case ExactPrincipal(value):
            _verify_exact(value, kind, field)
        case GlobPrincipal(pattern):
            if "*" not in pattern or pattern.count("*") > _MOST_STARS or len(pattern) > _LONGEST_PATTERN:
                raise _refused(field, f"A pattern has 1 to {_MOST_STARS} stars; an exact one is `exact`.")
            if kind is CertificateType.HOST and pattern != pattern.lower():
                raise _refused(field, "Names of hosts are signed in lower case; write the pattern so.")
        case NetworkPrincipal(network):
            if kind is not CertificateType.HOST:
                raise _refused(field, "Addresses are principals of hosts only.")
            try:
                ip_network(network)
            except ValueError:
                raise _refused(field, "Write an exact network: 10.0.0.0/8.") from None
        case CallerPrincipal():
            _verify_computed(rule, kind, field)


def _verify_exact(value: str, kind: CertificateType, field: str) -> None:
    try:
        canonical = parse_one_principal(value, kind, field=field).value
    except NameRefusedError as error:
        raise _refused(field, error.detail) from error
    if canonical != value:
        raise _refused(field, f"Write this principal as it is signed: {canonical}.")


def _verify_computed(rule: CallerPrincipal, kind: CertificateType, field: str) -> None:
    if kind is not CertificateType.USER or rule.field is CallerField.ADDRESS:
        raise _refused(field, "Computed are principals of users, from id, name, local-part or roles.")
    if (rule.field is CallerField.LOCAL_PART) != bool(rule.domain):
        raise _refused(field, "local-part, and only that, needs the domain it is of.")


def verify_allowed(
    rules: Sequence[PrincipalRule], principals: Sequence[Name], facts: CallerFacts, profile: str
) -> None:
    """Refuse principals that no rule allows this caller. Raises PrincipalsRefusedError, naming the first."""
    computed = _computed(rules, facts)
    for index, name in enumerate(principals):
        if name.value not in computed and not any(_allows(rule, name) for rule in rules):
            raise PrincipalsRefusedError(
                f"The profile {profile} does not allow you the principal {name.value}; leave principals out "
                "to get all that it does.",
                field=f"principals[{index}]",
                rule="profile-principal",
            )


def every_principal(rules: Sequence[PrincipalRule], facts: CallerFacts) -> tuple[str, ...]:
    """Return all that the caller may have: what is exact or computed; patterns name none by themselves."""
    exact = [rule.value for rule in rules if isinstance(rule, ExactPrincipal)]
    return tuple(dict.fromkeys([*exact, *sorted(_computed(rules, facts))]))


def _allows(rule: PrincipalRule, name: Name) -> bool:
    match rule:
        case ExactPrincipal(value):
            return name.value == value
        case GlobPrincipal(pattern):
            return name.kind is not NameKind.IP and matches(pattern, name.value, crosses_dots=_is_user(name))
        case NetworkPrincipal(network):
            return name.kind is NameKind.IP and ip_address(name.value) in _network(network)
        case CallerPrincipal():
            return False


def _is_user(name: Name) -> bool:
    return name.kind is NameKind.PRINCIPAL


def _computed(rules: Sequence[PrincipalRule], facts: CallerFacts) -> set[str]:
    found: set[str] = set()
    for rule in rules:
        if isinstance(rule, CallerPrincipal):
            for value in facts.values(rule.field, domain=rule.domain):
                try:
                    name = parse_one_principal(rule.prefix + value, CertificateType.USER, field="principals")
                except NameRefusedError:
                    continue
                found.add(name.value)
    return found


def matches(pattern: str, text: str, *, crosses_dots: bool) -> bool:
    """Tell whether `text` is like `pattern`, in time that grows with their lengths' product at most."""
    reached = {0}
    for character in pattern:
        reached = _step(character, text, reached, crosses_dots=crosses_dots)
        if not reached:
            return False
    return len(text) in reached


def _step(character: str, text: str, reached: set[int], *, crosses_dots: bool) -> set[int]:
    """Return how much of `text` may be read once one more character of a pattern is."""
    if character != "*":
        return {place + 1 for place in reached if text[place : place + 1] == character}
    further: set[int] = set()
    for place in sorted(reached):
        end = place
        while end not in further:
            further.add(end)
            if end == len(text) or (text[end] == "." and not crosses_dots):
                break
            end += 1
    return further


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def _refused(field: str, detail: str) -> ProfileRefusedError:
    return ProfileRefusedError(detail, field=field, rule="profile-principals")
