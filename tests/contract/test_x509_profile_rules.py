"""What a profile says is what its certificates are, on both engines, through the real gate."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.database.port import Database
from ca_service.kernel.errors import KeywrightError, NotFoundError
from ca_service.policy.names import Name, NameKind
from ca_service.x509.built_in_profiles import BUILT_IN_PROFILES, CLIENT_SETTINGS, SERVER_SETTINGS
from ca_service.x509.errors import CsrRefusedError, ProfileRefusedError
from ca_service.x509.operations import (
    CreateProfile,
    IssueCertificate,
    KeyRequest,
    ListProfiles,
    ListProfileVersions,
    ProfileChanges,
    ReadCertificate,
    ReadProfileVersion,
    UpdateProfile,
)
from ca_service.x509.profiles import (
    CommonNameRule,
    KeyUsage,
    MustStaple,
    ProfileSettings,
    Purpose,
    RevocationPointer,
    SubjectFields,
)
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import (
    MEMBER,
    CertificateGround,
    acme_account,
    dns_names,
    make_csr,
    parse,
)

STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(database, clock).start())


async def made(ground: CertificateGround, **fields: Any) -> x509.Certificate:
    """Return a certificate of a profile that is `server` but for these settings."""
    fields, asked = _apart(fields)
    settings = msgspec.structs.replace(SERVER_SETTINGS, **fields)
    await ground.perform(CreateProfile(project="default", name="own", settings=settings))
    return await issued(ground, **asked)


async def issued(ground: CertificateGround, *names: str, **asked: Any) -> x509.Certificate:
    answer = await ground.issue(*(names or ("a.example.com",)), profile="own", **asked)
    return parse(answer.certificate_pem)


def _apart(fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    own = {name: value for name, value in fields.items() if name in ProfileSettings.__struct_fields__}
    asked = {name: value for name, value in fields.items() if name not in own}
    if "common" in asked:
        asked["common_name"] = asked.pop("common")
    return own, asked


async def refusal(ground: CertificateGround, **fields: Any) -> tuple[str | None, str | None]:
    with pytest.raises(KeywrightError) as caught:
        await made(ground, **fields)
    return caught.value.field, caught.value.rule


def value(certificate: x509.Certificate, kind: Any) -> Any:
    return certificate.extensions.get_extension_for_class(kind).value


async def test_first_start_makes_every_built_in_profile(ground: CertificateGround) -> None:
    found = await ground.perform(ListProfiles(project="default"))
    assert {profile.name: profile.settings for profile in found} == BUILT_IN_PROFILES


async def test_a_second_start_changes_none_of_them(ground: CertificateGround) -> None:
    changes = ProfileChanges(default_ttl=timedelta(days=60))
    await ground.perform(UpdateProfile(project="default", name="email", changes=changes))
    await ground.start()
    found = await ground.perform(ListProfiles(project="default"))
    assert {profile.name: profile.version for profile in found} == {
        name: 2 if name == "email" else 1 for name in BUILT_IN_PROFILES
    }


async def test_no_leaf_comes_from_a_profile_of_authorities(ground: CertificateGround) -> None:
    with pytest.raises(ProfileRefusedError) as caught:
        await ground.issue("a.example.com", profile="intermediate")
    assert (caught.value.field, caught.value.rule) == ("profile", "profile-for-authorities")


async def test_the_fixed_subject_stands_in_front_of_the_common_name(ground: CertificateGround) -> None:
    fields = SubjectFields(country="DE", organization="Example & Söhne", organizational_unit="Web")
    certificate = await made(ground, subject=fields, common="a.example.com")
    assert [(a.oid, a.value) for a in certificate.subject] == [
        (NameOID.COUNTRY_NAME, "DE"),
        (NameOID.ORGANIZATION_NAME, "Example & Söhne"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Web"),
        (NameOID.COMMON_NAME, "a.example.com"),
    ]


async def test_with_a_fixed_subject_the_names_are_not_critical(ground: CertificateGround) -> None:
    certificate = await made(ground, subject=SubjectFields(organization="Example"))
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert (extension.critical, dns_names(certificate)) == (False, ["a.example.com"])


async def test_a_common_name_that_is_omitted_is_still_a_name(ground: CertificateGround) -> None:
    certificate = await made(ground, common_name=CommonNameRule.OMITTED, common="b.example.com")
    assert (list(certificate.subject), dns_names(certificate)) == ([], ["b.example.com", "a.example.com"])


async def test_a_common_name_that_is_required_must_be_given(ground: CertificateGround) -> None:
    refused = await refusal(ground, common_name=CommonNameRule.REQUIRED)
    assert refused == ("common_name", "profile-common-name")


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (KeyAlgorithm.RSA_2048, {"digital_signature", "key_encipherment"}),
        (KeyAlgorithm.EC_P256, {"digital_signature", "key_agreement"}),
        (KeyAlgorithm.ED25519, {"digital_signature"}),
    ],
)
async def test_of_the_key_usages_a_key_gets_what_it_can_do(
    ground: CertificateGround, algorithm: KeyAlgorithm, expected: set[str]
) -> None:
    usages = (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_ENCIPHERMENT, KeyUsage.KEY_AGREEMENT)
    settings = msgspec.structs.replace(SERVER_SETTINGS, key_usages=usages)
    await ground.perform(CreateProfile(project="default", name="own", settings=settings))
    request = KeyRequest(names=(Name(NameKind.DNS, "a.example.com"),), key_algorithm=algorithm)
    answer = await ground.perform(IssueCertificate(project="default", profile="own", request=request))
    usage = value(parse(answer.certificate_pem), x509.KeyUsage)
    flags = ("digital_signature", "key_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
    assert {flag for flag in flags if getattr(usage, flag)} == expected


async def test_further_purposes_and_policies_stand_in_the_certificate(ground: CertificateGround) -> None:
    certificate = await made(
        ground, further_purposes=("1.3.6.1.4.1.99999.1",), policies=("1.3.6.1.4.1.99999.2", "2.23.140.1.2.1")
    )
    purposes = [oid.dotted_string for oid in value(certificate, x509.ExtendedKeyUsage)]
    policies = [each.policy_identifier.dotted_string for each in value(certificate, x509.CertificatePolicies)]
    assert purposes == [ExtendedKeyUsageOID.SERVER_AUTH.dotted_string, "1.3.6.1.4.1.99999.1"]
    assert policies == ["1.3.6.1.4.1.99999.2", "2.23.140.1.2.1"]


async def test_the_purpose_of_a_time_stamping_authority_is_critical(ground: CertificateGround) -> None:
    certificate = await made(ground, purposes=(Purpose.TIME,))
    assert certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).critical


@pytest.mark.parametrize(
    ("rule", "asks", "is_stapled"),
    [
        (MustStaple.ALWAYS, False, True),
        (MustStaple.ASKED, True, True),
        (MustStaple.ASKED, False, False),
    ],
)
async def test_must_staple_is_for_those_that_the_profile_says(
    ground: CertificateGround, rule: MustStaple, asks: bool, is_stapled: bool
) -> None:
    csr = make_csr("a.example.com", extensions=((STAPLE, False),) if asks else ())
    certificate = await made(ground, must_staple=rule, csr=csr)
    found = [extension for extension in certificate.extensions if extension.oid == ExtensionOID.TLS_FEATURE]
    assert [list(each.value) for each in found] == ([list(STAPLE)] if is_stapled else [])


async def test_must_staple_is_refused_where_the_profile_has_none(ground: CertificateGround) -> None:
    csr = make_csr("a.example.com", extensions=((STAPLE, False),))
    assert await refusal(ground, csr=csr) == ("csr", "csr-must-staple")


@pytest.mark.parametrize("pointers", [(), (RevocationPointer.OCSP,)])
async def test_where_the_issuer_is_found_can_be_left_out(
    ground: CertificateGround, pointers: tuple[RevocationPointer, ...]
) -> None:
    certificate = await made(
        ground,
        names_issuer=False,
        revocation_pointers=pointers,
        default_ttl=timedelta(days=1),
        max_ttl=timedelta(days=1),
    )
    accesses = [
        access.access_method._name
        for extension in certificate.extensions
        if extension.oid == ExtensionOID.AUTHORITY_INFORMATION_ACCESS
        for access in extension.value
    ]
    assert accesses == (["OCSP"] if pointers else [])


async def test_a_short_lived_certificate_points_to_no_status(ground: CertificateGround) -> None:
    answer = await ground.issue("a.example.com", profile="short-lived")
    certificate = parse(answer.certificate_pem)
    oids = {extension.oid for extension in certificate.extensions}
    assert ExtensionOID.CRL_DISTRIBUTION_POINTS not in oids
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc < timedelta(days=2)


@pytest.mark.parametrize(
    ("fields", "names", "rule"),
    [
        ({"names_allowed": ("dns:**.example.com",)}, ("a.example.org",), "profile-name-allowed"),
        ({"names_denied": ("dns:admin.example.com",)}, ("*.example.com",), "profile-name-denied"),
        ({"names_required": ("dns:**.internal",)}, ("a.example.com",), "profile-name-required"),
    ],
)
async def test_names_beside_the_patterns_are_refused(
    ground: CertificateGround, fields: dict[str, Any], names: tuple[str, ...], rule: str
) -> None:
    assert await refusal(ground, csr=make_csr(*names), **fields) == ("csr", rule)


async def test_names_inside_the_patterns_are_issued(ground: CertificateGround) -> None:
    patterns = {
        "names_allowed": ("dns:**.example.com",),
        "names_denied": ("dns:admin.example.com",),
        "names_required": ("dns:*.example.com",),
    }
    assert dns_names(await made(ground, **patterns)) == ["a.example.com"]


COMPUTED = msgspec.structs.replace(
    CLIENT_SETTINGS, name_kinds=(NameKind.DNS,), names_computed=("uri:urn:keywright:identity:{identity.id}",)
)


async def test_a_computed_name_is_the_callers_own(ground: CertificateGround) -> None:
    await ground.perform(CreateProfile(project="default", name="own", settings=COMPUTED))
    answer = await ground.issue("a.example.com", profile="own", caller=MEMBER)
    alternatives = value(parse(answer.certificate_pem), x509.SubjectAlternativeName)
    assert alternatives.get_values_for_type(x509.UniformResourceIdentifier) == [
        "urn:keywright:identity:idn_member"
    ]


async def test_a_computed_name_alone_is_enough(ground: CertificateGround) -> None:
    settings = msgspec.structs.replace(COMPUTED, name_kinds=())
    await ground.perform(CreateProfile(project="default", name="own", settings=settings))
    answer = await ground.issue(csr=make_csr(), profile="own", caller=MEMBER)
    assert [name.value for name in answer.names] == ["urn:keywright:identity:idn_member"]


@pytest.mark.parametrize("profile", ["own", "client"])
async def test_a_name_of_an_identity_is_nobodys_to_ask_for(ground: CertificateGround, profile: str) -> None:
    settings = msgspec.structs.replace(COMPUTED, name_kinds=(NameKind.URI,))
    await ground.perform(CreateProfile(project="default", name="own", settings=settings))
    request = KeyRequest(names=(Name(NameKind.URI, "urn:keywright:identity:idn_root"),))
    with pytest.raises(ProfileRefusedError) as caught:
        await ground.perform(IssueCertificate(project="default", profile=profile, request=request), MEMBER)
    assert (caught.value.field, caught.value.rule) == ("uris[0]", "uri-reserved")


async def test_an_account_without_an_identity_gets_no_computed_name(ground: CertificateGround) -> None:
    await ground.perform(CreateProfile(project="default", name="own", settings=COMPUTED))
    with pytest.raises(ProfileRefusedError) as caught:
        await ground.issue("a.example.com", profile="own", caller=acme_account("acc_1"))
    assert caught.value.rule == "profile-computed-name"


async def test_a_certificate_remembers_the_version_it_was_born_under(ground: CertificateGround) -> None:
    answer = await ground.issue("a.example.com")
    changes = ProfileChanges(default_ttl=timedelta(days=3))
    await ground.perform(UpdateProfile(project="default", name="server", changes=changes))
    later = await ground.issue("a.example.com")
    versions = [
        (await ground.perform(ReadCertificate(project="default", certificate=each.id))).certificate
        for each in (answer, later)
    ]
    assert [certificate.profile_version for certificate in versions] == [1, 2]


async def test_every_version_of_a_profile_can_be_read(ground: CertificateGround) -> None:
    changes = ProfileChanges(default_ttl=timedelta(days=3))
    await ground.perform(UpdateProfile(project="default", name="server", changes=changes))
    page = await ground.perform(ListProfileVersions(project="default", name="server", limit=1))
    rest = await ground.perform(ListProfileVersions(project="default", name="server", after=page.next_key))
    first = await ground.perform(ReadProfileVersion(project="default", name="server", version=1))
    ttls = [each.profile.settings.default_ttl.days for each in (*page.items, *rest.items)]
    assert (ttls, rest.next_key, first) == ([3, 47], None, rest.items[0])


@pytest.mark.parametrize("version", [0, -1, 2, 10**15])
async def test_a_version_that_never_was_is_not_found(ground: CertificateGround, version: int) -> None:
    with pytest.raises(NotFoundError):
        await ground.perform(ReadProfileVersion(project="default", name="server", version=version))


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 1024),
    ],
    ids=["another-curve", "not-allowed", "too-short"],
)
async def test_keys_beside_the_profile_are_refused(ground: CertificateGround, key: Any) -> None:
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    csr = make_csr("a.example.com", key=key, algorithm=algorithm)
    with pytest.raises((CsrRefusedError, ProfileRefusedError)) as caught:
        await made(ground, key_algorithms=(KeyAlgorithm.EC_P256,), csr=csr)
    assert caught.value.field == "csr"
