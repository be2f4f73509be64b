"""Settings from which nothing sensible could be issued are refused, by field and rule."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.policy.names import NameKind
from ca_service.x509.built_in_profiles import (
    BUILT_IN_PROFILES,
    CLIENT_SETTINGS,
    INTERMEDIATE_SETTINGS,
    SERVER_SETTINGS,
)
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.profile_rules import verify_rules
from ca_service.x509.profiles import (
    CommonNameRule,
    KeyUsage,
    MustStaple,
    ProfileSettings,
    Purpose,
    RevocationPointer,
    SubjectFields,
)


@pytest.mark.parametrize("settings", BUILT_IN_PROFILES.values(), ids=BUILT_IN_PROFILES)
def test_the_built_in_profiles_make_sense(settings: ProfileSettings) -> None:
    verify_rules(settings)


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"purposes": ()}, "purposes", "profile-empty"),
        ({"name_kinds": ()}, "name_kinds", "profile-empty"),
        ({"key_algorithms": ()}, "key_algorithms", "profile-empty"),
        ({"purposes": (Purpose.SERVER, Purpose.SERVER)}, "purposes", "profile-empty"),
        ({"name_kinds": (NameKind.PRINCIPAL,)}, "name_kinds", "profile-name-kind"),
        ({"purposes": (Purpose.TIME, Purpose.SERVER)}, "purposes", "purpose"),
        ({"max_ttl": timedelta(days=2000)}, "max_ttl", "authority-max-ttl"),
        ({"default_ttl": timedelta(days=201)}, "default_ttl", "profile-max-ttl"),
        ({"revocation_pointers": ()}, "revocation_pointers", "profile-revocation-pointers"),
        ({"names_allowed": ("example.com",)}, "names_allowed[0]", "name-pattern"),
        ({"names_denied": ("dns:a.example", "dns:*")}, "names_denied[1]", "name-pattern"),
        ({"names_required": ("dns:a.example",) * 101}, "names_required", "profile-size"),
        ({"names_computed": ("dns:fixed.example",)}, "names_computed[0]", "computed-name"),
        ({"further_purposes": ("2.5.29.37.0",)}, "further_purposes[0]", "purpose"),
        ({"further_purposes": ("1.3.6.1.5.5.7.3.9",)}, "further_purposes[0]", "purpose"),
        ({"further_purposes": ("1.2.3", "x")}, "further_purposes[1]", "purpose"),
        ({"further_purposes": ("1.40.3",)}, "further_purposes[0]", "purpose"),
        ({"policies": ("2.5.29.32.0",)}, "policies[0]", "policy"),
        ({"policies": ("1.2.3", "1.2.3")}, "policies[1]", "policy"),
        ({"subject": SubjectFields(country="Germany")}, "subject.country", "subject-country"),
        ({"subject": SubjectFields(organization="x" * 65)}, "subject.organization", "subject-text"),
        ({"subject": SubjectFields(locality="a\x00b")}, "subject.locality", "subject-text"),
        ({"subject": SubjectFields(state=" Berlin")}, "subject.state", "subject-text"),
        (
            {"must_staple": MustStaple.ALWAYS, "revocation_pointers": (RevocationPointer.CRL,)},
            "must_staple",
            "profile-must-staple",
        ),
        (
            {"must_staple": MustStaple.ASKED, "purposes": (Purpose.CLIENT,)},
            "must_staple",
            "profile-must-staple",
        ),
        (
            {"key_usages": (KeyUsage.KEY_ENCIPHERMENT,), "key_algorithms": (KeyAlgorithm.EC_P256,)},
            "key_usages",
            "profile-key-usage",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], field: str, rule: str) -> None:
    with pytest.raises(ProfileRefusedError) as caught:
        verify_rules(msgspec.structs.replace(SERVER_SETTINGS, **changes))
    assert (caught.value.field, caught.value.rule) == (field, rule)


def test_a_common_name_of_another_kind_cannot_be_omitted() -> None:
    with pytest.raises(ProfileRefusedError) as caught:
        verify_rules(msgspec.structs.replace(CLIENT_SETTINGS, common_name=CommonNameRule.OMITTED))
    assert (caught.value.field, caught.value.rule) == ("common_name", "profile-common-name")


def test_computed_names_alone_are_kinds_enough() -> None:
    computed = ("uri:urn:keywright:identity:{identity.id}",)
    verify_rules(msgspec.structs.replace(CLIENT_SETTINGS, name_kinds=(), names_computed=computed))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"purposes": (Purpose.SERVER,)}, "purposes"),
        ({"policies": ("1.2.3",)}, "policies"),
        ({"names_allowed": ("dns:a.example",)}, "names_allowed"),
        ({"keeps_keys": True}, "keeps_keys"),
    ],
)
def test_a_profile_of_authorities_says_nothing_that_would_not_count(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(ProfileRefusedError) as caught:
        verify_rules(msgspec.structs.replace(INTERMEDIATE_SETTINGS, **changes))
    assert (caught.value.field, caught.value.rule) == (field, "profile-for-authorities")
