"""Rules of a profile on the values of critical options and extensions, and the values it gives by itself."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from msgspec import Struct

from ssh_ca.caller_facts import CallerFacts, CallerField
from ssh_ca.errors import OptionRefusedError, ProfileRefusedError
from ssh_ca.options import SOURCE_ADDRESS, option_value

_Network = IPv4Network | IPv6Network
_MOST_VALUES = 256


class OneOf(Struct, frozen=True, tag_field="kind", tag="one-of", forbid_unknown_fields=True):
    """One of these values."""

    values: tuple[str, ...]


class Within(Struct, frozen=True, tag_field="kind", tag="within", forbid_unknown_fields=True):
    """Networks, each of which lies inside one of these; of `source-address`."""

    networks: tuple[str, ...]


class CallerValue(Struct, frozen=True, tag_field="kind", tag="caller", forbid_unknown_fields=True):
    """The caller's own: its id, name, local part or address."""

    field: CallerField
    domain: str = ""


ValueRule = OneOf | Within | CallerValue
#: What a profile gives without being asked: a text, or something of the caller.
GivenValue = str | CallerValue


def verify_value_rules(rules: Mapping[str, ValueRule], names: frozenset[str]) -> None:
    """Refuse rules about options that the profile does not allow, or that cannot be read."""
    for name, rule in rules.items():
        field = f"value_rules.{name}"
        if name not in names:
            raise _refused_rule(field, "A rule is about an option or extension that the profile allows.")
        match rule:
            case OneOf(values):
                if not 1 <= len(values) <= _MOST_VALUES:
                    raise _refused_rule(field, f"Give 1 to {_MOST_VALUES} values.")
                for value in values:
                    _verify_canonical(name, value, field)
            case Within(networks):
                if name != SOURCE_ADDRESS or not 1 <= len(networks) <= _MOST_VALUES:
                    raise _refused_rule(field, f"Networks are of {SOURCE_ADDRESS}; give 1 to {_MOST_VALUES}.")
                for network in networks:
                    _verify_canonical(name, network, field)
            case CallerValue():
                verify_caller_value(rule, field)


def verify_caller_value(value: CallerValue, field: str) -> None:
    """Refuse what has several values, or a local part without its domain. Raises ProfileRefusedError."""
    if value.field is CallerField.ROLES or (value.field is CallerField.LOCAL_PART) != bool(value.domain):
        raise _refused_rule(
            field, "A value is the caller's id, name, address, or local-part with its domain."
        )


def verify_given(given: Mapping[str, GivenValue], rules: Mapping[str, ValueRule], field: str) -> None:
    """Refuse given values that are no values of their options, or break the profile's own rules."""
    for name, value in given.items():
        if isinstance(value, CallerValue):
            verify_caller_value(value, f"{field}.{name}")
        else:
            _verify_canonical(name, value, f"{field}.{name}")
            rule = rules.get(name)
            if rule is not None and not isinstance(rule, CallerValue) and not _fits(rule, value):
                raise _refused_rule(f"{field}.{name}", "The given value breaks the profile's own rule.")


def values_given(given: Mapping[str, GivenValue], facts: CallerFacts, field: str) -> dict[str, str]:
    """Return what a profile gives this caller. Raises OptionRefusedError where the caller has none."""
    return {
        name: value if isinstance(value, str) else _of_caller(name, value, facts, f"{field}.{name}")
        for name, value in given.items()
    }


def verify_values(
    options: Mapping[str, str], rules: Mapping[str, ValueRule], facts: CallerFacts, field: str
) -> None:
    """Refuse values, in the form that is signed, that break a rule. Raises OptionRefusedError."""
    for name in rules.keys() & options.keys():
        rule, value, place = rules[name], options[name], f"{field}.{name}"
        match rule:
            case CallerValue():
                fits = value == _of_caller(name, rule, facts, place)
                wanted = f"your own {rule.field.value}"
            case OneOf(values):
                fits, wanted = _fits(rule, value), f"one of {', '.join(map(ascii, values[:8]))}"
            case Within(networks):
                fits, wanted = _fits(rule, value), f"inside {', '.join(networks[:8])}"
        if not fits:
            raise OptionRefusedError(
                f"The profile wants the value of {name} to be {wanted}.",
                field=place,
                rule="option-value-rule",
            )


def _fits(rule: OneOf | Within, value: str) -> bool:
    if isinstance(rule, OneOf):
        return value in rule.values
    outer = _networks(rule.networks)
    return all(any(_is_inside(inner, each) for each in outer) for inner in _networks(tuple(value.split(","))))


def _is_inside(inner: _Network, outer: _Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


@lru_cache(maxsize=1024)
def _networks(texts: Sequence[str]) -> tuple[_Network, ...]:
    return tuple(ip_network(text) for text in texts)


def _of_caller(name: str, value: CallerValue, facts: CallerFacts, place: str) -> str:
    found = facts.values(value.field, domain=value.domain)
    if len(found) != 1:
        raise OptionRefusedError(
            f"The profile takes the value of {name} from your {value.field.value}, and you have none.",
            field=place,
            rule="option-caller",
        )
    return option_value(name, found[0], place)


def _verify_canonical(name: str, value: str, field: str) -> None:
    try:
        canonical = option_value(name, value, field)
    except OptionRefusedError as error:
        raise _refused_rule(field, error.detail) from error
    if canonical != value:
        raise _refused_rule(field, f"Write this value as it is signed: {canonical}.")


def _refused_rule(field: str, detail: str) -> ProfileRefusedError:
    return ProfileRefusedError(detail, field=field, rule="profile-values")
