"""Which settings of a profile make sense, whatever authorities there are. All errors name field and rule."""

import re
from collections.abc import Sequence
from datetime import timedelta

from ca_service.policy.names import NameKind
from ca_service.x509.authorities import ISSUING_LIFETIME
from ca_service.x509.computed_names import MOST_COMPUTED, parse_computed_name
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.name_rules import MOST_PATTERNS, parse_name_pattern
from ca_service.x509.profiles import (
    CommonNameRule,
    MustStaple,
    ProfileSettings,
    Purpose,
    RevocationPointer,
    SubjectFields,
)
from ca_service.x509.usages import possible_usages

#: Without pointers nobody learns of a revocation, so that the end of life has to do instead (BR 4.9.10).
LONGEST_WITHOUT_POINTERS = timedelta(days=10)

_OID = re.compile(r"(0|1)\.([0-9]|[1-3][0-9])(\.(0|[1-9][0-9]{0,18})){1,30}|2(\.(0|[1-9][0-9]{0,18})){2,30}")
#: What stands in certificates of authorities and responders only, and what would stand for everything.
_WITHHELD = {
    "2.5.29.37.0": "anyExtendedKeyUsage stands for every purpose there is",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning is for our own responders",
    "2.5.29.32.0": "anyPolicy stands for every policy there is",
}
_MOST_OIDS = 20
#: What a profile of authorities says.
_OF_AUTHORITIES = frozenset({"authority", "authorities", "key_algorithms", "default_ttl", "max_ttl"})
_COUNTRY = re.compile(r"[A-Z]{2}")
#: Upper bounds of RFC 5280 appendix A.1.
_LONGEST = {"state": 128, "locality": 128, "organization": 64, "organizational_unit": 64}


def verify_rules(settings: ProfileSettings) -> None:
    """Refuse settings from which nothing sensible could be issued. Raises ProfileRefusedError."""
    if settings.for_authorities:
        _verify_for_authorities(settings)
    _verify_lists(settings)
    _verify_key_usages(settings)
    _verify_lifetimes(settings)
    _verify_names(settings)
    _verify_subject(settings.subject)
    _verify_numbers("further_purposes", settings.further_purposes, "purpose")
    _verify_numbers("policies", settings.policies, "policy")
    if settings.must_staple is not MustStaple.NEVER:
        if RevocationPointer.OCSP not in settings.revocation_pointers:
            detail = "Nobody can staple an answer of an unnamed responder; add ocsp to revocation_pointers."
            raise ProfileRefusedError(detail, field="must_staple", rule="profile-must-staple")
        if Purpose.SERVER not in settings.purposes:
            detail = "Only servers staple; a profile with must_staple has the purpose serverAuth."
            raise ProfileRefusedError(detail, field="must_staple", rule="profile-must-staple")


def _verify_for_authorities(settings: ProfileSettings) -> None:
    """Refuse what would mean nothing: an authority's purposes and names come from its own operation."""
    plain = ProfileSettings(authority="", purposes=(), name_kinds=(), for_authorities=True)
    for field in ProfileSettings.__struct_fields__:
        if field not in _OF_AUTHORITIES and getattr(settings, field) != getattr(plain, field):
            detail = (
                f"A profile of authorities has no {field}; it chooses authority, authorities, "
                "key_algorithms, default_ttl and max_ttl."
            )
            raise ProfileRefusedError(detail, field=field, rule="profile-for-authorities")


def _verify_lists(settings: ProfileSettings) -> None:
    needed: dict[str, tuple[str, ...]] = {"key_algorithms": settings.key_algorithms}
    if not settings.for_authorities:
        needed |= {"purposes": (*settings.purposes, *settings.further_purposes)}
        needed |= {"name_kinds": (*settings.name_kinds, *settings.names_computed)}
    for field, values in needed.items():
        if not values:
            detail = f"A profile has at least one of {field}."
            raise ProfileRefusedError(detail, field=field, rule="profile-empty")
    for field in ("purposes", "name_kinds", "key_algorithms", "revocation_pointers", "key_usages"):
        values = getattr(settings, field)
        if len(set(values)) != len(values):
            rule = "profile-revocation-pointers" if field == "revocation_pointers" else "profile-empty"
            raise ProfileRefusedError(f"A profile names each of {field} once.", field=field, rule=rule)
    if NameKind.PRINCIPAL in settings.name_kinds:
        detail = "Principals stand in SSH certificates only; use dns, ip, email or uri."
        raise ProfileRefusedError(detail, field="name_kinds", rule="profile-name-kind")
    if Purpose.TIME in settings.purposes and (len(settings.purposes) > 1 or settings.further_purposes):
        detail = "A time stamping authority has this one purpose and no other (RFC 3161 section 2.3)."
        raise ProfileRefusedError(detail, field="purposes", rule="purpose")


def _verify_key_usages(settings: ProfileSettings) -> None:
    """Refuse usages of which a key that the profile certifies could do none."""
    for algorithm in settings.key_algorithms:
        if settings.key_usages and not possible_usages(algorithm) & {*settings.key_usages}:
            detail = f"A key of {algorithm.value} can do none of the key_usages; add digitalSignature."
            raise ProfileRefusedError(detail, field="key_usages", rule="profile-key-usage")


def _verify_lifetimes(settings: ProfileSettings) -> None:
    if settings.max_ttl > ISSUING_LIFETIME:
        detail = f"No authority lives longer than {ISSUING_LIFETIME.days} days; choose a lower max_ttl."
        raise ProfileRefusedError(detail, field="max_ttl", rule="authority-max-ttl")
    if settings.default_ttl > settings.max_ttl:
        detail = "The default_ttl is above the max_ttl; choose a lower one."
        raise ProfileRefusedError(detail, field="default_ttl", rule="profile-max-ttl")
    if not settings.revocation_pointers and settings.max_ttl > LONGEST_WITHOUT_POINTERS:
        detail = (
            f"Without revocation_pointers certificates live at most {LONGEST_WITHOUT_POINTERS.days} days, "
            "since nobody learns that one is revoked; lower max_ttl or add a pointer."
        )
        raise ProfileRefusedError(detail, field="revocation_pointers", rule="profile-revocation-pointers")


def _verify_names(settings: ProfileSettings) -> None:
    for field in ("names_allowed", "names_denied", "names_required"):
        patterns: Sequence[str] = getattr(settings, field)
        _verify_count(field, patterns, MOST_PATTERNS)
        for place, text in enumerate(patterns):
            parse_name_pattern(text, field=f"{field}[{place}]")
    _verify_count("names_computed", settings.names_computed, MOST_COMPUTED)
    for place, text in enumerate(settings.names_computed):
        parse_computed_name(text, field=f"names_computed[{place}]")
    if settings.common_name is CommonNameRule.OMITTED and settings.allows_other_common_name:
        detail = (
            "A common name that is none of the names has to stand in the subject; choose another common_name."
        )
        raise ProfileRefusedError(detail, field="common_name", rule="profile-common-name")


def _verify_subject(subject: SubjectFields) -> None:
    if subject.country is not None and _COUNTRY.fullmatch(subject.country) is None:
        detail = "A country is the two letters of ISO 3166, such as DE."
        raise ProfileRefusedError(detail, field="subject.country", rule="subject-country")
    for name, longest in _LONGEST.items():
        value = getattr(subject, name)
        if value is not None and not (
            0 < len(value) <= longest and value.isprintable() and value == value.strip()
        ):
            detail = f"It is 1 to {longest} printable characters, without spaces at the ends."
            raise ProfileRefusedError(detail, field=f"subject.{name}", rule="subject-text")


def _verify_numbers(field: str, numbers: tuple[str, ...], rule: str) -> None:
    _verify_count(field, numbers, _MOST_OIDS)
    for place, number in enumerate(numbers):
        if number in _WITHHELD:
            detail = f"{_WITHHELD[number]}; no profile issues it."
            raise ProfileRefusedError(detail, field=f"{field}[{place}]", rule=rule)
        if _OID.fullmatch(number) is None or number in numbers[:place]:
            detail = (
                "It is an object identifier in dotted numbers (1.3.6.1.4.1.99999.1), and stands there once."
            )
            raise ProfileRefusedError(detail, field=f"{field}[{place}]", rule=rule)


def _verify_count(field: str, values: Sequence[str], most: int) -> None:
    if len(values) > most:
        raise ProfileRefusedError(
            f"A profile has at most {most} of {field}.", field=field, rule="profile-size"
        )
