"""pkilint reads what we sign: a certificate of each built-in profile, and what a profile has it refuse."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.kernel.errors import UnavailableError
from ca_service.policy.names import Name, NameKind
from ca_service.x509.built_in_profiles import BUILT_IN_PROFILES, CLIENT_SETTINGS
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.operations import (
    CertificateFilter,
    CreateProfile,
    IssueCertificate,
    KeyRequest,
    ListCertificates,
    SignAuthority,
)
from ca_service.x509.profiles import Lint
from ca_service.x509.thorough_lint import ThoroughLint, errors_in
from tests.support.databases import SqliteTemplate, open_sqlite
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import CertificateGround, make_csr, parse

NAMES = {
    NameKind.DNS: "a.example.com",
    NameKind.IP: "2001:db8::1",
    NameKind.EMAIL: "anna@example.com",
    NameKind.URI: "https://example.com/anna",
}
OF_LEAVES = [name for name, settings in BUILT_IN_PROFILES.items() if not settings.for_authorities]
#: We issue for hosts of a private network; to pkilint a name has two labels at least.
SINGLE_LABEL = "intranet"


class Stage:
    """A certificate authority, asked from tests that are not async."""

    def __init__(self, runner: asyncio.Runner, ground: CertificateGround) -> None:
        self.runner = runner
        self.ground = ground

    def perform(self, operation: Any) -> Any:
        return self.runner.run(self.ground.perform(operation))

    def issue(self, profile: str, algorithm: KeyAlgorithm = KeyAlgorithm.EC_P256, **names: str) -> bytes:
        kinds = BUILT_IN_PROFILES.get(profile, CLIENT_SETTINGS).name_kinds
        values = {kind: names.get(kind.value, NAMES[kind]) for kind in kinds}
        request = KeyRequest(
            common_name=None if NameKind.DNS in kinds else "Anna Example",
            names=tuple(Name(kind, value) for kind, value in values.items()),
            key_algorithm=algorithm,
        )
        answer = self.perform(IssueCertificate(project="default", profile=profile, request=request))
        return parse(answer.certificate_pem).public_bytes(Encoding.DER)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        clock = FakeClock()
        template = SqliteTemplate(Path(folder))
        database = runner.run(open_sqlite(template.copy_to(Path(folder)), clock))
        stage = Stage(runner, runner.run(CertificateGround(database, clock).start()))
        settings = msgspec.structs.replace(CLIENT_SETTINGS, lint=Lint.PKILINT)
        stage.perform(CreateProfile(project="default", name="strict", settings=settings))
        yield stage
        runner.run(database.close())


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.EC_P256, KeyAlgorithm.RSA_2048, KeyAlgorithm.ED25519])
@pytest.mark.parametrize("profile", OF_LEAVES)
def test_no_error_in_a_certificate_of_a_built_in_profile(
    stage: Stage, profile: str, algorithm: KeyAlgorithm
) -> None:
    assert errors_in(stage.issue(profile, algorithm)) == []


def test_no_error_in_a_certificate_of_a_lattice_key(stage: Stage) -> None:
    settings = msgspec.structs.replace(CLIENT_SETTINGS, key_algorithms=(KeyAlgorithm.ML_DSA_44,))
    stage.perform(CreateProfile(project="default", name="lattice", settings=settings))
    assert errors_in(stage.issue("lattice", KeyAlgorithm.ML_DSA_44)) == []


def test_no_error_in_an_authority_signed_by_intermediate(stage: Stage) -> None:
    csr = make_csr(common_name="Issuing elsewhere")
    sign = SignAuthority(project="default", name="root", csr_der=csr, profile="intermediate")
    answer = stage.perform(sign)
    assert errors_in(parse(answer.certificate_pem).public_bytes(Encoding.DER)) == []


def test_an_error_is_found_where_there_is_one(stage: Stage) -> None:
    assert errors_in(stage.issue("server", dns=SINGLE_LABEL)) == ["pkix.invalid_domain_name_syntax"]


@pytest.mark.parametrize("uri", ["https://example.com/a", "spiffe://example.org/ns/a", "urn:example:a"])
def test_a_profile_that_asks_for_pkilint_issues_what_is_sound(stage: Stage, uri: str) -> None:
    alternatives = x509.load_der_x509_certificate(stage.issue("strict", uri=uri)).extensions
    value = alternatives.get_extension_for_class(x509.SubjectAlternativeName).value
    assert value.get_values_for_type(x509.UniformResourceIdentifier) == [uri]


def test_what_pkilint_refuses_is_not_signed(stage: Stage) -> None:
    listed = ListCertificates(project="default", filter=CertificateFilter(profile="strict"))
    before = stage.perform(listed)
    with pytest.raises(ProfileRefusedError) as caught:
        stage.issue("strict", dns=SINGLE_LABEL)
    assert (caught.value.field, caught.value.rule) == ("profile", "lint-pkilint")
    assert stage.perform(listed) == before


def test_without_pkilint_nothing_is_issued_unread(stage: Stage) -> None:
    lint = ThoroughLint(stage.ground.custody, is_installed=lambda: False)
    never_looked_at: Any = None
    with pytest.raises(UnavailableError, match="keywright\\[lint\\]"):
        stage.runner.run(lint.verify(never_looked_at, KeyAlgorithm.EC_P256))
