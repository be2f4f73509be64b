"""Issues the certificate of a ready order (RFC 8555 section 7.4).

Certificate, order and both lines of the trail are one transaction. Whoever changes the order first has the
certificate; what the others signed is dropped unreleased.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate
from msgspec import Struct
from msgspec.structs import replace

from acme.authorizations import AuthorizationStatus
from acme.callers import scope_of
from acme.directories import Directory
from acme.directory_cache import DirectoryCache
from acme.errors import (
    BadCsrError,
    DirectoryNotFoundError,
    IdentifierFault,
    InvalidProfileError,
    OrderAdvancedError,
    OrderNotReadyError,
    UnauthorizedError,
)
from acme.operations import FinalizeOrder
from acme.orders import CertificateId, OrderStatus, OrderView, view_of
from acme.resources import order_access
from acme.storage import order_views, orders
from acme.validation.recheck import ProofRecheck
from acme.wire.keys import key_of
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.port import Child, Gate
from ca_service.kernel.errors import KeywrightError, NotFoundError
from ca_service.policy.names import Name, NameKind, NameRefusedError
from ca_service.policy.values import Grant
from ca_service.x509.operations import CsrRequest, IssueCertificate, IssuedCertificate, NameProof
from ca_service.x509.requests import ParsedRequest, parse_csr

#: Kinds of names that an order has a word for.
_IDENTIFIED = frozenset({NameKind.DNS, NameKind.IP})
_NOT_READY = {
    OrderStatus.PENDING: "some of its authorizations are still pending; complete their challenges first",
    OrderStatus.PROCESSING: "its certificate is being issued; ask for the order again",
    OrderStatus.VALID: "it has its certificate already, for another CSR; make a new order",
    OrderStatus.INVALID: "it failed or expired; make a new order",
}


class FinalizationDraft(Struct, frozen=True):
    """A ready order and what to issue for it; nothing to issue if it was finalized with this CSR before."""

    view: OrderView
    directory: Directory | None
    issue: IssueCertificate | None
    request_digest: bytes


class SignedFinalization(Struct, frozen=True):
    """The same with the certificate, signed and not yet released."""

    view: OrderView
    child: Child[IssuedCertificate] | None
    request_digest: bytes


class OrderFinalization(Handler[FinalizeOrder, FinalizationDraft, SignedFinalization, OrderView]):
    """Finalizes one order with one CSR."""

    def __init__(
        self, database: Database, gate: Gate, directories: DirectoryCache, recheck: ProofRecheck
    ) -> None:
        self._database = database
        self._gate = gate
        self._directories = directories
        self._recheck = recheck

    async def prepare(self, call: Call, operation: FinalizeOrder) -> Prepared[FinalizationDraft]:
        asked = _read_csr(operation.csr_der)
        found = await order_views.find_with_key(
            self._database, scope_of(call), operation.order, asked.thumbprint
        )
        if found is None:
            raise NotFoundError("order")
        order, needed, is_key_of_account = found
        view = view_of(order, needed, call.now)
        digest = hashlib.sha256(operation.csr_der).digest()
        access = order_access(operation.action, call.home, view.order.directory, view.order.id)
        details = {"identifiers": [identifier.value for identifier in view.order.identifiers]}
        if view.status is OrderStatus.VALID and view.order.request_digest == digest:
            return Prepared(FinalizationDraft(view, None, None, digest), (access,), details)
        if view.status is not OrderStatus.READY:
            raise OrderNotReadyError(f"The order is {view.status.value}: {_NOT_READY[view.status]}.")
        directory = await self._directories.by_id(call.home, view.order.directory)
        if directory is None:
            raise DirectoryNotFoundError
        asked.verify(view, is_key_of_account)
        issue = IssueCertificate(
            project=call.home.project,
            profile=_profile_of(directory, view),
            authority=directory.authority,
            request=CsrRequest(operation.csr_der),
            not_before=view.order.not_before,
            not_after=view.order.not_after,
            proofs=_proofs(call, view),
            directory=directory.id,
        )
        return Prepared(FinalizationDraft(view, directory, issue, digest), (access,), details)

    async def sign(self, call: Call, draft: FinalizationDraft, grant: Grant) -> SignedFinalization:
        del grant
        if draft.issue is None or draft.directory is None:
            return SignedFinalization(draft.view, None, draft.request_digest)
        await self._recheck.verify(draft.directory, draft.view.authorizations, call.now)
        try:
            child = await self._gate.prepare(call, draft.issue)
        except NotFoundError as error:
            # An account sees no authorities and profiles, so it cannot be told which one refused.
            raise UnauthorizedError(
                "The policy of this directory does not permit this certificate; ask who operates it."
            ) from error
        return SignedFinalization(draft.view, child, draft.request_digest)

    async def record(self, transaction: Transaction, call: Call, signed: SignedFinalization) -> OrderView:
        del call
        if signed.child is None:
            return signed.view
        order = signed.view.order
        issued = await self._gate.record(transaction, signed.child)
        orders.finalize(
            transaction,
            order,
            _advanced,
            certificate=issued.id,
            certificate_digest=_digest_of(issued.certificate_pem),
            request_digest=signed.request_digest,
        )
        done = replace(order, certificate=CertificateId(issued.id), request_digest=signed.request_digest)
        return replace(signed.view, order=done, status=OrderStatus.VALID)

    def details(self, answer: OrderView) -> Mapping[str, Any]:
        return {"certificate": answer.order.certificate}


class _AskedCertificate(Struct, frozen=True):
    """What a CSR asks for. What is wrong with it is kept until it is known that the order waits for one."""

    request: ParsedRequest | None
    thumbprint: str = ""
    fault: KeywrightError | None = None

    def verify(self, view: OrderView, is_key_of_account: bool) -> None:
        """Refuse what the order is not for, and an account's key (RFC 8555 section 11.1)."""
        if self.request is not None:
            _verify_names(self.request, view)
        if self.fault is not None:
            raise self.fault
        if is_key_of_account:
            raise BadCsrError("The CSR's key is the key of an account; certify another key.", field="csr")


def _read_csr(csr_der: bytes) -> _AskedCertificate:
    try:
        request = parse_csr(csr_der)
    except NameRefusedError as error:
        return _AskedCertificate(None, fault=BadCsrError(error.detail, field="csr", rule=error.rule))
    except KeywrightError as error:
        return _AskedCertificate(None, fault=error)
    try:
        return _AskedCertificate(request, key_of(request.public_key).thumbprint)
    except KeywrightError as error:
        return _AskedCertificate(request, fault=error)


def _verify_names(request: ParsedRequest, view: OrderView) -> None:
    """Refuse a CSR whose names, common name included, are not exactly those of the order.

    An address as common name (uacme's) counts as a name too; it stands in no subject.
    """
    asked = set(request.names)
    if request.common_name is not None:
        if request.common_name.name is None:
            raise BadCsrError("The CSR's common name is no DNS name; leave it out.", field="csr")
        asked.add(request.common_name.name)
    ordered = {identifier.name for identifier in view.order.identifiers}
    if asked == ordered:
        return
    extra = [
        (name, f"it asks for {name.value}, which was not ordered") for name in _in_order(asked - ordered)
    ]
    missing = [(name, f"it lacks {name.value}, which was ordered") for name in _in_order(ordered - asked)]
    told = " and ".join(each[0][1] for each in (extra, missing) if each)
    faults = tuple(
        IdentifierFault(name.kind.value, name.value, f"The CSR does not fit the order: {why}.")
        for name, why in (*extra, *missing)
        if name.kind in _IDENTIFIED
    )
    raise BadCsrError(f"The CSR's names are not those of the order: {told}.", faults, field="csr")


def _in_order(names: Iterable[Name]) -> list[Name]:
    return sorted(names, key=lambda name: name.value)


def _profile_of(directory: Directory, view: OrderView) -> str:
    """Return the profile that the order was made for, if the directory still issues from it."""
    profile = view.order.profile or directory.profile
    if profile not in directory.profiles:
        raise InvalidProfileError(
            f"This directory no longer issues from the profile {profile}; make a new order.", field="profile"
        )
    return profile


def _proofs(call: Call, view: OrderView) -> tuple[NameProof, ...]:
    by_name = {(each.identifier, each.is_wildcard): each for each in view.authorizations}
    proofs = []
    for identifier in view.order.identifiers:
        authorization = by_name[identifier.base, identifier.is_wildcard]
        assert authorization.status_at(call.now) is AuthorizationStatus.VALID, "a ready order's are all valid"
        assert authorization.proof is not None, "a valid authorization has a challenge that was met"
        proofs.append(NameProof(identifier.name, authorization.proof.type.value))
    return tuple(proofs)


def _advanced() -> OrderAdvancedError:
    return OrderAdvancedError("Another request changed this order in the meantime; ask for it again.")


def _digest_of(certificate_pem: str) -> bytes:
    return load_pem_x509_certificate(certificate_pem.encode("ascii")).fingerprint(SHA256())
