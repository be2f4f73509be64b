"""The OCSP responder on both engines: what it says, what it keeps, and that it writes nothing."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.ocsp import OCSPResponseStatus as Answered

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.signers import Signer
from ca_service.database.port import Database
from ca_service.kernel.errors import NotFoundError, UnavailableError
from ca_service.policy.names import NameKind
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.issuers import PublicAddresses
from ca_service.x509.ocsp_responder import OcspAnswer, OcspResponder
from ca_service.x509.operations import (
    CreateAuthority,
    CreateProfile,
    IssuedCertificate,
    ListAuthorities,
    RevokeCertificate,
)
from ca_service.x509.profiles import ProfileSettings, Purpose
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.signing_queue import SigningQueue
from ca_service.x509.storage.certificates import find_certificate
from tests.support.fakes.kernel import FakeClock
from tests.support.ocsp import (
    GOOD,
    REVOKED,
    SHA256_OID,
    UNKNOWN,
    certificate_id,
    hand_request,
    read_answer,
    request_for,
    revocation_told,
    told,
)
from tests.support.x509_ground import PLAIN_URL, TENANT, CertificateGround, parse

SERIAL_OF_NOBODY = 0x4D2


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(database, clock).start())


class FillableQueue(SigningQueue):
    """A queue that is full when a test says so."""

    is_full = False

    async def sign(self, signer: Signer, data: bytes) -> bytes | None:
        return None if self.is_full else await super().sign(signer, data)


def responder_of(ground: CertificateGround, queue: SigningQueue | None = None) -> OcspResponder:
    """Return a responder with a memory of its own, as another process has it."""
    catalogue = Catalogue(ground.database, ground.custody, PublicAddresses(PLAIN_URL))
    return OcspResponder(catalogue, ground.database, ground.custody, queue)


def issuer_of(issued: IssuedCertificate) -> x509.Certificate:
    return parse(issued.chain_pem[0])


def serial_of(issued: IssuedCertificate) -> int:
    return int(issued.serial_number, 16)


class OnlyRead:
    """A database that lets nothing be written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        assert name not in {"begin", "append"}, f"{name} writes"
        return getattr(self._database, name)


async def ask(
    ground: CertificateGround,
    issued: IssuedCertificate,
    responder: OcspResponder | None = None,
    **options: Any,
) -> OcspAnswer:
    """Ask for one certificate; any hash, any nonce."""
    request = request_for(issuer_of(issued), serial_of(issued), **options)
    return await (responder or ground.assembly.responder).answer(issued.authority_id, request)


async def ask_for(ground: CertificateGround, issued: IssuedCertificate, request: bytes) -> OcspAnswer:
    """Ask the authority of a certificate."""
    return await ground.assembly.responder.answer(issued.authority_id, request)


def revoke(
    issued: IssuedCertificate, reason: RevocationReason = RevocationReason.KEY_COMPROMISE
) -> RevokeCertificate:
    return RevokeCertificate(project="default", certificate=issued.id, reason=reason)


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=["sha1", "sha256"])
async def test_a_certificate_that_was_issued_is_good(
    ground: CertificateGround, algorithm: hashes.HashAlgorithm
) -> None:
    issued = await ground.issue("api.example.com")
    answer = await ask(ground, issued, hash_algorithm=algorithm)
    read = read_answer(answer.body)
    assert told(answer.body) == [(serial_of(issued), GOOD)]
    assert type(read.hash_algorithm) is type(algorithm)


async def test_the_answer_is_signed_by_the_issuing_authority(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    read = read_answer((await ask(ground, issued)).body)
    key: Any = issuer_of(issued).public_key()
    key.verify(read.signature, read.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
    identifier = x509.SubjectKeyIdentifier.from_public_key(key).digest
    assert (read.responder_key_hash, read.certificates) == (identifier, [])


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
async def test_an_authority_of_any_algorithm_answers(
    ground: CertificateGround, algorithm: KeyAlgorithm
) -> None:
    await ground.perform(
        CreateAuthority(project="default", name="other", parent="root", key_algorithm=algorithm)
    )
    settings = ProfileSettings(authority="other", purposes=(Purpose.SERVER,), name_kinds=(NameKind.DNS,))
    await ground.perform(CreateProfile(project="default", name="other", settings=settings))
    issued = await ground.issue("api.example.com", profile="other")
    assert told((await ask(ground, issued)).body) == [(serial_of(issued), GOOD)]


async def test_a_revoked_certificate_is_told_with_time_and_reason(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    listed = await ground.perform(revoke(issued))
    answer = await ask(ground, issued)
    at = listed.certificate.revoked_at.replace(microsecond=0)
    assert told(answer.body) == [(serial_of(issued), REVOKED)]
    assert revocation_told(answer.body) == (at, x509.ReasonFlags.key_compromise)


async def test_an_unspecified_reason_is_left_out(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    await ground.perform(revoke(issued, RevocationReason.UNSPECIFIED))
    assert revocation_told((await ask(ground, issued)).body)[1] is None


@pytest.mark.parametrize("serial", [SERIAL_OF_NOBODY, 1, 2**159 - 1])
async def test_a_number_that_nobody_issued_is_unknown_and_no_cache_keeps_it(
    ground: CertificateGround, serial: int
) -> None:
    issued = await ground.issue("api.example.com")
    answer = await ask_for(ground, issued, request_for(issuer_of(issued), serial))
    assert told(answer.body) == [(serial, UNKNOWN)]
    assert answer.artefact is None


@pytest.mark.parametrize("number", [b"\x00", b"\xff", b"\x80\x01"], ids=["zero", "minus one", "negative"])
async def test_a_number_that_no_certificate_has_is_unknown(ground: CertificateGround, number: bytes) -> None:
    issued = await ground.issue("api.example.com")
    request = hand_request(certificate_id(issuer_of(issued), 0, number=number))
    ((_, status),) = told((await ask_for(ground, issued, request)).body)
    assert status is UNKNOWN


async def test_the_certificate_of_another_authority_is_not_ours_to_judge(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    root, _ = await ground.perform(ListAuthorities(project="default"))
    request = request_for(issuer_of(issued), serial_of(issued))
    answer = await ground.assembly.responder.answer(root.authority.id, request)
    assert read_answer(answer.body).response_status is Answered.UNAUTHORIZED


async def test_a_number_of_another_authority_is_never_good(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    root, _ = await ground.perform(ListAuthorities(project="default"))
    request = request_for(parse(root.certificate_pem), serial_of(issued))
    answer = await ground.assembly.responder.answer(root.authority.id, request)
    assert told(answer.body) == [(serial_of(issued), UNKNOWN)]


async def test_the_root_answers_for_the_authorities_it_signed(ground: CertificateGround) -> None:
    root, issuing = await ground.perform(ListAuthorities(project="default"))
    serial = parse(issuing.certificate_pem).serial_number
    request = request_for(parse(root.certificate_pem), serial)
    for _ in range(2):
        answer = await ground.assembly.responder.answer(root.authority.id, request)
        assert told(answer.body) == [(serial, GOOD)]


async def test_several_certificates_are_answered_at_once_and_in_order(ground: CertificateGround) -> None:
    good, bad = await ground.issue("a.example.com"), await ground.issue("b.example.com")
    await ground.perform(revoke(bad))
    issuer = issuer_of(good)
    root, _ = await ground.perform(ListAuthorities(project="default"))
    request = hand_request(
        certificate_id(issuer, serial_of(good)),
        certificate_id(issuer, serial_of(bad), algorithm=SHA256_OID),
        certificate_id(issuer, SERIAL_OF_NOBODY),
        certificate_id(parse(root.certificate_pem), serial_of(good)),
    )
    answer = await ask_for(ground, good, request)
    assert told(answer.body) == [
        (serial_of(good), GOOD),
        (serial_of(bad), REVOKED),
        (SERIAL_OF_NOBODY, UNKNOWN),
        (serial_of(good), UNKNOWN),
    ]


@pytest.mark.parametrize("length", [1, 16, 32, 128])
async def test_a_nonce_comes_back(ground: CertificateGround, length: int) -> None:
    issued = await ground.issue("api.example.com")
    await ask(ground, issued)
    nonce = bytes(range(length))
    answer = await ask(ground, issued, nonce=nonce)
    found = read_answer(answer.body).extensions.get_extension_for_class(x509.OCSPNonce)
    assert (found.value.nonce, answer.artefact) == (nonce, None)


@pytest.mark.parametrize("length", [0, 129])
async def test_a_nonce_of_another_length_is_refused(ground: CertificateGround, length: int) -> None:
    issued = await ground.issue("api.example.com")
    answer = await ask(ground, issued, nonce=bytes(length))
    assert read_answer(answer.body).response_status is Answered.MALFORMED_REQUEST


async def test_an_authority_that_does_not_exist_is_not_found(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    request = request_for(issuer_of(issued), serial_of(issued))
    with pytest.raises(NotFoundError):
        await ground.assembly.responder.answer("ca_nobody", request)


async def test_a_kept_answer_goes_out_again_unsigned(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    first = await ask(ground, issued)
    ground.clock.advance(timedelta(hours=5))
    assert (await ask(ground, issued)).body == first.body


async def test_a_kept_answer_waits_for_the_database_only_after_an_announcement(
    ground: CertificateGround,
) -> None:
    issued, other = await ground.issue("a.example.com"), await ground.issue("b.example.com")
    first = await ask(ground, issued)
    await asyncio.sleep(0)
    before = ground.database.waits
    await ask(ground, issued)
    assert ground.database.waits == before
    await ground.perform(revoke(other))
    before = ground.database.waits
    assert (await ask(ground, issued)).body == first.body
    assert ground.database.waits > before


async def test_an_answer_is_signed_anew_at_half_of_its_life(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    first = await ask(ground, issued)
    ground.clock.advance(timedelta(hours=6))
    second = await ask(ground, issued)
    before, after = read_answer(first.body), read_answer(second.body)
    assert before.this_update_utc + timedelta(hours=6) == after.this_update_utc
    assert after.next_update_utc == after.this_update_utc + timedelta(hours=12)


async def test_an_expired_certificate_keeps_the_status_it_had(ground: CertificateGround) -> None:
    good = await ground.issue("a.example.com", ttl=timedelta(hours=1))
    bad = await ground.issue("b.example.com", ttl=timedelta(hours=1))
    await ground.perform(revoke(bad))
    ground.clock.advance(timedelta(days=1))
    assert told((await ask(ground, good)).body) == [(serial_of(good), GOOD)]
    assert told((await ask(ground, bad)).body) == [(serial_of(bad), REVOKED)]


async def test_after_a_revocation_no_kept_answer_says_good(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    assert told((await ask(ground, issued)).body) == [(serial_of(issued), GOOD)]
    await ground.perform(revoke(issued))
    assert told((await ask(ground, issued)).body) == [(serial_of(issued), REVOKED)]


async def test_after_a_revocation_elsewhere_no_kept_answer_says_good_for_a_second(
    ground: CertificateGround,
) -> None:
    issued = await ground.issue("api.example.com")
    elsewhere = responder_of(ground)
    assert told((await ask(ground, issued, elsewhere)).body) == [(serial_of(issued), GOOD)]
    await ground.perform(revoke(issued))

    async def told_revoked() -> None:
        while told((await ask(ground, issued, elsewhere)).body) != [(serial_of(issued), REVOKED)]:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(told_revoked(), 1)


async def test_what_strangers_ask_writes_nothing(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    responder = responder_over(OnlyRead(ground.database), ground)
    await ask(ground, issued, responder)
    for request in (request_for(issuer_of(issued), 5, nonce=b"x"), b"rubbish"):
        await responder.answer(issued.authority_id, request)


class Away:
    """A database that can be away, or whose clock can be in doubt."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_away = False
        self.doubt: str | None = None

    def __getattr__(self, name: str) -> Any:
        if self.is_away and name in {"read", "read_one", "scan", "begin", "append"}:
            raise UnavailableError("The database is away; try again.")
        return getattr(self._database, name)

    def change_hint(self) -> int | None:
        return None if self.is_away else self._database.change_hint()

    def clock_doubt(self) -> str | None:
        return self.doubt


def responder_over(database: Any, ground: CertificateGround) -> OcspResponder:
    """Return a responder over this database."""
    return OcspResponder(
        Catalogue(database, ground.custody, PublicAddresses(PLAIN_URL)), database, ground.custody
    )


async def test_while_the_database_is_away_the_answer_is_try_later(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    database = Away(ground.database)
    responder = responder_over(database, ground)
    await ask(ground, issued, responder)
    database.is_away = True
    answer = await ask(ground, issued, responder)
    assert read_answer(answer.body).response_status is Answered.TRY_LATER
    database.is_away = False
    assert told((await ask(ground, issued, responder)).body) == [(serial_of(issued), GOOD)]


async def test_by_a_clock_in_doubt_nothing_is_signed_and_kept_answers_go_out(
    ground: CertificateGround,
) -> None:
    kept, other = await ground.issue("a.example.com"), await ground.issue("b.example.com")
    database = Away(ground.database)
    responder = responder_over(database, ground)
    first = await ask(ground, kept, responder)
    database.doubt = "The clock went back."
    assert (await ask(ground, kept, responder)).body == first.body
    answer = await ask(ground, other, responder)
    assert read_answer(answer.body).response_status is Answered.TRY_LATER


async def test_a_number_is_looked_up_by_one_read(ground: CertificateGround) -> None:
    issued = [await ground.issue(f"{name}.example.com") for name in "abc"]
    await ask(ground, issued[0])
    ids = (certificate_id(issuer_of(one), serial_of(one)) for one in issued)
    before = ground.database.waits
    await ask_for(ground, issued[0], hand_request(*ids))
    assert ground.database.waits == before + 1


async def test_where_too_many_wait_the_kept_answer_goes_out(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    queue = FillableQueue()
    responder = responder_of(ground, queue)
    kept = await ask(ground, issued, responder)
    signed = await ask(ground, issued, responder, nonce=bytes(16))
    queue.is_full = True
    answer = await ask(ground, issued, responder, nonce=bytes(16))
    assert (signed.body == kept.body, answer.body == kept.body) == (False, True)


async def test_where_too_many_wait_and_nothing_is_kept_the_answer_is_try_later(
    ground: CertificateGround,
) -> None:
    issued = await ground.issue("api.example.com")
    responder = responder_of(ground, SigningQueue(most_waiting=0))
    answer = await ask(ground, issued, responder)
    assert read_answer(answer.body).response_status is Answered.TRY_LATER


async def test_where_too_many_wait_a_kept_good_is_not_told_of_a_revoked_certificate(
    ground: CertificateGround,
) -> None:
    issued = await ground.issue("api.example.com")
    queue = FillableQueue()
    responder = responder_of(ground, queue)
    await ask(ground, issued, responder)
    await ground.perform(revoke(issued))
    found = await find_certificate(ground.database, TENANT, issued.id)
    assert found is not None
    assert found.revoked_at is not None
    queue.is_full = True
    answer = await ask(ground, issued, responder)
    assert read_answer(answer.body).response_status is Answered.TRY_LATER
