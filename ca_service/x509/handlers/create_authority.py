"""Makes authorities: a key of their own, a certificate, and an empty CRL from the first moment."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from ca_service.custody.custody import Custody, SealedKey
from ca_service.custody.generation import GeneratedKey
from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import ConflictError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Grant
from ca_service.x509.accesses import project_access
from ca_service.x509.authorities import ISSUING_LIFETIME, ROOT_LIFETIME, Authority, AuthorityStatus
from ca_service.x509.authority_template import authority_template
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.handlers.read_authorities import describe_authority
from ca_service.x509.issuers import Issuer, sign_certificate
from ca_service.x509.operations import CreateAuthority, DescribedAuthority
from ca_service.x509.resource_names import parse_resource_name
from ca_service.x509.revocation import next_update, sign_revocation_list
from ca_service.x509.serial_numbers import new_serial_number
from ca_service.x509.storage.authorities import insert_authority
from ca_service.x509.storage.revocation_lists import RevocationListFacts, insert_revocation_list
from ca_service.x509.subjects import parse_common_name
from ca_service.x509.validity import Validity, validity_from


class AuthorityDraft(Struct, frozen=True):
    """What will be made; `parent` is None for a root."""

    operation: CreateAuthority
    parent: Issuer | None
    validity: Validity


class SignedAuthority(Struct, frozen=True):
    """What was made and is not yet kept."""

    authority: Authority
    above: tuple[Authority, ...]
    key: SealedKey
    revocation_list: RevocationListFacts


class CreateAuthorityHandler(Handler[CreateAuthority, AuthorityDraft, SignedAuthority, DescribedAuthority]):
    """Makes one authority."""

    def __init__(
        self, catalogue: Catalogue, custody: Custody, identifiers: Identifiers, randomness: Randomness
    ) -> None:
        self._catalogue = catalogue
        self._custody = custody
        self._identifiers = identifiers
        self._randomness = randomness

    async def prepare(self, call: Call, operation: CreateAuthority) -> Prepared[AuthorityDraft]:
        """Find the parent and the ends of the new certificate; ask whether the caller may."""
        parse_resource_name(operation.name)
        if operation.common_name is not None:
            parse_common_name(operation.common_name, field="common_name")
        parent = None if operation.parent is None else await self._parent(call.home, operation.parent)
        longest = ROOT_LIFETIME if parent is None else ISSUING_LIFETIME
        ttl = longest if operation.ttl is None else operation.ttl
        if ttl > longest:
            detail = f"Such an authority lives at most {longest.days} days; ask for less or leave ttl out."
            raise ProfileRefusedError(detail, field="ttl", rule="authority-max-ttl")
        own_end = Validity(datetime.min.replace(tzinfo=call.now.tzinfo), call.now + ttl)
        validity = validity_from(call.now, ttl, own_end if parent is None else parent.validity)
        details = {"name": operation.name, "parent": operation.parent or ""}
        access = project_access(operation.action, call.home)
        return Prepared(AuthorityDraft(operation, parent, validity), (access,), details)

    async def _parent(self, tenant: Tenant, name: str) -> Issuer:
        parent = await self._catalogue.authority(tenant, name)
        if parent is None or not parent.is_root or parent.status is not AuthorityStatus.ACTIVE:
            detail = (
                "The parent is not an active root of this project; name one, or leave it out to make a root."
            )
            raise ProfileRefusedError(detail, field="parent", rule="authority-parent")
        return await self._catalogue.issuer(parent)

    async def sign(self, call: Call, draft: AuthorityDraft, grant: Grant) -> SignedAuthority:
        """Make and seal the key, sign the certificate and the first CRL."""
        del grant
        operation, parent = draft.operation, draft.parent
        generated = await self._custody.generate(operation.key_algorithm)
        sealed_key = await self._custody.seal_key(call.home, generated)
        signer = generated.signer(sealed_key.id)
        template = authority_template(
            generated.public_key,
            operation.common_name,
            f"Keywright {operation.name}",
            new_serial_number(self._randomness),
            draft.validity,
            parent,
        )
        certificate = await sign_certificate(template, signer if parent is None else parent.signer)
        authority = Authority(
            id=self._identifiers.new("ca"),
            tenant=call.home,
            name=operation.name,
            parent=None if parent is None else parent.authority.id,
            key_id=sealed_key.id,
            key_algorithm=operation.key_algorithm,
            status=AuthorityStatus.ACTIVE,
            certificate_der=certificate.public_bytes(serialization.Encoding.DER),
            not_before=draft.validity.not_before,
            not_after=draft.validity.not_after,
            created_at=call.now,
            version=1,
        )
        above = () if parent is None else (parent.authority, *await self._catalogue.above(parent.authority))
        first = await _first_list(certificate, generated, sealed_key.id, call.now)
        return SignedAuthority(authority, above, sealed_key, first)

    async def record(
        self, transaction: Transaction, call: Call, signed: SignedAuthority
    ) -> DescribedAuthority:
        """Keep key, authority and CRL together."""
        del call
        authority = signed.authority
        await self._custody.keep(transaction, signed.key)
        try:
            await insert_authority(transaction, self._catalogue.authority_mac, authority)
        except UniqueViolationError as error:
            raise name_taken("authority") from error
        await insert_revocation_list(transaction, authority, signed.revocation_list)
        transaction.announce()
        transaction.on_commit(self._catalogue.forget)
        return describe_authority(self._catalogue, authority, signed.above)

    def details(self, answer: DescribedAuthority) -> Mapping[str, Any]:
        """Return which authority it became."""
        return {"authority": answer.authority.id}


async def _first_list(
    certificate: x509.Certificate, generated: GeneratedKey, key_id: str, now: datetime
) -> RevocationListFacts:
    identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    number = int(now.timestamp())
    der = await sign_revocation_list(
        certificate.subject,
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
        generated.signer(key_id),
        number,
        now,
        [],
    )
    return RevocationListFacts(number, der, now, next_update(now), is_behind=False)


def name_taken(noun: str) -> ConflictError:
    """Return the error for a name that another of the kind has."""
    return ConflictError(
        f"This project has another {noun} of that name; choose another name.", field="name", rule="name-taken"
    )
