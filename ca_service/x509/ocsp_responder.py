"""The OCSP responder: signs with the key of the authority or of its responder, keeps answers in memory.

A kept answer goes out without a look at the database while no process announces a change, and revocations
are announced; after any announcement the inventory's row is read before the answer is used again. Nothing a
stranger asks is written down.
"""

from datetime import datetime
from hashlib import sha1, sha256
from typing import TypeAlias

from cryptography import x509
from msgspec import Struct
from msgspec.structs import replace

from ca_service.custody.custody import Custody
from ca_service.custody.public_keys import public_key_der
from ca_service.custody.signers import Signer
from ca_service.custody.withheld_keys import PublicKey
from ca_service.database.port import Database
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.errors import NotFoundError, UnavailableError
from ca_service.x509.artefacts import Artefact, Standing, artefact_of_status
from ca_service.x509.authorities import Authority
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.certificates import serial_text
from ca_service.x509.der import BIT_STRING, SEQUENCE, DerError, elements, only_element
from ca_service.x509.issuers import Issuer
from ca_service.x509.ocsp_answers import (
    ANSWER_LIFETIME,
    UNKNOWN_LIFETIME,
    ErrorStatus,
    RecordedStatus,
    answers_to_sign,
    error_answer,
    signed_answer,
    single_answer,
)
from ca_service.x509.ocsp_delegates import Delegate
from ca_service.x509.ocsp_requests import CertificateId, StatusRequest, parse_status_request
from ca_service.x509.publishing import ResponderKind
from ca_service.x509.signing_queue import SigningQueue
from ca_service.x509.storage.authorities import list_authorities
from ca_service.x509.storage.ocsp import find_statuses
from ca_service.x509.storage.ocsp_responders import TABLE, find_last_delegate

_MOST_KEPT = 10_000
_MOST_ISSUERS = 1_000
_GOOD = RecordedStatus()

#: An authority's id, and the certificate as the request names it: four ways at most for each certificate.
_Key: TypeAlias = tuple[str, bytes]
_Statuses: TypeAlias = dict[int, RecordedStatus]


class OcspAnswer(Struct, frozen=True):
    """An answer in DER; `artefact` is None for one that no cache may keep."""

    body: bytes
    artefact: Artefact | None = None


class _Kept(Struct, frozen=True):
    """A signed answer, what it says, and the state of the database in which that was seen."""

    answer: OcspAnswer
    status: RecordedStatus
    standing: int | None
    signed_at: datetime
    key_id: str

    def is_young(self, now: datetime) -> bool:
        """Tell an answer that is not to be signed anew yet."""
        return now < self.signed_at + ANSWER_LIFETIME / 2


class _Signing(Struct, frozen=True):
    """An authority that is ready to answer, and how requests name it, by the hash they use.

    `key_hash` names the key that signs; `delegate` is whose that is, None for the authority's own.
    """

    issuer: Issuer
    signer: Signer
    key_hash: bytes
    names: dict[str, tuple[bytes, bytes]]
    delegate: Delegate | None = None

    def issued(self, asked: CertificateId) -> bool:
        """Tell whether a request means this authority."""
        return self.names.get(asked.hash_name or "") == (asked.issuer_name_hash, asked.issuer_key_hash)


_ERRORS = {status: OcspAnswer(error_answer(status)) for status in ErrorStatus}


class OcspResponder:
    """Answers for every authority of the instance (RFC 6960, RFC 5019)."""

    def __init__(
        self,
        catalogue: Catalogue,
        database: Database,
        custody: Custody,
        queue: SigningQueue | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._database = database
        self._custody = custody
        self._delegate_mac = RowMac(custody, TABLE)
        self._queue = queue or SigningQueue()
        self._kept: dict[_Key, _Kept] = {}
        self._signing: dict[tuple[str, int], _Signing] = {}
        #: By authority, with the state of the database in which it was the last one.
        self._delegated: dict[str, tuple[int | None, _Signing]] = {}
        self._children: dict[str, tuple[int, frozenset[int]]] = {}

    async def answer(self, authority_id: str, request: bytes) -> OcspAnswer:
        """Return the answer to a request in DER, be it an error. Raises NotFoundError for no authority."""
        try:
            asked = parse_status_request(request)
        except DerError:
            return _ERRORS[ErrorStatus.MALFORMED_REQUEST]
        try:
            return await self._answer(authority_id, asked)
        except UnavailableError:
            return _ERRORS[ErrorStatus.TRY_LATER]

    def malformed(self) -> OcspAnswer:
        """Return the answer to what is not even bytes in Base64."""
        return _ERRORS[ErrorStatus.MALFORMED_REQUEST]

    async def _answer(self, authority_id: str, asked: StatusRequest) -> OcspAnswer:
        # Taken before anything is read: whatever changes later is announced later.
        standing = self._catalogue.standing()
        now = self._database.now()
        only = asked.certificate_ids[0] if len(asked.certificate_ids) == 1 else None
        kept = None if only is None else self._kept.get((authority_id, only.der))
        is_usable = kept is not None and asked.nonce is None and kept.is_young(now)
        is_current = kept is not None and standing is not None and kept.standing == standing
        if kept is not None and is_usable and is_current:
            return kept.answer
        authority = await self._catalogue.public_authority(authority_id)
        if authority is None:
            raise NotFoundError("authority")
        signing = await self._signing_of(authority, standing, now)
        if not any(map(signing.issued, asked.certificate_ids)):
            return _ERRORS[ErrorStatus.UNAUTHORIZED]
        if kept is not None and is_current:
            statuses = {asked.certificate_ids[0].serial_number: kept.status}
        else:
            statuses = await self._statuses(signing, asked.certificate_ids, standing)
        status = None if only is None else statuses.get(only.serial_number)
        if kept is not None and (kept.status != status or kept.key_id != signing.signer.key_id):
            kept = None
        if only is not None and kept is not None and is_usable:
            kept = replace(
                kept, standing=standing, answer=self._lasting(kept.answer, kept.signed_at, standing)
            )
            self._keep((authority_id, only.der), kept)
            return kept.answer
        return await self._fresh(signing, asked, statuses, standing, now, kept)

    async def _fresh(
        self,
        signing: _Signing,
        asked: StatusRequest,
        statuses: _Statuses,
        standing: int | None,
        now: datetime,
        kept: _Kept | None,
    ) -> OcspAnswer:
        """Sign an answer; where the queue is full, `kept` goes out while it is good, though without nonce."""
        signed = await self._sign(signing, asked, statuses, now)
        if signed is None:
            if kept is not None and now < kept.signed_at + ANSWER_LIFETIME:
                return _cacheable(kept.answer.body, kept.signed_at, now)
            return _ERRORS[ErrorStatus.TRY_LATER]
        if len(asked.certificate_ids) > 1 or asked.nonce is not None:
            return OcspAnswer(signed)
        only = asked.certificate_ids[0]
        status = statuses.get(only.serial_number)
        if status is None:
            return OcspAnswer(signed)
        answer = self._lasting(_cacheable(signed, now, now), now, standing)
        key = (signing.issuer.authority.id, only.der)
        self._keep(key, _Kept(answer, status, standing, now, signing.signer.key_id))
        return answer

    async def _sign(
        self, signing: _Signing, asked: StatusRequest, statuses: _Statuses, now: datetime
    ) -> bytes | None:
        if self._database.clock_doubt() is not None:
            # Nothing is published by a clock that is in doubt (S23).
            return None
        singles, whole = [], now.replace(microsecond=0)
        for certificate_id in asked.certificate_ids:
            status = statuses.get(certificate_id.serial_number) if signing.issued(certificate_id) else None
            lifetime = UNKNOWN_LIFETIME if status is None else ANSWER_LIFETIME
            singles.append(single_answer(certificate_id.der, status, whole, whole + lifetime))
        signer, delegate = signing.signer, signing.delegate
        data = answers_to_sign(signing.key_hash, whole, singles, asked.nonce)
        signature = await self._queue.sign(signer, data)
        return (
            None
            if signature is None
            else signed_answer(data, signer.algorithm, signature, None if delegate is None else delegate.der)
        )

    async def _statuses(
        self, signing: _Signing, asked: tuple[CertificateId, ...], standing: int | None
    ) -> _Statuses:
        """Return what is recorded of the numbers asked for; one that is missing was not issued here."""
        numbers = {one.serial_number for one in asked if one.serial_number > 0 and signing.issued(one)}
        authority = signing.issuer.authority
        found = await find_statuses(self._database, authority, map(serial_text, numbers))
        statuses = {int(serial, 16): status for serial, status in found.items()}
        if len(statuses) < len(numbers):
            for number in numbers & await self._authorities_below(authority, standing):
                statuses.setdefault(number, _GOOD)
        return statuses

    async def _authorities_below(self, authority: Authority, standing: int | None) -> frozenset[int]:
        """Return the numbers of the authorities this one signed, which stand in a table of their own."""
        known = self._children.get(authority.id)
        if known is not None and known[0] == standing:
            return known[1]
        mac = self._catalogue.authority_mac
        listed = await list_authorities(self._database, mac, authority.tenant)
        numbers = frozenset(
            x509.load_der_x509_certificate(child.certificate_der).serial_number
            for child in listed
            if child.parent == authority.id
        )
        if standing is not None:
            self._children[authority.id] = (standing, numbers)
        return numbers

    async def _signing_of(self, authority: Authority, standing: int | None, now: datetime) -> _Signing:
        """Return who signs: the responder, where one is chosen and its answers outlive no certificate."""
        direct = await self._signing_itself(authority)
        if direct.issuer.publishing.responder is ResponderKind.DIRECT:
            return direct
        known = self._delegated.get(authority.id)
        if known is None or standing is None or known[0] != standing:
            known = (standing, await self._delegated_by(direct, known))
            self._delegated[authority.id] = known
        delegate = known[1].delegate
        return known[1] if delegate is not None and delegate.can_sign(now) else direct

    async def _delegated_by(self, direct: _Signing, known: tuple[int | None, _Signing] | None) -> _Signing:
        authority = direct.issuer.authority
        found = await find_last_delegate(self._database, self._delegate_mac, authority.tenant, authority.id)
        if found is None or (known is not None and known[1].delegate == found):
            return direct if found is None or known is None else known[1]
        signer = await self._custody.signer(authority.tenant, found.key_id)
        key_hash = sha1(_key_bits(signer.public_key), usedforsecurity=False).digest()
        return _Signing(direct.issuer, signer, key_hash, direct.names, found)

    async def _signing_itself(self, authority: Authority) -> _Signing:
        key = (authority.id, authority.version)
        signing = self._signing.get(key)
        if signing is None:
            signing = _ready(await self._catalogue.issuer(authority))
            if len(self._signing) >= _MOST_ISSUERS:
                self._signing.clear()
            self._signing[key] = signing
        return signing

    def _lasting(self, answer: OcspAnswer, signed_at: datetime, standing: int | None) -> OcspAnswer:
        """Return a kept answer as one that stays until it is signed anew or a change is announced."""
        artefact = answer.artefact
        if artefact is None:
            return answer
        current = None
        if standing is not None:
            until = signed_at + ANSWER_LIFETIME / 2
            current = Standing(self._catalogue, self._database, standing, until)
        return OcspAnswer(answer.body, replace(artefact, current=current))

    def _keep(self, key: _Key, kept: _Kept) -> None:
        if key not in self._kept and len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = kept


def _cacheable(signed: bytes, signed_at: datetime, now: datetime) -> OcspAnswer:
    return OcspAnswer(signed, artefact_of_status(signed, signed_at, signed_at + ANSWER_LIFETIME, now))


def _ready(issuer: Issuer) -> _Signing:
    key = _key_bits(issuer.signer.public_key)
    name = issuer.name.public_bytes()
    names = {
        "sha1": (sha1(name, usedforsecurity=False).digest(), sha1(key, usedforsecurity=False).digest()),
        "sha256": (sha256(name).digest(), sha256(key).digest()),
    }
    return _Signing(issuer, issuer.signer, names["sha1"][1], names)


def _key_bits(key: PublicKey) -> bytes:
    """Return the key's bits without the octet that counts the unused ones (RFC 6960 section 4.1.1)."""
    return dict(elements(only_element(public_key_der(key), SEQUENCE)))[BIT_STRING][1:]
