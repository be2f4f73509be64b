"""The form of key ids that a profile gives: text with typed fields in braces."""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

from ssh_ca.caller_facts import CallerFacts
from ssh_ca.errors import KeyIdRefusedError, ProfileRefusedError
from ssh_ca.principals import parse_key_id

_LONGEST = 200
_PART = re.compile(r"\{([^{}]*)\}|([^{}]+)")


class KeyIdField(StrEnum):
    """What may stand in braces."""

    CALLER_ID = "caller.id"
    CALLER_NAME = "caller.name"
    CALLER_KIND = "caller.kind"
    PROFILE = "profile"
    PROJECT = "project"
    FIRST_PRINCIPAL = "principal"


def verify_form(form: str) -> None:
    """Refuse a form with an unknown field or without any. Raises ProfileRefusedError."""
    if not form:
        return
    if len(form) > _LONGEST or not form.isascii() or not form.isprintable():
        raise _refused(f"A form has at most {_LONGEST} printable ASCII characters.")
    if "".join(match[0] for match in _PART.finditer(form)) != form:
        raise _refused("Braces come in pairs: {caller.id}.")
    known = {field.value for field in KeyIdField}
    named = [match[1] for match in _PART.finditer(form) if match[2] is None]
    if not set(named) <= known or not named:
        raise _refused(
            f"Fields are {', '.join('{' + field + '}' for field in sorted(known))}; use one at least."
        )


def key_id_of(form: str, facts: CallerFacts, profile: str, first_principal: str) -> str:
    """Return the key id of a form, or the caller's id for an empty form. Raises KeyIdRefusedError."""
    caller = facts.caller
    if not form:
        return parse_key_id(caller.id)
    values: Mapping[KeyIdField, str] = {
        KeyIdField.CALLER_ID: caller.id,
        KeyIdField.CALLER_NAME: caller.name,
        KeyIdField.CALLER_KIND: caller.kind.value,
        KeyIdField.PROFILE: profile,
        KeyIdField.PROJECT: facts.tenant.project,
        KeyIdField.FIRST_PRINCIPAL: first_principal,
    }
    return parse_key_id(
        "".join(values[part] if isinstance(part, KeyIdField) else part for part in _parts(form))
    )


def verify_asked_key_id(*, is_allowed: bool, profile: str) -> None:
    """Refuse a key id of the caller's own choice where the profile gives it. Raises KeyIdRefusedError."""
    if not is_allowed:
        raise KeyIdRefusedError(
            f"The profile {profile} gives key ids itself; leave key_id out.",
            field="key_id",
            rule="profile-key-id",
        )


@lru_cache(maxsize=1024)
def _parts(form: str) -> tuple[str, ...]:
    """Return texts, and fields as members."""
    return tuple(KeyIdField(match[1]) if match[2] is None else match[2] for match in _PART.finditer(form))


def _refused(detail: str) -> ProfileRefusedError:
    return ProfileRefusedError(detail, field="key_id", rule="profile-key-id")
