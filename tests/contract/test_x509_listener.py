"""The certificate of our own listener, on both engines."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca_service.audit.search import AuditFilter
from ca_service.database.port import Database
from ca_service.kernel.errors import NotFoundError
from ca_service.x509.listener import (
    ListenerCertificate,
    issue_listener_certificate,
    listener_names,
    trust_anchor,
)
from ca_service.x509.operations import CertificateFilter, ListCertificates
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import PLAIN_URL, TENANT, CertificateGround, dns_names, parse


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(database, clock, reserved_names=("ca.example.com",)).start())


async def issue(ground: CertificateGround, **fields: Any) -> ListenerCertificate:
    return await issue_listener_certificate(
        database=ground.database,
        custody=ground.custody,
        audit=ground.audit,
        identifiers=ground.identifiers,
        randomness=ground.randomness,
        tenant=TENANT,
        public_url="https://ca.example.com:8443",
        plain_public_url=PLAIN_URL,
        **fields,
    )


async def test_it_is_for_the_public_host_and_for_loopback(ground: CertificateGround) -> None:
    certificate = parse((await issue(ground)).chain_pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert dns_names(certificate) == ["ca.example.com", "localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


async def test_it_serves_tls_only(ground: CertificateGround) -> None:
    certificate = parse((await issue(ground)).chain_pem)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


async def test_an_ssl_context_takes_it(ground: CertificateGround, tmp_path: Path) -> None:
    issued = await issue(ground)
    (tmp_path / "chain.pem").write_text(issued.chain_pem)
    (tmp_path / "key.pem").write_text(issued.private_key.reveal())
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")


async def test_it_stands_in_the_inventory(ground: CertificateGround) -> None:
    issued = await issue(ground)
    wanted = CertificateFilter(name="ca.example.com")
    page = await ground.perform(ListCertificates(project="default", filter=wanted))
    assert [(item.certificate.id, item.certificate.profile) for item in page.items] == [
        (issued.id, "listener")
    ]


async def test_it_stands_in_the_trail(ground: CertificateGround) -> None:
    issued = await issue(ground)
    await ground.audit.sequence()
    found = await ground.audit.search(AuditFilter(organization=TENANT.organization, action="x509:issue"))
    assert [numbered.entry.details["serial_number"] for numbered in found] == [issued.serial_number]


async def test_it_is_due_at_two_thirds_of_its_life(ground: CertificateGround) -> None:
    issued = await issue(ground, lifetime=timedelta(days=30))
    assert abs(issued.renew_at - ground.clock.now() - timedelta(days=20)) < timedelta(seconds=2)


async def test_without_the_authority_there_is_none(ground: CertificateGround) -> None:
    with pytest.raises(NotFoundError):
        await issue(ground, authority="nonesuch")


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("https://127.0.0.1:8443", "127.0.0.1"),
        ("https://[::1]:8443", "::1"),
        ("https://CA.example.com", "ca.example.com"),
        ("https://localhost", "localhost"),
    ],
)
def test_the_public_host_stands_first_and_once(url: str, first: str) -> None:
    names = [name.value for name in listener_names(url)]
    assert names[0] == first
    assert {"localhost", "127.0.0.1", "::1"} <= set(names)
    assert len(names) == len(set(names))


async def test_the_trust_anchor_verifies_its_chain(ground: CertificateGround) -> None:
    anchor = parse(await trust_anchor(ground.database, ground.custody))
    _, issuing = x509.load_pem_x509_certificates((await issue(ground)).chain_pem.encode())
    issuing.verify_directly_issued_by(anchor)
