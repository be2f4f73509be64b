"""Certificates that were issued elsewhere, and the hashes all certificates are found by, on both engines."""

import asyncio
import datetime as dt
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import delete, null, update

from ca_service.database.port import Database, Transaction
from ca_service.database.statement import Statement, statement
from ca_service.kernel.errors import ForbiddenError
from ca_service.x509.blocked_keys import key_hash
from ca_service.x509.certificates import CertificateStatus
from ca_service.x509.imports import AlreadyInInventoryError, ChainRefusedError, ImportMalformedError
from ca_service.x509.operations import CertificateFilter, ListCertificates, RevokeCertificate
from ca_service.x509.operations.imports import ImportCertificate, ReadImport
from ca_service.x509.storage.hashes import are_hashes_complete, fill_hashes
from ca_service.x509.storage.tables import CERTIFICATES, NAMES
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import MEMBER, CertificateGround, days, parse

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(database, clock).start())


class Elsewhere:
    """An authority that is not ours: a root that signs."""

    def __init__(self, *, is_authority: bool = True) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Elsewhere")])
        builder = self._builder(self.name, self.key.public_key())
        constraints = x509.BasicConstraints(ca=is_authority, path_length=None)
        signed = builder.add_extension(constraints, critical=True).sign(self.key, hashes.SHA256())
        self.pem = signed.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, host: str, *, lives: int = 90) -> str:
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        builder = self._builder(x509.Name([]), key, lives)
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        signed = builder.add_extension(names, critical=True).sign(self.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()

    def _builder(self, subject: x509.Name, key: Any, lives: int = 3650) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(START)
            .not_valid_after(START + days(lives))
        )


def importing(certificate: str, *chain: str) -> ImportCertificate:
    return ImportCertificate(project="default", certificate_pem=certificate, chain_pem=chain)


async def found(ground: CertificateGround, **fields: Any) -> list[str]:
    order_by = fields.pop("order_by", "-created_at")
    operation = ListCertificates(
        project="default", filter=CertificateFilter(**fields), order_by=order_by, limit=1000
    )
    return [item.certificate.id for item in (await ground.perform(operation)).items]


async def test_a_chain_to_its_end_is_imported_and_none_is_unverified(ground: CertificateGround) -> None:
    elsewhere = Elsewhere()
    checked = await ground.perform(importing(elsewhere.issue("a.example.org"), elsewhere.pem))
    loose = await ground.perform(importing(elsewhere.issue("b.example.org")))
    assert (checked.status, loose.status) == (CertificateStatus.IMPORTED, CertificateStatus.UNVERIFIED)
    assert await found(ground, status=CertificateStatus.IMPORTED) == [checked.id]
    assert await found(ground, status=CertificateStatus.UNVERIFIED) == [loose.id]


@pytest.mark.parametrize("chain", ["another", "no-authority"])
async def test_a_chain_that_did_not_sign_it_is_refused(ground: CertificateGround, chain: str) -> None:
    elsewhere = Elsewhere(is_authority=chain != "no-authority")
    given = Elsewhere().pem if chain == "another" else elsewhere.pem
    with pytest.raises(ChainRefusedError) as caught:
        await ground.perform(importing(elsewhere.issue("a.example.org"), given))
    assert caught.value.field == "chain[0]"


async def test_it_is_found_among_our_own_by_every_filter(ground: CertificateGround) -> None:
    own = await ground.issue("own.example.org")
    pem = Elsewhere().issue("a.example.org")
    certificate = parse(pem)
    imported = await ground.perform(importing(pem))
    digest = sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
    filters: list[dict[str, Any]] = [
        {"name": "a.example.org"},
        {"serial_number": f"{certificate.serial_number:x}"},
        {"fingerprint": digest},
        {"key_hash": key_hash(certificate.public_key()).hex()},
    ]
    assert [await found(ground, **fields) for fields in filters] == [[imported.id]] * len(filters)
    assert set(await found(ground, name="*.example.org")) == {own.id, imported.id}


async def test_our_own_is_found_by_fingerprint_and_key(ground: CertificateGround) -> None:
    issued = await ground.issue("own.example.org")
    certificate = parse(issued.certificate_pem)
    digest = sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
    assert await found(ground, fingerprint=digest.upper()) == [issued.id]
    assert await found(ground, key_hash=key_hash(certificate.public_key()).hex()) == [issued.id]


@pytest.mark.parametrize("order_by", ["created_at", "-created_at", "not_after", "-not_after"])
async def test_pages_go_over_both_kinds_without_loss(ground: CertificateGround, order_by: str) -> None:
    elsewhere = Elsewhere()
    for place in range(3):
        await ground.issue(f"own{place}.example.org")
        await ground.perform(importing(elsewhere.issue(f"a{place}.example.org", lives=30 + 10 * place)))
    whole = await found(ground, order_by=order_by)
    paged: list[str] = []
    cursor = None
    while True:
        page = await ground.perform(
            ListCertificates(project="default", order_by=order_by, limit=2, cursor=cursor)
        )
        paged += [item.certificate.id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert paged == whole
    assert len(set(paged)) == len(paged) >= 6


async def test_what_the_inventory_lost_can_be_imported_and_revoked(
    ground: CertificateGround, database: Database
) -> None:
    issued = await ground.issue("own.example.org")
    # As a restored backup has it.
    for table in (NAMES, CERTIFICATES):
        column = table.c.certificate if table is NAMES else table.c.id
        forget = statement(delete(table).where(column == issued.id))

        async def work(transaction: Transaction, forget: Statement = forget) -> None:
            await transaction.execute(forget)

        await database.begin(work)
    imported = await ground.perform(importing(issued.certificate_pem))
    assert (imported.is_own, imported.status) == (True, CertificateStatus.VALID)
    revoked = await ground.perform(RevokeCertificate(project="default", certificate=imported.id))
    assert revoked.status is CertificateStatus.REVOKED


async def test_what_stands_in_the_inventory_is_not_imported_again(ground: CertificateGround) -> None:
    pem = Elsewhere().issue("a.example.org")
    await ground.perform(importing(pem))
    own = await ground.issue("own.example.org")
    for again in (pem, own.certificate_pem):
        with pytest.raises(AlreadyInInventoryError):
            await ground.perform(importing(again))


async def test_an_imported_certificate_is_not_ours_to_revoke(ground: CertificateGround) -> None:
    imported = await ground.perform(importing(Elsewhere().issue("a.example.org")))
    read = await ground.perform(ReadImport(project="default", certificate=imported.id))
    assert read.certificate.issuer == "CN=Elsewhere"
    with pytest.raises(Exception, match="no such certificate"):
        await ground.perform(RevokeCertificate(project="default", certificate=imported.id))


@pytest.mark.parametrize(
    "text", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
async def test_what_is_no_certificate_is_refused(ground: CertificateGround, text: str) -> None:
    with pytest.raises(ImportMalformedError):
        await ground.perform(importing(text))


async def test_a_member_does_not_import(ground: CertificateGround) -> None:
    with pytest.raises(ForbiddenError):
        await ground.perform(importing(Elsewhere().issue("a.example.org")), MEMBER)


async def test_rows_of_an_earlier_release_are_filled_in_bounded_steps(
    ground: CertificateGround, database: Database
) -> None:
    issued = await ground.issue("own.example.org")
    digest = sha256(parse(issued.certificate_pem).public_bytes(serialization.Encoding.DER)).hexdigest()
    forget = statement(update(CERTIFICATES).values(fingerprint=null(), key_hash=null()))
    await database.begin(lambda transaction: transaction.execute(forget))
    assert not await are_hashes_complete(database)
    assert await fill_hashes(database, most=1) == 1
    while await fill_hashes(database, most=100):
        continue
    assert await are_hashes_complete(database)
    assert await found(ground, fingerprint=digest) == [issued.id]
