"""Whatever a CSR asks for, the certificate stays inside its profile and inside the policy."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca_service.kernel.errors import KeywrightError, Kind
from ca_service.policy.names import Name, NameKind
from ca_service.policy.sets import BuiltInPolicy
from ca_service.x509.built_in_profiles import BUILT_IN_PROFILES, SERVER_SETTINGS
from ca_service.x509.operations import CreateProfile
from ca_service.x509.profiles import (
    CommonNameRule,
    KeyUsage,
    MustStaple,
    ProfileSettings,
    Purpose,
    RevocationPointer,
    SubjectFields,
)
from tests.support import hand_csr as hand
from tests.support.databases import SqliteTemplate, open_sqlite
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import MEMBER, CertificateGround, parse

#: A profile with every rule that is not a default's.
NARROW = msgspec.structs.replace(
    SERVER_SETTINGS,
    names_allowed=("dns:**.example", "ip:10.0.0.0/8"),
    names_denied=("dns:admin.example",),
    names_required=("dns:**.example",),
    names_computed=("uri:urn:keywright:identity:{identity.id}",),
    common_name=CommonNameRule.OMITTED,
    subject=SubjectFields(country="DE", organization="Example"),
    key_usages=(KeyUsage.DIGITAL_SIGNATURE,),
    further_purposes=("1.3.6.1.4.1.99999.1",),
    policies=("1.3.6.1.4.1.99999.2",),
    must_staple=MustStaple.ASKED,
    revocation_pointers=(RevocationPointer.OCSP,),
    default_ttl=timedelta(days=3),
    max_ttl=timedelta(days=30),
)
PROFILES = {**BUILT_IN_PROFILES, "narrow": NARROW}
#: What the policy forbids, whatever a profile allows.
FORBIDDEN = BuiltInPolicy(
    "test:forbidden",
    'forbid(principal, action == Action::"x509:issue", resource) '
    'when { context has name && context.name.value == "forbidden.example" };',
)
PURPOSES = {
    Purpose.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
    Purpose.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH,
    Purpose.CODE: ExtendedKeyUsageOID.CODE_SIGNING,
    Purpose.EMAIL: ExtendedKeyUsageOID.EMAIL_PROTECTION,
}

_HOSTS = [
    "a.example",
    "*.example",
    "admin.example",
    "forbidden.example",
    "b.a.example",
    "A.EXAMPLE",
    "a.test",
]
_OTHERS = ["10.0.0.1", "xn--bcher-kva.example", "a.example\x00b", "::1", "Anna"]
#: What most profiles allow, so that many requests are granted.
_GOOD = st.sampled_from(["a.example", "b.a.example", "A.EXAMPLE"])
_TEXT = st.sampled_from(_HOSTS) | st.sampled_from(_OTHERS) | st.text(max_size=40)
_ATTRIBUTE = st.builds(
    lambda tag, text, kind: hand.attribute(tag, text.encode("utf-8", "replace"), kind),
    st.sampled_from([0x0C, 0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E]),
    _TEXT,
    st.sampled_from([hand.COMMON_NAME, "55040a", "550406", "2a864886f70d010901"]),
)
_SUBJECT: st.SearchStrategy[list[bytes]] = st.one_of(
    st.just([]),
    _GOOD.map(lambda host: [hand.attribute(0x0C, host.encode())]),
    st.lists(_ATTRIBUTE, max_size=2),
)
_GOOD_NAME = _GOOD.map(lambda host: hand.dns(host.encode()))
_GENERAL_NAME = st.one_of(
    _GOOD_NAME,
    st.sampled_from(_HOSTS).map(lambda host: hand.dns(host.encode())),
    st.sampled_from(["a@example.com", "b@a.example"]).map(lambda box: hand.der(0x81, box.encode())),
    st.sampled_from(["spiffe://example.org/a", "urn:keywright:identity:idn_root", "URN:Keywright:x:y"]).map(
        lambda uri: hand.der(0x86, uri.encode())
    ),
    st.sampled_from(["0a000001", "c0000201", "00" * 15 + "01"]).map(
        lambda address: hand.der(0x87, bytes.fromhex(address))
    ),
    st.builds(
        hand.der,
        st.sampled_from([0x82, 0x81, 0x86, 0x87, 0x88, 0xA0, 0xA4]),
        _TEXT.map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=20),
    ),
)
_NAMES = st.lists(_GOOD_NAME | _GENERAL_NAME, min_size=1, max_size=3).map(
    lambda names: hand.alternative_names(*names)
)
_SOUND = [
    hand.alternative_names(hand.dns(b"a.example")),
    hand.alternative_names(hand.dns(b"a.example"), hand.dns(b"a.test")),
    hand.alternative_names(hand.dns(b"a.example"), hand.der(0x87, b"\x0a\x00\x00\x01")),
    hand.alternative_names(hand.dns(b"a.example"), hand.der(0x87, b"\xc0\x00\x02\x01")),
    hand.alternative_names(hand.dns(b"a.example"), hand.dns(b"admin.example")),
    hand.alternative_names(hand.dns(b"a.example"), hand.dns(b"forbidden.example")),
    hand.alternative_names(hand.der(0x81, b"anna@example.com")),
]
_OTHER_EXTENSION = st.sampled_from(
    [
        hand.extension(hand.BASIC_CONSTRAINTS, hand.der(0x30, hand.der(0x01, b"\xff"))),
        hand.extension(hand.BASIC_CONSTRAINTS, hand.der(0x30)),
        hand.extension(hand.KEY_USAGE, hand.der(0x03, b"\x01\x06")),
        hand.extension(hand.EXTENDED_KEY_USAGE, hand.der(0x30, hand.oid("2b06010505070303"))),
        hand.extension(hand.EXTENDED_KEY_USAGE, hand.der(0x30, hand.oid("551d2500"))),
        hand.extension(hand.NAME_CONSTRAINTS, hand.der(0x30)),
        hand.extension(hand.POISON, hand.der(0x05)),
        hand.extension(hand.TLS_FEATURE, hand.der(0x30, hand.der(0x02, b"\x05"))),
        hand.extension("2b06010401823702", b"\x30\x00"),
    ]
)


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[asyncio.Runner, CertificateGround]]:
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        clock = FakeClock()
        template = SqliteTemplate(Path(folder))
        database = runner.run(open_sqlite(template.copy_to(Path(folder)), clock))
        ground = runner.run(CertificateGround(database, clock, (FORBIDDEN,)).start())
        runner.run(ground.perform(CreateProfile(project="default", name="narrow", settings=NARROW)))
        yield runner, ground
        runner.run(database.close())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    subject=_SUBJECT,
    extensions=st.sampled_from(_SOUND).map(lambda names: (names,))
    | st.tuples(_NAMES)
    | st.lists(_NAMES | _OTHER_EXTENSION, max_size=3).map(tuple),
    profile=st.sampled_from(["narrow", "narrow", *PROFILES]),
    ttl=st.sampled_from([None, None, timedelta(hours=1), timedelta(days=29), timedelta(days=201)])
    | st.integers(-10, 300 * 86400).map(lambda seconds: timedelta(seconds=seconds)),
)
def test_the_certificate_stays_inside_profile_and_policy(
    stage: tuple[asyncio.Runner, CertificateGround],
    subject: list[bytes],
    extensions: tuple[bytes, ...],
    profile: str,
    ttl: timedelta | None,
) -> None:
    runner, ground = stage
    csr = hand.hand_csr(subject=tuple(subject), extensions=extensions)
    issued, refusal = None, None
    try:
        issued = runner.run(ground.issue(csr=csr, profile=profile, ttl=ttl, caller=MEMBER))
    except KeywrightError as error:
        refusal = error
    if issued is None:
        assert refusal is not None
        assert refusal.kind in {Kind.MALFORMED, Kind.UNACCEPTABLE, Kind.FORBIDDEN}
        assert refusal.kind is Kind.FORBIDDEN or refusal.rule is not None
        return
    certificate = parse(issued.certificate_pem)
    assert not PROFILES[profile].for_authorities
    stands_inside(certificate, PROFILES[profile])
    names_stand_inside(issued.names, PROFILES[profile], is_narrow=profile == "narrow")
    assert issued.not_after <= ground.clock.now() + PROFILES[profile].max_ttl


def stands_inside(certificate: x509.Certificate, profile: ProfileSettings) -> None:
    """Compare a certificate with what its profile says of everything but the names."""
    found: dict[Any, Any] = {extension.oid: extension.value for extension in certificate.extensions}
    assert found[x509.BasicConstraints.oid].ca is False
    further = [x509.ObjectIdentifier(number) for number in profile.further_purposes]
    purposes = [PURPOSES[purpose] for purpose in profile.purposes]
    assert list(found[x509.ExtendedKeyUsage.oid]) == [*purposes, *further]
    usage = found[x509.KeyUsage.oid]
    assert usage.digital_signature
    assert not usage.key_cert_sign
    assert not usage.crl_sign
    points_to = {
        RevocationPointer.CRL: x509.CRLDistributionPoints.oid in found,
        RevocationPointer.OCSP: "ocsp" in str(found.get(x509.AuthorityInformationAccess.oid)),
    }
    assert {pointer for pointer, stands in points_to.items() if stands} == {*profile.revocation_pointers}
    policies = [each.policy_identifier.dotted_string for each in found.get(x509.CertificatePolicies.oid, ())]
    assert policies == list(profile.policies)
    assert x509.TLSFeature.oid not in found or profile.must_staple is MustStaple.ASKED
    fixed = {"DE", "Example"} if profile.subject.country else set()
    assert {value.value for value in certificate.subject if value.oid != NameOID.COMMON_NAME} == fixed
    has_common_name = bool(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME))
    assert not (has_common_name and profile.common_name is CommonNameRule.OMITTED)


def names_stand_inside(names: tuple[Name, ...], profile: ProfileSettings, *, is_narrow: bool) -> None:
    """Compare names with what was allowed, by other means than those of the authority."""
    computed = {"urn:keywright:identity:idn_member"} if is_narrow else set[str]()
    assert {name.value for name in names if name.value.lower().startswith("urn:keywright:")} == computed
    asked = [name for name in names if name.value not in computed]
    assert {name.kind for name in asked} <= {*profile.name_kinds}
    assert profile.allows_wildcards or not any(name.is_wildcard for name in asked)
    # A member has no permit for wildcards, and one that covers what is forbidden would be refused to anybody.
    assert not {"forbidden.example", "*.example"} & {name.value for name in names}
    if is_narrow:
        assert any(name.kind is NameKind.DNS for name in asked)
        assert all(_IS_ALLOWED[name.kind](name.value) for name in asked)
        assert "admin.example" not in {name.value for name in asked}


_IS_ALLOWED: dict[NameKind, Callable[[str], bool]] = {
    NameKind.DNS: lambda host: host.endswith(".example"),
    NameKind.IP: lambda address: ip_address(address) in ip_network("10.0.0.0/8"),
}
