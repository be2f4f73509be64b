"""The form of key ids that a profile gives."""

import pytest

from ssh_ca.errors import KeyIdRefusedError, ProfileRefusedError
from ssh_ca.key_ids import key_id_of, verify_form
from tests.support.ssh_ground import person_facts


@pytest.mark.parametrize(
    ("form", "key_id"),
    [
        ("", "idn_person"),
        ("{caller.name}", "alice@example.com"),
        ("{caller.kind}/{caller.id} by {profile} for {principal}", "Identity/idn_person by user for ops"),
        ("{project}:{caller.id}", "prj_1:idn_person"),
    ],
)
def test_fields_stand_for_what_they_say(form: str, key_id: str) -> None:
    verify_form(form)
    assert key_id_of(form, person_facts("alice@example.com"), "user", "ops") == key_id


def test_a_name_with_braces_is_not_read_again() -> None:
    assert key_id_of("{caller.name}", person_facts("{caller.id}"), "user", "ops") == "{caller.id}"


@pytest.mark.parametrize(
    "form", ["alice", "{caller}", "{caller.id", "}{caller.id}", "{{caller.id}}", "{caller.id}\n"]
)
def test_any_other_form_is_refused(form: str) -> None:
    with pytest.raises(ProfileRefusedError) as caught:
        verify_form(form)
    assert caught.value.field == "key_id"


@pytest.mark.parametrize("name", ["näme", "two\nlines", "x" * 257])
def test_a_name_that_sshd_cannot_log_is_refused(name: str) -> None:
    with pytest.raises(KeyIdRefusedError):
        key_id_of("{caller.name}", person_facts(name), "user", "ops")
