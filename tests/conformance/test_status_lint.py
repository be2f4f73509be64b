"""pkilint finds no error in any kind of CRL or OCSP answer that we publish (RFC 5280, RFC 6960)."""

import asyncio
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.database.port import Database
from ca_service.kernel.clock import SystemClock
from ca_service.x509.built_in_profiles import SERVER_SETTINGS
from ca_service.x509.operations import (
    ConfigurePublishing,
    CreateAuthority,
    CreateProfile,
    IssuedCertificate,
    RevokeCertificate,
)
from ca_service.x509.publishing import ResponderKind
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.thorough_lint import errors_in
from tests.support.databases import SqliteTemplate, open_sqlite
from tests.support.ocsp import certificate_id, hand_request, request_for
from tests.support.x509_ground import TENANT, CertificateGround, parse

ALGORITHMS = (
    KeyAlgorithm.EC_P256,
    KeyAlgorithm.RSA_2048,
    KeyAlgorithm.ED25519,
    KeyAlgorithm.ML_DSA_44,
)
#: pkilint has no types.
loader: Any = import_module("pkilint.loader")
pkix: Any = import_module("pkilint.pkix")
crl_lint: Any = import_module("pkilint.pkix.crl")
ocsp_lint: Any = import_module("pkilint.pkix.ocsp")
name: Any = import_module("pkilint.pkix.name")
extension: Any = import_module("pkilint.pkix.extension")
_ERROR: Any = import_module("pkilint.validation").ValidationFindingSeverity.ERROR
_DECODERS = (
    pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
    pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
)
_CRLS = crl_lint.create_pkix_crl_validator_container(
    [*_DECODERS],
    [
        crl_lint.create_issuer_validator_container([]),
        crl_lint.create_validity_validator_container([]),
        crl_lint.create_extensions_validator_container([]),
    ],
)
_ANSWERS = ocsp_lint.create_pkix_ocsp_response_validator_container(
    [ocsp_lint.create_response_decoder(), *_DECODERS], []
)


def errors(validator: Any, document: Any) -> list[str]:
    """Return what pkilint calls an error or worse; the worst has the lowest number."""
    return [
        f"{described.finding.code}: {described.message}"
        for result in validator.validate(document.root)
        for described in result.finding_descriptions
        if described.finding.severity <= _ERROR
    ]


def errors_in_list(der: bytes) -> list[str]:
    return errors(_CRLS, loader.RFC5280CertificateListDocumentLoader().load_der_document(der, "crl"))


def errors_in_answer(der: bytes) -> list[str]:
    return errors(_ANSWERS, loader.RFC6960OCSPResponseDocumentLoader().load_der_document(der, "answer"))


class Office:
    """Authorities of every algorithm that publish in this process."""

    def __init__(self, runner: asyncio.Runner, ground: CertificateGround) -> None:
        self.run = runner.run
        self.ground = ground

    def perform(self, operation: Any) -> Any:
        return self.run(self.ground.perform(operation))

    def open(self, algorithm: KeyAlgorithm, called: str) -> None:
        """Make an authority with a profile for servers, both of this name."""
        self.perform(CreateAuthority(project="default", name=called, parent="root", key_algorithm=algorithm))
        settings = msgspec.structs.replace(SERVER_SETTINGS, authority=called)
        self.perform(CreateProfile(project="default", name=called, settings=settings))

    def issue(self, profile: str) -> IssuedCertificate:
        return self.run(self.ground.issue("www.example.com", profile=profile))

    def revoke(self, issued: IssuedCertificate, reason: RevocationReason) -> None:
        self.perform(RevokeCertificate(project="default", certificate=issued.id, reason=reason))

    def list_of(self, issued: IssuedCertificate, part: str = "") -> bytes:
        self.run(self.ground.assembly.publisher.publish(TENANT, issued.authority_id, part))
        return self.run(self.ground.assembly.artefacts.revocation_list(issued.authority_id, part)).body

    def answer(self, issued: IssuedCertificate, request: bytes) -> bytes:
        return self.run(self.ground.assembly.responder.answer(issued.authority_id, request)).body


@pytest.fixture(scope="module")
def office(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    clock: Any = SystemClock()
    with asyncio.Runner() as runner:
        place = sqlite_template.copy_to(tmp_path_factory.mktemp("office"))
        database: Database = runner.run(open_sqlite(place, clock))
        yield Office(runner, runner.run(CertificateGround(database, clock).start()))
        runner.run(database.close())


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda algorithm: algorithm.value)
def test_no_error_in_any_kind_of_list(office: Office, algorithm: KeyAlgorithm) -> None:
    called = f"list-{algorithm.value.lower().replace('_', '-')}"
    office.open(algorithm, called)
    whole = office.issue(called)
    office.perform(
        ConfigurePublishing(
            project="default", name=called, crl_shards=2, crl_urls=("http://copies.test/{shard}.crl",)
        )
    )
    kinds = {"empty": office.list_of(whole), "empty shard": office.list_of(whole, "1")}
    for reason in RevocationReason:
        office.revoke(office.issue(called), reason)
    office.revoke(whole, RevocationReason.SUPERSEDED)
    kinds |= {"continued": office.list_of(whole)}
    kinds |= {f"shard {part}": office.list_of(whole, part) for part in ("1", "2")}
    assert {kind: errors_in_list(der) for kind, der in kinds.items()} == {kind: [] for kind in kinds}
    assert len(x509.load_der_x509_crl(kinds["continued"])) == len(RevocationReason) + 1


@pytest.mark.parametrize("responder", list(ResponderKind), ids=lambda kind: kind.value)
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda algorithm: algorithm.value)
def test_no_error_in_any_kind_of_answer(
    office: Office, algorithm: KeyAlgorithm, responder: ResponderKind
) -> None:
    called = f"{responder.value}-{algorithm.value.lower().replace('_', '-')}"
    office.open(algorithm, called)
    office.perform(ConfigurePublishing(project="default", name=called, responder=responder))
    office.run(office.ground.assembly.rotation.rotate_due())
    good, bad, worse = (office.issue(called) for _ in range(3))
    office.revoke(bad, RevocationReason.KEY_COMPROMISE)
    office.revoke(worse, RevocationReason.UNSPECIFIED)
    issuer = parse(good.chain_pem[0])
    serials = [int(one.serial_number, 16) for one in (good, bad, worse)]
    asked = {
        "good": request_for(issuer, serials[0]),
        "by SHA-256": request_for(issuer, serials[0], hash_algorithm=hashes.SHA256()),
        "revoked": request_for(issuer, serials[1]),
        "revoked without a reason": request_for(issuer, serials[2]),
        "unknown": request_for(issuer, 5),
        "nonce": request_for(issuer, serials[0], nonce=bytes(32)),
        "several": hand_request(*(certificate_id(issuer, serial) for serial in serials)),
        "malformed": b"rubbish",
    }
    answers = {kind: office.answer(good, request) for kind, request in asked.items()}
    assert {kind: errors_in_answer(der) for kind, der in answers.items()} == {kind: [] for kind in asked}
    delegates = ocsp.load_der_ocsp_response(answers["good"]).certificates
    assert len(delegates) == int(responder is ResponderKind.DELEGATED)
    assert [errors_in(delegate.public_bytes(Encoding.DER)) for delegate in delegates] == [[]] * len(delegates)
