"""Authorities below a parent elsewhere, and those elsewhere that we sign, on both engines."""

import asyncio
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.database.port import Database
from ca_service.kernel.errors import NotFoundError, UnacceptableError
from ca_service.policy.names import NameKind
from ca_service.x509.authorities import AuthorityStatus
from ca_service.x509.operations import (
    AuthorityLimits,
    CreateAuthority,
    CreateProfile,
    ImportAuthorityCertificate,
    IssuedCertificate,
    ReadCertificate,
    RenewAuthority,
    RequestAuthorityCertificate,
    RevokeCertificate,
    SignAuthority,
)
from ca_service.x509.profiles import ProfileSettings, Purpose
from tests.support.authority_life import HOME, Life, certificate_of
from tests.support.external_ca import ExternalCa, der, named
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import CertificateGround, make_csr, parse

_NARROW = ProfileSettings(authority="outer", purposes=(Purpose.SERVER,), name_kinds=(NameKind.DNS,))
_NAMED = make_csr(common_name="x")


@pytest.fixture
def life(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Life:
    return Life(runner.run(CertificateGround(database, clock).start()))


@pytest.fixture
def elsewhere(clock: FakeClock) -> ExternalCa:
    return ExternalCa("Issuing elsewhere", clock.now(), ExternalCa("Root elsewhere", clock.now()))


async def test_below_an_external_parent_an_authority_waits_with_a_request(life: Life) -> None:
    limits = AuthorityLimits(path_length=0, extended_key_usages=("serverAuth",))
    made = await life.perform(
        CreateAuthority(project=HOME, name="outer", has_external_parent=True, limits=limits)
    )
    csr = x509.load_pem_x509_csr(made.csr_pem.encode())
    assert (made.authority.status, made.certificate_pem, csr.is_signature_valid) == (
        AuthorityStatus.PENDING,
        None,
        True,
    )
    assert csr.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    with pytest.raises(NotFoundError):
        await life.ground.assembly.artefacts.certificate_der(made.authority.id)
    assert (await life.read("outer")).csr_pem == made.csr_pem


async def test_an_imported_chain_stands_above_what_is_issued(life: Life, elsewhere: ExternalCa) -> None:
    imported = await life.external(elsewhere)
    assert imported.authority.status is AuthorityStatus.ACTIVE
    assert [parse(pem).subject for pem in imported.chain_pem] == [elsewhere.name]
    certificate_of(imported).verify_directly_issued_by(elsewhere.certificate)
    crl = (await life.ground.assembly.artefacts.revocation_list(imported.authority.id)).body
    assert x509.load_der_x509_crl(crl).issuer == certificate_of(imported).subject


async def test_an_imported_certificate_for_another_key_changes_nothing(
    life: Life, elsewhere: ExternalCa
) -> None:
    await life.perform(CreateAuthority(project=HOME, name="outer", has_external_parent=True))
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    operation = ImportAuthorityCertificate(
        project=HOME, name="outer", certificate_der=der(elsewhere.certify(other, named("outer")))
    )
    assert await life.refused(operation) == ("certificate", "import-key")
    assert (await life.read("outer")).authority.status is AuthorityStatus.PENDING


async def test_an_external_certificate_is_renewed_by_request_and_import(
    life: Life, elsewhere: ExternalCa
) -> None:
    first = await life.external(elsewhere)
    assert await life.refused(RenewAuthority(project=HOME, name="outer")) == ("parent", "parent-external")
    request = await life.perform(RequestAuthorityCertificate(project=HOME, name="outer"))
    again = await life.perform(
        ImportAuthorityCertificate(
            project=HOME,
            name="outer",
            certificate_der=der(elsewhere.answer(request.csr_pem, days=(-1, 2000))),
        )
    )
    assert again.authority.id == first.authority.id
    assert again.authority.not_after > first.authority.not_after


async def test_under_constraints_on_directory_names_neither_children_nor_subjects_are_signed(
    life: Life, clock: FakeClock
) -> None:
    only = x509.NameConstraints(None, [x509.DirectoryName(named("Nobody"))])
    await life.external(ExternalCa("Narrow", clock.now(), further=((only, True),)))
    child = CreateAuthority(project=HOME, name="child", parent="outer")
    assert await life.refused(child) == ("parent", "authority-name-constraints")
    await life.perform(CreateProfile(project=HOME, name="narrow", settings=_NARROW))
    with pytest.raises(UnacceptableError) as caught:
        await life.ground.issue("a.example", common_name="a.example", profile="narrow")
    assert (caught.value.field, caught.value.rule) == ("common_name", "authority-name-constraints")
    assert (await life.ground.issue("a.example", profile="narrow")).common_name is None


async def test_what_was_signed_here_takes_a_certificate_from_elsewhere_as_an_alternate_only(
    life: Life, elsewhere: ExternalCa
) -> None:
    request = await life.perform(RequestAuthorityCertificate(project=HOME, name="issuing"))
    certificate = der(elsewhere.answer(request.csr_pem, path_length=0))
    plain = ImportAuthorityCertificate(project=HOME, name="issuing", certificate_der=certificate)
    assert await life.refused(plain) == ("alternate", "import-parent")
    alternate = ImportAuthorityCertificate(
        project=HOME, name="issuing", certificate_der=certificate, chain=elsewhere.chain, is_alternate=True
    )
    described = await life.perform(alternate)
    issued = await life.ground.issue("a.example")
    assert issued.alternates == described.alternates
    assert [parse(pem).issuer for pem in issued.alternates[0]] == [elsewhere.name, elsewhere.above.name]  # type: ignore[union-attr]
    assert await life.refused(alternate) == ("certificate", "import-known")


async def test_an_authority_elsewhere_is_signed_inside_limits_that_no_csr_chooses(
    life: Life,
) -> None:
    greedy = make_csr(
        common_name="Theirs", extensions=((x509.BasicConstraints(ca=True, path_length=7), True),)
    )
    issued: IssuedCertificate = await life.perform(
        SignAuthority(project=HOME, name="root", csr_der=greedy, limits=AuthorityLimits(path_length=1))
    )
    extensions = parse(issued.certificate_pem).extensions
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 1
    assert extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    found = await life.perform(ReadCertificate(project=HOME, certificate=issued.id))
    assert (found.certificate.profile, found.certificate.common_name) == ("@authority", "Theirs")
    await life.perform(RevokeCertificate(project=HOME, certificate=issued.id))
    crl = (await life.ground.assembly.artefacts.revocation_list(issued.authority_id)).body
    assert [entry.serial_number for entry in x509.load_der_x509_crl(crl)] == [int(issued.serial_number, 16)]


@pytest.mark.parametrize(
    ("csr", "fields", "field", "rule"),
    [
        (b"\x30\x00", {}, "csr", "csr-encoding"),
        (make_csr(), {}, "common_name", "csr-subject"),
        (_NAMED, {"organization": "O"}, "common_name", "csr-subject"),
        (_NAMED, {"common_name": ""}, "common_name", "common-name-empty"),
        (_NAMED, {"common_name": "y", "country": "de"}, "country", "country"),
        (
            _NAMED,
            {"common_name": "y", "organization": " "},
            "organization",
            "organization",
        ),
        (make_csr(common_name="a\u202eb"), {}, "csr", "csr-subject"),
        (make_csr(common_name="x", key=ec.generate_private_key(ec.SECP256K1())), {}, "csr", "key-curve"),
    ],
)
async def test_a_csr_of_an_authority_elsewhere_that_cannot_be_signed_is_refused_by_its_rule(
    life: Life, csr: bytes, fields: dict[str, Any], field: str, rule: str
) -> None:
    operation = SignAuthority(project=HOME, name="root", csr_der=csr, **fields)
    assert await life.refused(operation) == (field, rule)


async def test_an_authority_for_leaves_signs_no_authority_elsewhere(life: Life) -> None:
    operation = SignAuthority(project=HOME, name="issuing", csr_der=make_csr(common_name="Theirs"))
    assert await life.refused(operation) == ("parent", "authority-path-length")
