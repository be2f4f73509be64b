"""OpenSSL's own judgement of hierarchies: depth, name constraints, purposes, path length."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ca_service.kernel.clock import SystemClock
from ca_service.policy.names import NameKind
from ca_service.x509.name_constraints import parse_subtree
from ca_service.x509.operations import (
    AuthorityLimits,
    CreateAuthority,
    CreateProfile,
    DescribedAuthority,
    SignAuthority,
)
from ca_service.x509.profiles import ProfileSettings, Purpose
from tests.support.databases import SqliteTemplate, open_sqlite
from tests.support.openssl import openssl
from tests.support.x509_ground import CertificateGround

_LEAF = "basicConstraints=CA:FALSE\nextendedKeyUsage={purpose}\nsubjectAltName=DNS:{name}\n"
_CHILD = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"


class Tree:
    """A root with a path length of 1 below it, limited to names and servers, and OpenSSL's files."""

    def __init__(self, runner: asyncio.Runner, ground: CertificateGround, folder: Path) -> None:
        self.run = runner.run
        self.ground = ground
        self.folder = folder
        self.root = self.make("corp")
        narrow = AuthorityLimits(
            path_length=1,
            permitted_names=(parse_subtree(NameKind.DNS, "corp.test", field="p"),),
            excluded_names=(parse_subtree(NameKind.DNS, "lab.corp.test", field="e"),),
            extended_key_usages=("serverAuth",),
        )
        self.middle = self.make("corp-sites", parent="corp", limits=narrow)

    def make(self, name: str, **fields: Any) -> DescribedAuthority:
        made: DescribedAuthority = self.run(
            self.ground.perform(CreateAuthority(project="default", name=name, **fields))
        )
        return made

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def request(self, name: str) -> tuple[Path, Path]:
        key, csr = self.folder / f"{name}.key", self.folder / f"{name}.csr"
        fresh = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key)
        openssl("req", "-new", *fresh, "-subj", f"/CN={name}", "-out", csr)
        return key, csr

    def signed_elsewhere(self) -> tuple[Path, Path]:
        """Return certificate and key of an authority elsewhere, which this tree certified from its CSR."""
        key, csr = self.request("elsewhere")
        der = self.folder / "elsewhere.der"
        openssl("req", "-in", csr, "-outform", "DER", "-out", der)
        operation = SignAuthority(project="default", name="corp-sites", csr_der=der.read_bytes())
        issued = self.run(self.ground.perform(operation))
        return self.file("elsewhere.pem", issued.certificate_pem), key

    def signed_by(self, issuer: tuple[Path, Path], name: str, extensions: str) -> tuple[Path, Path]:
        """Return what OpenSSL signs with the key of an authority, whatever that may sign."""
        key, csr = self.request(name)
        certificate = self.folder / f"{name}.pem"
        wanted = self.file(f"{name}.ext", extensions)
        by = ("-CA", issuer[0], "-CAkey", issuer[1], "-days", "1", "-extfile", wanted)
        openssl("x509", "-req", "-in", csr, *by, "-out", certificate)
        return certificate, key

    def verify(self, leaf: Path, *between: Path) -> str:
        assert self.root.certificate_pem is not None
        assert self.middle.certificate_pem is not None
        chain = "".join((*(path.read_text() for path in between), self.middle.certificate_pem))
        anchors = self.file("anchors.pem", self.root.certificate_pem)
        known = ("-CAfile", anchors, "-untrusted", self.file("chain.pem", chain))
        return openssl("verify", *known, "-purpose", "sslserver", leaf, check=False)


@pytest.fixture
def tree(runner: asyncio.Runner, sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Tree]:
    clock: Any = SystemClock()
    database = runner.run(open_sqlite(sqlite_template.copy_to(tmp_path), clock))
    yield Tree(runner, runner.run(CertificateGround(database, clock).start()), tmp_path)
    runner.run(database.close())


def test_a_leaf_below_three_authorities_with_constraints_verifies(tree: Tree) -> None:
    low = tree.make("corp-web", parent="corp-sites")
    settings = ProfileSettings(authority="corp-web", purposes=(Purpose.SERVER,), name_kinds=(NameKind.DNS,))
    tree.run(tree.ground.perform(CreateProfile(project="default", name="web", settings=settings)))
    issued = tree.run(tree.ground.issue("www.corp.test", profile="web"))
    assert low.certificate_pem is not None
    between = tree.file("low.pem", low.certificate_pem)
    assert "leaf.pem: OK" in tree.verify(tree.file("leaf.pem", issued.certificate_pem), between)


@pytest.mark.parametrize(
    ("name", "purpose", "told"),
    [
        ("www.corp.test", "serverAuth", "www.corp.test.pem: OK"),
        ("www.other.test", "serverAuth", "permitted subtree violation"),
        ("a.lab.corp.test", "serverAuth", "excluded subtree violation"),
    ],
)
def test_an_authority_elsewhere_is_held_to_the_names_of_its_chain(
    tree: Tree, name: str, purpose: str, told: str
) -> None:
    elsewhere = tree.signed_elsewhere()
    leaf, _ = tree.signed_by(elsewhere, name, _LEAF.format(purpose=purpose, name=name))
    assert told in tree.verify(leaf, elsewhere[0])


def test_an_authority_elsewhere_for_leaves_makes_no_authority(tree: Tree) -> None:
    elsewhere = tree.signed_elsewhere()
    child = tree.signed_by(elsewhere, "child", _CHILD)
    leaf, _ = tree.signed_by(child, "leaf", _LEAF.format(purpose="serverAuth", name="www.corp.test"))
    assert "path length constraint exceeded" in tree.verify(leaf, child[0], elsewhere[0])


def test_an_authority_elsewhere_certifies_for_no_other_purpose(tree: Tree) -> None:
    certificate, _ = tree.signed_elsewhere()
    usage = openssl("x509", "-in", certificate, "-noout", "-ext", "extendedKeyUsage,nameConstraints")
    assert "TLS Web Server Authentication" in usage
    assert "Client" not in usage
    told = openssl(
        "verify", "-partial_chain", "-CAfile", certificate, "-purpose", "sslclient", certificate, check=False
    )
    assert "unsuitable certificate purpose" in told
