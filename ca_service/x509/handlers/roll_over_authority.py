"""Makes the successor of an authority, with a new key: prepared and published, or taking over at once."""

from collections.abc import Mapping
from typing import Any

from cryptography import x509
from msgspec import Struct

from ca_service.custody.custody import Custody, SealedKey
from ca_service.custody.signers import Signer
from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import ConflictError
from ca_service.policy.values import Grant
from ca_service.x509.authorities import Authority, AuthorityStatus
from ca_service.x509.authority_constraints import AuthorityConstraints
from ca_service.x509.authority_requests import request_builder
from ca_service.x509.authority_template import AuthorityDraft
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.handlers.authority_records import (
    AuthorityPress,
    SignedByUs,
    announce,
    decided_validity,
    keep_signed,
    wanted_parent,
    write_changes,
)
from ca_service.x509.handlers.create_authority import name_taken, verify_subject
from ca_service.x509.handlers.first_lists import first_list
from ca_service.x509.handlers.read_authorities import described_in, wanted_authority
from ca_service.x509.handlers.renew_authority import accesses_on, inside, kept_constraints, verify_certified
from ca_service.x509.issuers import Issuer, sign_request
from ca_service.x509.operations import DescribedAuthority, RollOverAuthority
from ca_service.x509.publishing import Publishing
from ca_service.x509.resource_names import parse_resource_name
from ca_service.x509.storage.authorities import find_successor, insert_authority
from ca_service.x509.storage.publishing import find_publishing, keep_publishing
from ca_service.x509.storage.revocation_lists import (
    RevocationListFacts,
    insert_missing_shards,
    insert_revocation_list,
)
from ca_service.x509.succession import former_name, shortened, stepped_back, successor_subject
from ca_service.x509.validity import Validity


class RolloverDraft(Struct, frozen=True):
    """Who is succeeded under which name; `issuer` is None for a root, and where the parent is external."""

    operation: RollOverAuthority
    former: Authority
    name: str
    issuer: Issuer | None
    validity: Validity
    constraints: AuthorityConstraints


class SignedRollover(Struct, frozen=True):
    """The successor as it will be kept; `stepping_back` is the authority before, if it ends at once."""

    successor: Authority
    stepping_back: Authority | None
    issuer: Issuer | None
    key: SealedKey
    certificate: SignedByUs | None
    revocation_list: RevocationListFacts | None
    publishing: Publishing
    answer: DescribedAuthority


class RollOverAuthorityHandler(Handler[RollOverAuthority, RolloverDraft, SignedRollover, DescribedAuthority]):
    """Makes the successor of one authority."""

    def __init__(
        self, catalogue: Catalogue, custody: Custody, database: Database, press: AuthorityPress
    ) -> None:
        self._catalogue = catalogue
        self._custody = custody
        self._database = database
        self._press = press

    async def prepare(self, call: Call, operation: RollOverAuthority) -> Prepared[RolloverDraft]:
        """Find who signs the successor and what it will be limited to; ask whether the caller may."""
        former = await wanted_authority(self._catalogue, call.home, operation.name)
        verify_certified(former)
        default = former_name(former) if operation.at_once else shortened(former.name, "-next")
        name = parse_resource_name(operation.successor or default, field="successor")
        verify_subject(operation.common_name, None, None)
        issuer = await self._issuer(call, former, operation)
        constraints = kept_constraints(former)
        if issuer is not None:
            constraints = inside(constraints, issuer)
            issuer.links.verify_child(constraints)
        validity = decided_validity(call.now, operation.ttl, operation.not_after, issuer)
        draft = RolloverDraft(operation, former, name, issuer, validity, constraints)
        details = {"name": former.name, "successor": name, "at_once": operation.at_once}
        return Prepared(draft, accesses_on(operation.action, former, issuer), details)

    async def _issuer(self, call: Call, former: Authority, operation: RollOverAuthority) -> Issuer | None:
        if operation.parent is not None:
            if former.is_root:
                detail = "The successor of a root is a root and signs itself; leave the parent out."
                raise ProfileRefusedError(detail, field="parent", rule="authority-root")
            return await wanted_parent(self._catalogue, call.home, operation.parent)
        if former.parent is not None:
            above = await self._catalogue.authority_by_id(call.home, former.parent)
            if above is None or above.status is not AuthorityStatus.ACTIVE:
                detail = "The parent issues no longer; name another as `parent`."
                raise ProfileRefusedError(detail, field="parent", rule="authority-parent")
            return await self._catalogue.issuer(above)
        if former.external_chain is not None and (
            operation.at_once or operation.ttl is not None or operation.not_after is not None
        ):
            detail = (
                "The parent is external: its certificate comes by import and says how long it lives; leave "
                "`at_once`, `ttl` and `not_after` out, and switch once it is there."
            )
            raise ProfileRefusedError(detail, field="at_once", rule="parent-external")
        return None

    async def sign(self, call: Call, draft: RolloverDraft, grant: Grant) -> SignedRollover:
        """Make the successor's key, its certificate and first CRL, or the request for one."""
        del grant
        former = draft.former
        known = await find_successor(self._database, self._catalogue.authority_mac, former)
        if known is not None:
            detail = f"{known.name} is prepared as the successor already; switch to it, or retire it first."
            raise ConflictError(detail, field="name", rule="rollover-prepared")
        sealed_key, signer = await self._made_key(call, draft)
        subject = successor_subject(former, signer.public_key, draft.operation.common_name)
        certificate, first, csr, how = None, None, None, Publishing()
        if former.external_chain is not None and draft.issuer is None:
            identifier = x509.SubjectKeyIdentifier.from_public_key(signer.public_key)
            csr = await sign_request(request_builder(subject, identifier, draft.constraints), signer)
        else:
            certificate = await self._certificate(call, draft, subject, signer)
            first = await first_list(certificate.parsed, signer, call.now)
            how = await self._publishing_like(former)
        successor = self._successor(call, draft, signer, certificate, csr)
        back = stepped_back(former, draft.name) if draft.operation.at_once else None
        answer = await described_in(self._catalogue, successor, renamed=back)
        return SignedRollover(successor, back, draft.issuer, sealed_key, certificate, first, how, answer)

    async def _made_key(self, call: Call, draft: RolloverDraft) -> tuple[SealedKey, Signer]:
        operation, former = draft.operation, draft.former
        algorithm = operation.key_algorithm or former.key_algorithm
        store = operation.key_store
        if store is None:
            store = (await self._custody.signer(former.tenant, former.key_id)).store
        generated = await self._custody.generate(algorithm, store=store)
        sealed_key = await self._custody.seal_key(call.home, generated)
        return sealed_key, generated.signer(sealed_key.id)

    async def _certificate(
        self, call: Call, draft: RolloverDraft, subject: x509.Name, signer: Signer
    ) -> SignedByUs:
        decided = AuthorityDraft(
            public_key=signer.public_key,
            subject=subject,
            serial_number=self._press.serial_number(),
            validity=draft.validity,
            constraints=draft.constraints,
            issuer=draft.issuer,
        )
        return await self._press.sign(call, decided, signer)

    def _successor(
        self,
        call: Call,
        draft: RolloverDraft,
        signer: Signer,
        certificate: SignedByUs | None,
        csr: bytes | None,
    ) -> Authority:
        operation, former = draft.operation, draft.former
        status = AuthorityStatus.ACTIVE if operation.at_once else AuthorityStatus.PREPARED
        return Authority(
            id=self._press.identifiers.new("ca"),
            tenant=call.home,
            name=former.name if operation.at_once else draft.name,
            parent=None if draft.issuer is None else draft.issuer.authority.id,
            key_id=signer.key_id,
            key_algorithm=signer.algorithm,
            status=AuthorityStatus.PENDING if certificate is None else status,
            certificate_der=b"" if certificate is None else certificate.der,
            not_before=draft.validity.not_before,
            not_after=draft.validity.not_after,
            created_at=call.now,
            version=1,
            external_chain=None if csr is None else (),
            predecessor=former.id,
            csr_der=csr,
        )

    async def _publishing_like(self, former: Authority) -> Publishing:
        """Return how a successor publishes: as the former, but for places where copies of its lists lie."""
        known = await find_publishing(self._database, self._catalogue.publishing_mac, former)
        return Publishing(crl_shards=known.crl_shards, responder=known.responder)

    async def record(
        self, transaction: Transaction, call: Call, signed: SignedRollover
    ) -> DescribedAuthority:
        """Keep the successor; if it is to be at once, the authority before steps back in the same commit."""
        del call
        catalogue, successor = self._catalogue, signed.successor
        if signed.certificate is not None:
            await keep_signed(transaction, catalogue, signed.certificate, signed.issuer)
        try:
            if signed.stepping_back is not None:
                await write_changes(transaction, catalogue, (signed.stepping_back,))
            await self._custody.keep(transaction, signed.key)
            await insert_authority(transaction, catalogue.authority_mac, successor)
        except UniqueViolationError as error:
            raise name_taken("authority", "successor") from error
        if signed.revocation_list is not None:
            await insert_revocation_list(transaction, successor, signed.revocation_list)
        if signed.publishing != Publishing():
            await keep_publishing(transaction, catalogue.publishing_mac, successor, signed.publishing)
            shards = len(signed.publishing.shards)
            await insert_missing_shards(transaction, successor.tenant, successor.id, shards)
        announce(transaction, catalogue)
        return signed.answer

    def details(self, answer: DescribedAuthority) -> Mapping[str, Any]:
        """Return which authority it became."""
        return {"authority": answer.authority.id}
