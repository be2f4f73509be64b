"""OpenSSL's own judgement of what we issue: chains, purposes, CRLs, revocation."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ca_service.custody.algorithms import WIDELY_KNOWN, KeyAlgorithm
from ca_service.database.port import Database
from ca_service.kernel.clock import SystemClock
from ca_service.policy.names import NameKind
from ca_service.x509.operations import (
    CreateAuthority,
    CreateProfile,
    IssuedCertificate,
    ListAuthorities,
    RevokeCertificate,
)
from ca_service.x509.profiles import ProfileSettings, Purpose
from ca_service.x509.reasons import RevocationReason
from tests.support.databases import SqliteTemplate, open_sqlite
from tests.support.openssl import make_csr, openssl
from tests.support.x509_ground import CertificateGround


class Shelf:
    """A ground whose time is the real one, and the files that OpenSSL reads."""

    def __init__(self, runner: asyncio.Runner, ground: CertificateGround, folder: Path) -> None:
        self.run = runner.run
        self.ground = ground
        self.folder = folder
        self.root, self.issuing = self.run(ground.perform(ListAuthorities(project="default")))

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    @property
    def anchors(self) -> Path:
        return self.file("roots.pem", self.run(self.ground.assembly.artefacts.roots()).body)

    def issue(self, *names: str, **fields: Any) -> IssuedCertificate:
        return self.run(self.ground.issue(*names, **fields))

    def revoke(self, issued: IssuedCertificate) -> None:
        reason = RevocationReason.KEY_COMPROMISE
        self.run(
            self.ground.perform(RevokeCertificate(project="default", certificate=issued.id, reason=reason))
        )

    def crls(self) -> Path:
        pems = []
        for authority in (self.root, self.issuing):
            der = self.run(self.ground.assembly.artefacts.revocation_list(authority.authority.id)).body
            pems.append(openssl("crl", "-inform", "DER", "-in", self.file("crl.der", der)))
        return self.file("crls.pem", "".join(pems))

    def verify(self, issued: IssuedCertificate, *options: str | Path) -> str:
        leaf = self.file("leaf.pem", issued.certificate_pem)
        chain = self.file("chain.pem", "".join(issued.chain_pem))
        return openssl(
            "verify",
            "-x509_strict",
            "-CAfile",
            self.anchors,
            "-untrusted",
            chain,
            *options,
            leaf,
            check=False,
        )


@pytest.fixture
def shelf(runner: asyncio.Runner, sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Shelf]:
    clock: Any = SystemClock()
    database: Database = runner.run(open_sqlite(sqlite_template.copy_to(tmp_path), clock))
    yield Shelf(runner, runner.run(CertificateGround(database, clock).start()), tmp_path)
    runner.run(database.close())


def test_a_csr_made_by_openssl_is_certified_and_its_chain_verifies(shelf: Shelf) -> None:
    _, csr = make_csr(shelf.folder, "api.example.com", "*.example.com", subject="/CN=api.example.com")
    der = shelf.folder / "request.der"
    openssl("req", "-in", csr, "-outform", "DER", "-out", der)
    issued = shelf.issue(csr=der.read_bytes())
    assert "leaf.pem: OK" in shelf.verify(issued, "-verify_hostname", "api.example.com")


@pytest.mark.parametrize(
    ("profile", "good", "bad"), [("server", "sslserver", "sslclient"), ("client", "sslclient", "sslserver")]
)
def test_a_profile_is_good_for_its_purpose_only(shelf: Shelf, profile: str, good: str, bad: str) -> None:
    issued = shelf.issue("api.example.com", profile=profile)
    assert "leaf.pem: OK" in shelf.verify(issued, "-purpose", good)
    assert "unsuitable certificate purpose" in shelf.verify(issued, "-purpose", bad)


@pytest.mark.parametrize("algorithm", WIDELY_KNOWN)
def test_an_authority_of_any_algorithm_signs_what_openssl_verifies(
    shelf: Shelf, algorithm: KeyAlgorithm
) -> None:
    shelf.run(
        shelf.ground.perform(
            CreateAuthority(project="default", name="other", parent="root", key_algorithm=algorithm)
        )
    )
    settings = ProfileSettings(authority="other", purposes=(Purpose.SERVER,), name_kinds=(NameKind.DNS,))
    shelf.run(shelf.ground.perform(CreateProfile(project="default", name="other", settings=settings)))
    issued = shelf.issue("api.example.com", profile="other")
    assert "leaf.pem: OK" in shelf.verify(issued)


def test_the_crls_verify(shelf: Shelf) -> None:
    shelf.revoke(shelf.issue("api.example.com"))
    artefact = shelf.run(shelf.ground.assembly.artefacts.revocation_list(shelf.issuing.authority.id))
    issuer = shelf.file("issuer.pem", shelf.issuing.certificate_pem)
    printed = openssl(
        "crl",
        "-inform",
        "DER",
        "-in",
        shelf.file("crl.der", artefact.body),
        "-CAfile",
        issuer,
        "-text",
        "-noout",
    )
    assert "verify OK" in printed
    assert "Version 2" in printed
    assert "Key Compromise" in printed
    assert "X509v3 CRL Number" in printed


def test_a_good_certificate_passes_with_the_crls(shelf: Shelf) -> None:
    issued = shelf.issue("api.example.com")
    shelf.revoke(shelf.issue("other.example.com"))
    assert "leaf.pem: OK" in shelf.verify(issued, "-crl_check_all", "-CRLfile", shelf.crls())


def test_a_revoked_certificate_is_refused_with_the_crls(shelf: Shelf) -> None:
    issued = shelf.issue("api.example.com")
    shelf.revoke(issued)
    assert "certificate revoked" in shelf.verify(issued, "-crl_check", "-CRLfile", shelf.crls())


def test_the_issuing_authority_may_sign_leaves_only(shelf: Shelf) -> None:
    issuing = shelf.file("issuing.pem", shelf.issuing.certificate_pem)
    assert "CA:TRUE, pathlen:0" in openssl("x509", "-in", issuing, "-noout", "-text")


def test_a_key_made_here_is_read_by_openssl(shelf: Shelf) -> None:
    issued = shelf.issue("api.example.com")
    assert issued.private_key is not None
    key = shelf.file("leaf.key", issued.private_key.reveal())
    leaf = shelf.file("leaf.pem", issued.certificate_pem)
    assert openssl("pkey", "-in", key, "-pubout") == openssl("x509", "-in", leaf, "-pubkey", "-noout")
