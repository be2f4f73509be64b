"""Rules on the values of options, and the values a profile gives by itself."""

import pytest

from ssh_ca.caller_facts import CallerField
from ssh_ca.errors import OptionRefusedError, ProfileRefusedError
from ssh_ca.value_rules import (
    CallerValue,
    GivenValue,
    OneOf,
    ValueRule,
    Within,
    values_given,
    verify_given,
    verify_value_rules,
    verify_values,
)
from tests.support.ssh_ground import person_facts

SOURCE, FORCE, GITHUB = "source-address", "force-command", "login@github.com"
NAMES = frozenset({SOURCE, FORCE, GITHUB})


def fits(rule: ValueRule, name: str, value: str) -> bool:
    facts = person_facts("octocat", address="192.0.2.7")
    try:
        verify_values({name: value}, {name: rule}, facts, "critical_options")
    except OptionRefusedError as error:
        if (error.field, error.rule) != (f"critical_options.{name}", "option-value-rule"):
            raise
        return False
    return True


@pytest.mark.parametrize(
    ("name", "rule", "good", "bad"),
    [
        (SOURCE, Within(("10.0.0.0/8",)), "10.1.0.0/16,10.2.3.4/32", "10.1.0.0/16,0.0.0.0/0"),
        (SOURCE, Within(("10.0.0.0/8", "2001:db8::/32")), "2001:db8:1::/48", "2001:db9::/32"),
        (SOURCE, CallerValue(CallerField.ADDRESS), "192.0.2.7/32", "192.0.2.8/32"),
        (FORCE, OneOf(("/bin/backup", "/bin/restore")), "/bin/backup", "/bin/backup x"),
        (GITHUB, CallerValue(CallerField.NAME), "octocat", "hubot"),
    ],
)
def test_a_rule_takes_what_it_says_and_no_more(name: str, rule: ValueRule, good: str, bad: str) -> None:
    assert (fits(rule, name, good), fits(rule, name, bad)) == (True, False)


def test_an_option_that_is_not_asked_for_breaks_no_rule() -> None:
    verify_values({}, {FORCE: OneOf(("x",))}, person_facts(), "critical_options")


def test_given_values_are_the_callers_own_in_the_form_that_is_signed() -> None:
    given: dict[str, GivenValue] = {SOURCE: CallerValue(CallerField.ADDRESS), GITHUB: "octocat"}
    found = values_given(given, person_facts(address="2001:db8::7"), "critical_options")
    assert found == {SOURCE: "2001:db8::7/128", GITHUB: "octocat"}


@pytest.mark.parametrize("address", ["", "unix"])
def test_a_caller_without_an_address_gets_no_certificate_that_is_bound_to_one(address: str) -> None:
    with pytest.raises(OptionRefusedError) as caught:
        values_given(
            {SOURCE: CallerValue(CallerField.ADDRESS)}, person_facts(address=address), "critical_options"
        )
    assert caught.value.field == f"critical_options.{SOURCE}"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("permit-pty", OneOf(("x",))),
        (SOURCE, Within(())),
        (SOURCE, Within(("10.0.0.1/8",))),
        (FORCE, Within(("10.0.0.0/8",))),
        (FORCE, OneOf(())),
        (SOURCE, OneOf(("10.0.0.1",))),
        (FORCE, OneOf(("two\nlines",))),
        (GITHUB, CallerValue(CallerField.ROLES)),
        (GITHUB, CallerValue(CallerField.LOCAL_PART)),
    ],
)
def test_a_rule_that_says_nothing_sensible_is_refused(name: str, rule: ValueRule) -> None:
    with pytest.raises(ProfileRefusedError) as caught:
        verify_value_rules({name: rule}, NAMES)
    assert caught.value.field == f"value_rules.{name}"


def test_a_given_value_that_breaks_the_profiles_own_rule_is_refused() -> None:
    with pytest.raises(ProfileRefusedError):
        verify_given({FORCE: "/bin/sh"}, {FORCE: OneOf(("/bin/backup",))}, "default_critical_options")
