"""What OpenSSL, GnuTLS and NSS say of our chains, CRLs and OCSP answers; `KNOWN` says which knows what."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca_service.custody.algorithms import WIDELY_KNOWN, KeyAlgorithm
from ca_service.kernel.clock import SystemClock
from ca_service.policy.names import NameKind
from ca_service.x509.built_in_profiles import SERVER_SETTINGS
from ca_service.x509.name_constraints import parse_subtree
from ca_service.x509.operations import (
    AuthorityLimits,
    ConfigurePublishing,
    CreateAuthority,
    CreateProfile,
    DescribedAuthority,
    IssuedCertificate,
    RevokeCertificate,
    SignAuthority,
)
from ca_service.x509.publishing import ResponderKind
from ca_service.x509.reasons import RevocationReason
from tests.support.databases import SqliteTemplate, open_sqlite
from tests.support.gnutls import ocsptool
from tests.support.ocsp import request_for
from tests.support.openssl import openssl
from tests.support.verifiers import Evidence, GnuTls, Nss, OpenSsl, Verifier
from tests.support.x509_ground import TENANT, CertificateGround, make_csr, parse

HOST = "www.corp.test"
VERIFIERS: tuple[type[Verifier], ...] = (OpenSsl, GnuTls, Nss)
#: Which program of Debian 12 verifies which keys; ML-DSA is verified with `cryptography` (test_lattice).
KNOWN: dict[type[Verifier], frozenset[KeyAlgorithm]] = {
    OpenSsl: frozenset(WIDELY_KNOWN),
    GnuTls: frozenset(WIDELY_KNOWN),
    Nss: frozenset(WIDELY_KNOWN) - {KeyAlgorithm.ED25519},
}
ALGORITHMS = (
    KeyAlgorithm.RSA_2048,
    KeyAlgorithm.EC_P256,
    KeyAlgorithm.EC_P384,
    KeyAlgorithm.EC_P521,
    KeyAlgorithm.ED25519,
    KeyAlgorithm.ML_DSA_44,
)
#: Programs that match a shard of a CRL with the certificate that names it (RFC 5280 section 6.3.3); the
#: others are to be given the complete list.
KNOWS_SHARDS = {OpenSsl: True, GnuTls: True, Nss: False}
every_program = pytest.mark.parametrize("program", VERIFIERS, ids=lambda program: program.name)


class Estate:
    """Roots and issuers of every algorithm, and what they made; all of it in this process."""

    def __init__(self, runner: asyncio.Runner, ground: CertificateGround) -> None:
        self.run = runner.run
        self.ground = ground
        self._issuers: dict[str, tuple[DescribedAuthority, DescribedAuthority]] = {}

    def perform(self, operation: Any) -> Any:
        return self.run(self.ground.perform(operation))

    def issuer(
        self, name: str, algorithm: KeyAlgorithm = KeyAlgorithm.EC_P256
    ) -> tuple[DescribedAuthority, DescribedAuthority]:
        """Return a root and an issuer below it with a profile for servers, made at the first call."""
        if name not in self._issuers:
            create = partial(CreateAuthority, project="default", key_algorithm=algorithm)
            root = self.perform(create(name=f"{name}-root", limits=AuthorityLimits(path_length=2)))
            issuer = self.perform(create(name=name, parent=f"{name}-root"))
            settings = msgspec.structs.replace(SERVER_SETTINGS, authority=name)
            self.perform(CreateProfile(project="default", name=name, settings=settings))
            self._issuers[name] = (root, issuer)
        return self._issuers[name]

    def issue(
        self, name: str = "plain", algorithm: KeyAlgorithm = KeyAlgorithm.EC_P256, **further: Any
    ) -> IssuedCertificate:
        self.issuer(name, algorithm)
        return self.run(self.ground.issue(HOST, profile=name, **further))

    def revoke(self, issued: IssuedCertificate) -> None:
        reason = RevocationReason.KEY_COMPROMISE
        self.perform(RevokeCertificate(project="default", certificate=issued.id, reason=reason))

    def list_of(self, authority_id: str, part: str = "") -> bytes:
        self.run(self.ground.assembly.publisher.publish(TENANT, authority_id, part))
        return self.run(self.ground.assembly.artefacts.revocation_list(authority_id, part)).body

    def evidence(self, issued: IssuedCertificate, name: str = "plain", part: str = "") -> Evidence:
        """Return what a relying party has that trusts the root and looks now."""
        root, issuer = self.issuer(name)
        assert root.certificate_pem is not None
        lists = (self.list_of(root.authority.id), self.list_of(issuer.authority.id, part))
        return Evidence(
            leaf=parse(issued.certificate_pem),
            between=(parse(issued.chain_pem[0]),),
            root=parse(root.certificate_pem),
            lists=lists,
            at=datetime.now(UTC),
            host=HOST,
        )

    def answer(self, issued: IssuedCertificate) -> bytes:
        """Return an OCSP answer about a certificate."""
        serial = int(issued.serial_number, 16)
        request = request_for(parse(issued.chain_pem[0]), serial)
        return self.run(self.ground.assembly.responder.answer(issued.authority_id, request)).body


@pytest.fixture(scope="module")
def estate(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    clock: Any = SystemClock()
    with asyncio.Runner() as runner:
        place = sqlite_template.copy_to(tmp_path_factory.mktemp("estate"))
        database = runner.run(open_sqlite(place, clock))
        yield Estate(runner, runner.run(CertificateGround(database, clock).start()))
        runner.run(database.close())


@every_program
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda algorithm: algorithm.value)
def test_a_program_accepts_our_chain_and_lists_if_it_knows_their_keys(
    estate: Estate, tmp_path: Path, program: type[Verifier], algorithm: KeyAlgorithm
) -> None:
    name = f"of-{algorithm.value.lower().replace('_', '-')}"
    evidence = estate.evidence(estate.issue(name, algorithm), name)
    verifier = program(tmp_path)
    assert verifier.verifies(evidence) is (algorithm in KNOWN[program]), verifier.said


@every_program
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda algorithm: algorithm.value)
def test_a_program_refuses_the_revoked(
    estate: Estate, tmp_path: Path, program: type[Verifier], algorithm: KeyAlgorithm
) -> None:
    name = f"of-{algorithm.value.lower().replace('_', '-')}"
    issued = estate.issue(name, algorithm)
    estate.revoke(issued)
    verifier = program(tmp_path)
    assert not verifier.verifies(estate.evidence(issued, name))
    if algorithm in KNOWN[program]:
        assert "revoked" in verifier.said.lower()


@every_program
def test_a_program_refuses_the_expired(estate: Estate, tmp_path: Path, program: type[Verifier]) -> None:
    verifier = program(tmp_path)
    issued = estate.issue(ttl=timedelta(seconds=3))
    evidence = msgspec.structs.replace(estate.evidence(issued), lists=())
    assert verifier.verifies(evidence), verifier.said
    if program.knows_times:
        after = evidence.leaf.not_valid_after_utc + timedelta(seconds=5)
        assert not verifier.verifies(msgspec.structs.replace(evidence, at=after))
    else:
        while verifier.verifies(evidence):
            assert datetime.now(UTC) < evidence.leaf.not_valid_after_utc + timedelta(seconds=5)
    assert "expired" in verifier.said.lower()


@pytest.mark.parametrize(
    "program", [one for one in VERIFIERS if one.knows_hosts], ids=lambda program: program.name
)
def test_a_program_refuses_another_name(estate: Estate, tmp_path: Path, program: type[Verifier]) -> None:
    evidence = msgspec.structs.replace(estate.evidence(estate.issue()), host="www.other.test")
    assert not program(tmp_path).verifies(evidence)


@every_program
@pytest.mark.parametrize(("host", "is_inside"), [(HOST, True), ("www.other.test", False)])
def test_a_program_refuses_a_name_outside_the_constraints_of_the_chain(
    estate: Estate, tmp_path: Path, program: type[Verifier], host: str, is_inside: bool
) -> None:
    root, _ = estate.issuer("plain")
    assert root.certificate_pem is not None
    key = ec.generate_private_key(ec.SECP256R1())
    limits = AuthorityLimits(permitted_names=(parse_subtree(NameKind.DNS, "corp.test", field="p"),))
    signed = estate.perform(
        SignAuthority(
            project="default",
            name="plain-root",
            csr_der=make_csr(key=key),
            common_name="Bound",
            limits=limits,
        )
    )
    bound = parse(signed.certificate_pem)
    evidence = Evidence(
        leaf=leaf_by(key, bound, host),
        between=(bound,),
        root=parse(root.certificate_pem),
        lists=(),
        at=datetime.now(UTC),
        host=host,
    )
    verifier = program(tmp_path)
    assert verifier.verifies(evidence) is is_inside, verifier.said


def leaf_by(key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate, host: str) -> x509.Certificate:
    """Return a leaf that our own authority would refuse to sign; `key` is its issuer's."""
    own, now = ec.generate_private_key(ec.SECP256R1()).public_key(), datetime.now(UTC)
    values: tuple[tuple[x509.ExtensionType, bool], ...] = (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.SubjectAlternativeName([x509.DNSName(host)]), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(own), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False),
    )
    builder = x509.CertificateBuilder(
        issuer_name=issuer.subject,
        subject_name=x509.Name([]),
        public_key=own,
        serial_number=x509.random_serial_number(),
        not_valid_before=(now - timedelta(minutes=1)).replace(tzinfo=None),
        not_valid_after=(now + timedelta(days=1)).replace(tzinfo=None),
        extensions=[x509.Extension(value.oid, critical=critical, value=value) for value, critical in values],
    )
    return builder.sign(key, hashes.SHA256())


@every_program
@pytest.mark.parametrize("is_revoked", [False, True], ids=["good", "revoked"])
def test_a_program_reads_the_shard_that_a_certificate_names_or_refuses_it(
    estate: Estate, tmp_path: Path, program: type[Verifier], is_revoked: bool
) -> None:
    estate.issuer("sharded")
    estate.perform(ConfigurePublishing(project="default", name="sharded", crl_shards=4))
    issued = estate.issue("sharded")
    if is_revoked:
        estate.revoke(issued)
    part = str(int(issued.serial_number, 16) % 4 + 1)
    verifier = program(tmp_path)
    accepted = verifier.verifies(estate.evidence(issued, "sharded", part))
    assert accepted is (KNOWS_SHARDS[program] and not is_revoked), verifier.said


def test_openssl_takes_no_other_shard_for_the_one_that_a_certificate_names(
    estate: Estate, tmp_path: Path
) -> None:
    estate.issuer("sharded")
    estate.perform(ConfigurePublishing(project="default", name="sharded", crl_shards=4))
    issued = estate.issue("sharded")
    other = str((int(issued.serial_number, 16) + 1) % 4 + 1)
    verifier = OpenSsl(tmp_path)
    assert not verifier.verifies(estate.evidence(issued, "sharded", other))
    assert "scope" in verifier.said


@pytest.mark.parametrize("responder", list(ResponderKind), ids=lambda kind: kind.value)
@pytest.mark.parametrize("algorithm", [KeyAlgorithm.RSA_2048, KeyAlgorithm.EC_P256, KeyAlgorithm.ED25519])
def test_openssl_and_gnutls_accept_our_ocsp_answers(
    estate: Estate, tmp_path: Path, algorithm: KeyAlgorithm, responder: ResponderKind
) -> None:
    name = f"of-{algorithm.value.lower().replace('_', '-')}"
    issued = estate.issue(name, algorithm)
    estate.perform(ConfigurePublishing(project="default", name=name, responder=responder))
    estate.run(estate.ground.assembly.rotation.rotate_due())
    root, _ = estate.issuer(name)
    assert root.certificate_pem is not None
    files = {
        "leaf": issued.certificate_pem.encode(),
        "issuer": issued.chain_pem[0].encode(),
        "root": root.certificate_pem.encode(),
    }
    trust = "--load-signer" if responder is ResponderKind.DIRECT else "--load-trust"
    for said in ("good", "revoked"):
        answer = estate.answer(issued)
        paths = {key: write(tmp_path / key, content) for key, content in (files | {"answer": answer}).items()}
        known = ("-issuer", paths["issuer"], "-cert", paths["leaf"])
        asked = ("-respin", paths["answer"], "-no_nonce", "-CAfile", paths["root"])
        judged = openssl("ocsp", *known, *asked, "-verify_other", paths["issuer"], check=False)
        assert "Response verify OK" in judged
        assert f"leaf: {said}" in judged
        judged = ocsptool(
            *("--verify-response", "--load-response", paths["answer"]),
            *(trust, paths["issuer"]),
            check=False,
        )
        assert "Verifying OCSP Response: Success." in judged, judged
        if said == "good":
            estate.revoke(issued)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
