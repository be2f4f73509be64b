"""Fakes below ACME: a certificate authority in memory, a world to validate against, and a queue by hand."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, Self, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.database.port import Transaction
from ca_service.egress.errors import EgressError, NameNotFoundError
from ca_service.egress.http_challenge import ChallengeAnswer
from ca_service.egress.records import CaaRecord, TextRecords
from ca_service.egress.tls_handshake import HandshakeAnswer
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.principals import cedar_name
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.randomness import SystemRandomness
from ca_service.policy.names import Name, NameKind
from ca_service.policy.values import Access, Entity, Grant, Resource
from ca_service.queue.jobs import JobHandler, JobRun
from ca_service.x509.certificates import Certificate, CertificateStatus, serial_text
from ca_service.x509.handlers.block_keys import ReserveAccountKeyHandler
from ca_service.x509.operations import (
    CsrRequest,
    IssueCertificate,
    IssuedCertificate,
    ListedCertificate,
    ReadCertificate,
    ReserveAccountKey,
    RevokeCertificate,
)
from ca_service.x509.requests import parse_csr
from tests.support.fakes.notify import FakeNotifier

T = TypeVar("T")


class FakeAuthority:
    """Issues with a key of its own and keeps the inventory in a dict.

    `alternates` are the chains that its certificates have beside the first.
    """

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.inventory: dict[str, Certificate] = {}
        self.asked: list[IssueCertificate] = []
        self.alternates: tuple[tuple[str, ...], ...] = ()
        self.while_signing: Callable[[], Awaitable[None]] | None = None

    def handlers(self) -> Mapping[type, Any]:
        """Return the handlers that x509 would contribute."""
        return {
            IssueCertificate: _Issue(self),
            ReadCertificate: _Read(self),
            RevokeCertificate: _Revoke(self),
            # Needs nothing but the table of keys that are refused.
            ReserveAccountKey: ReserveAccountKeyHandler(),
        }

    def sign(self, call: Call, operation: IssueCertificate) -> Certificate:
        """Return a certificate for the CSR of `operation`."""
        assert isinstance(operation.request, CsrRequest)
        request = parse_csr(operation.request.csr_der)
        number = int.from_bytes(SystemRandomness().token_bytes(8), "big") | 1
        names = request.names
        if not names:
            assert request.common_name is not None
            assert request.common_name.name is not None
            names = (request.common_name.name,)
        signed = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Fake CA")]))
            .public_key(request.public_key)
            .serial_number(number)
            .not_valid_before(operation.not_before or call.now)
            .not_valid_after(operation.not_after or call.now + timedelta(days=47))
            .add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=True
            )
            .sign(self.key, hashes.SHA256())
        )
        return Certificate(
            id=f"crt_{number:x}",
            tenant=call.home,
            authority_id="aut_1",
            authority="issuing",
            profile=operation.profile,
            serial_number=serial_text(number),
            common_name=None,
            names=names,
            key_algorithm=KeyAlgorithm.EC_P256,
            has_server_made_key=False,
            der=signed.public_bytes(serialization.Encoding.DER),
            not_before=call.now,
            not_after=call.now + timedelta(days=47),
            owner=cedar_name(Entity(call.caller.kind.value, call.caller.id)),
            requested_ttl_seconds=1,
            created_at=call.now,
            directory=operation.directory,
        )


def _general_name(name: Name) -> x509.GeneralName:
    if name.kind is NameKind.IP:
        return x509.IPAddress(ip_address(name.value))
    return x509.DNSName(name.value)


def pem_of(certificate: Certificate) -> str:
    """Return a certificate as PEM."""
    loaded = x509.load_der_x509_certificate(certificate.der)
    return loaded.public_bytes(serialization.Encoding.PEM).decode()


def _access(action: str, call: Call, id_: str) -> Access:
    return Access(action, Resource(Entity("Certificate", id_), "certificate", call.home), "x509:read")


class _Issue(Handler[IssueCertificate, IssueCertificate, Certificate, IssuedCertificate]):
    def __init__(self, authority: FakeAuthority) -> None:
        self._authority = authority

    async def prepare(self, call: Call, operation: IssueCertificate) -> Prepared[IssueCertificate]:
        return Prepared(operation, (_access(operation.action, call, "new"),))

    async def sign(self, call: Call, draft: IssueCertificate, grant: Grant) -> Certificate:
        self._authority.asked.append(draft)
        signed = self._authority.sign(call, draft)
        if self._authority.while_signing is not None:
            await self._authority.while_signing()
        return signed

    async def record(self, transaction: Transaction, call: Call, signed: Certificate) -> IssuedCertificate:
        transaction.on_commit(lambda: self._authority.inventory.update({signed.id: signed}))
        return IssuedCertificate(
            id=signed.id,
            serial_number=signed.serial_number,
            certificate_pem=pem_of(signed),
            chain_pem=("-----BEGIN CERTIFICATE-----\naXNzdWVy\n-----END CERTIFICATE-----\n",),
            profile=signed.profile,
            authority=signed.authority,
            authority_id=signed.authority_id,
            not_before=signed.not_before,
            not_after=signed.not_after,
            lifetime=timedelta(days=47),
            common_name=None,
            names=signed.names,
            key_algorithm=signed.key_algorithm,
        )


class _Read(Reader[ReadCertificate, ListedCertificate]):
    def __init__(self, authority: FakeAuthority) -> None:
        self._authority = authority

    async def prepare(self, call: Call, operation: ReadCertificate) -> Prepared[ListedCertificate]:
        found = self._authority.inventory.get(operation.certificate)
        owner = cedar_name(Entity(call.caller.kind.value, call.caller.id))
        if found is None or found.owner != owner:
            raise NotFoundError("certificate")
        listed = replace(_listed(found, call.now), alternates=self._authority.alternates)
        return Prepared(listed, (_access(operation.action, call, found.id),))


class _Revoke(Handler[RevokeCertificate, Certificate, Certificate, ListedCertificate]):
    def __init__(self, authority: FakeAuthority) -> None:
        self._authority = authority

    async def prepare(self, call: Call, operation: RevokeCertificate) -> Prepared[Certificate]:
        found = self._authority.inventory[operation.certificate]
        if found.revoked_at is None:
            found = replace(found, revoked_at=call.now, revocation_reason=operation.reason)
        return Prepared(found, (_access(operation.action, call, found.id),))

    async def sign(self, call: Call, draft: Certificate, grant: Grant) -> Certificate:
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Certificate) -> ListedCertificate:
        transaction.on_commit(lambda: self._authority.inventory.update({signed.id: signed}))
        return _listed(signed, call.now)


def _listed(certificate: Certificate, now: datetime) -> ListedCertificate:
    status = CertificateStatus.VALID if certificate.revoked_at is None else CertificateStatus.REVOKED
    issuer = "-----BEGIN CERTIFICATE-----\naXNzdWVy\n-----END CERTIFICATE-----\n"
    del now
    return ListedCertificate(
        certificate=certificate, status=status, certificate_pem=pem_of(certificate), chain_pem=(issuer,)
    )


class FakeWorld:
    """What is outside: bodies by (host, path), TXT and CAA records by name, certificates by server name.

    An EgressError in their place is raised; `broken` is raised by everything. `asked_resolvers` are those of
    each validation.
    """

    def __init__(self) -> None:
        self.records: dict[str, tuple[bytes, ...] | EgressError] = {}
        self.answers: dict[tuple[str, str], bytes | EgressError] = {}
        self.authorities: dict[str, tuple[CaaRecord, ...] | EgressError] = {}
        self.handshakes: dict[str, HandshakeAnswer | EgressError] = {}
        self.default: EgressError = EgressError("Nothing listens there.")
        self.fetched: list[tuple[str, str]] = []
        self.broken: Exception | None = None
        self.asked_resolvers: list[tuple[str, ...]] = []
        self.notified = FakeNotifier()

    def validation(self, resolvers: tuple[str, ...] = ()) -> Self:
        self.asked_resolvers.append(resolvers)
        if self.broken is not None:
            raise self.broken
        return self

    def notifier(self) -> FakeNotifier:
        return self.notified

    async def fetch(self, host: str, path: str) -> ChallengeAnswer:
        self.fetched.append((host, path))
        answer = _given(self.answers.get((host, path), self.default))
        return ChallengeAnswer(answer, ascii(answer[:100])[2:-1], host, "192.0.2.1", 80, ())

    async def texts(self, name: str) -> TextRecords:
        missing = NameNotFoundError("There is no such name.", name=name, resolver="r", rcode="NXDOMAIN")
        answer = _given(self.records.get(name, missing))
        return TextRecords(answer, len(answer), "192.0.2.53:53")

    async def caa(self, name: str) -> tuple[CaaRecord, ...]:
        return _given(self.authorities.get(name, ()))

    async def shake_hands(self, host: str, server_name: str, protocol: str) -> HandshakeAnswer:
        del host, protocol
        return _given(self.handshakes.get(server_name, self.default))


def _given(answer: T | EgressError) -> T:
    if isinstance(answer, EgressError):
        raise answer
    return answer


def run_of(payload: bytes) -> JobRun:
    """Return a run of a job that stands in no table, so that there is nothing to finish."""
    return JobRun(payload, lambda transaction: None)


class FakeQueue:
    """Jobs that were committed, run when a test says so and not before.

    `runs_here` says to whom a job is left that is to run in the process that enqueued it.
    """

    def __init__(self) -> None:
        self.jobs: list[tuple[str, bytes, datetime | None]] = []
        self.runs_here = False

    async def enqueue(
        self,
        transaction: Transaction,
        kind: str,
        payload: bytes,
        *,
        run_at: datetime | None = None,
        unique: str | None = None,
        here: bool = False,
    ) -> bool:
        transaction.on_commit(lambda: self.jobs.append((kind, payload, run_at)))
        return here and self.runs_here

    async def run_all(self, handlers: Mapping[str, JobHandler]) -> None:
        """Run what is waiting, without regard for the time; what that enqueues waits for the next call."""
        waiting, self.jobs = self.jobs, []
        for kind, payload, _ in waiting:
            await handlers[kind](run_of(payload))
