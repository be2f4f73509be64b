"""The profile of an order limits the identifiers it may have (draft-ietf-acme-profiles)."""

from msgspec.structs import replace

from acme.identifiers import Identifier
from acme.profile_limits import faults_of
from ca_service.policy.names import NameKind
from ca_service.x509.built_in_profiles import SERVER_SETTINGS
from ca_service.x509.profiles import Profile, ProfileSettings, ProfileStatus
from tests.support.fakes.gate import TENANT

ALL = (Identifier("dns", "*.a.example"), Identifier("dns", "a.example"), Identifier("ip", "192.0.2.1"))


def refused(settings: ProfileSettings) -> list[str]:
    profile = Profile(
        id="pro_1", tenant=TENANT, name="p", status=ProfileStatus.ACTIVE, settings=settings, version=1
    )
    return [fault.value for fault in faults_of(profile, ALL)]


def test_the_profile_of_first_start_takes_names_wildcards_and_addresses() -> None:
    assert refused(SERVER_SETTINGS) == []


def test_a_profile_limits_identifier_types() -> None:
    assert refused(replace(SERVER_SETTINGS, name_kinds=(NameKind.DNS,))) == ["192.0.2.1"]


def test_a_profile_limits_wildcards() -> None:
    assert refused(replace(SERVER_SETTINGS, allows_wildcards=False)) == ["*.a.example"]
