"""The JSON of certificates, and its translation to operations and back."""

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from msgspec import UNSET, Struct, UnsetType

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.policy.names import (
    Name,
    parse_dns_name,
    parse_email,
    parse_ip_address,
    parse_uri,
)
from ca_service.x509.errors import CsrRefusedError
from ca_service.x509.http.life_bodies import pkcs12_text
from ca_service.x509.http.words import Duration, parse_word
from ca_service.x509.operations import (
    CertificateRequest,
    CsrRequest,
    IssuedCertificate,
    KeyRequest,
    ListedCertificate,
)
from ca_service.x509.operations.imports import ListedImport
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.requests import MAX_NAMES, parse_csr_pem, too_many_names


class IssueBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST certificates`: a CSR, or what a key made here is to be certified for."""

    profile: str
    authority: str | None = None
    csr: str | None = None
    ttl: Duration | None = None
    common_name: str | UnsetType | None = UNSET
    dns_names: list[str] | UnsetType | None = UNSET
    ip_addresses: list[str] | UnsetType | None = UNSET
    emails: list[str] | UnsetType | None = UNSET
    uris: list[str] | UnsetType | None = UNSET
    key_algorithm: str | UnsetType | None = UNSET
    pkcs12_password: str | None = None


class RevokeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST certificates/{id}/revoke`."""

    reason: str = RevocationReason.UNSPECIFIED.value


class RenewBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST certificates/{id}/renew`."""

    csr: str | None = None
    same_key: bool = False
    pkcs12_password: str | None = None


class NameBody(Struct, frozen=True):
    """One name of a certificate."""

    type: str
    value: str


class CertificateBody(Struct, frozen=True, kw_only=True):
    """A certificate; `private_key` and `pkcs12` (base64) are there once, in the answer that made it.

    One that was imported has an `issuer` and no profile and authority of ours.
    """

    id: str
    serial_number: str
    certificate: str
    chain: tuple[str, ...]
    alternates: tuple[tuple[str, ...], ...] = ()
    private_key: str | UnsetType = UNSET
    pkcs12: str | UnsetType = UNSET
    fingerprint: str | UnsetType = UNSET
    key_hash: str | UnsetType = UNSET
    issuer: str | UnsetType = UNSET
    profile: str | None
    profile_version: int | UnsetType = UNSET
    authority: str | None
    authority_id: str | None
    status: str
    common_name: str | None
    names: tuple[NameBody, ...]
    key_algorithm: str
    not_before: datetime
    not_after: datetime
    created_at: datetime | UnsetType = UNSET
    owner: str | UnsetType = UNSET
    renewed_from: str | UnsetType | None = UNSET
    revoked_at: datetime | UnsetType | None = UNSET
    revocation_reason: str | UnsetType | None = UNSET


_LISTS: dict[str, Callable[..., Name]] = {
    "dns_names": parse_dns_name,
    "ip_addresses": parse_ip_address,
    "emails": parse_email,
    "uris": parse_uri,
}


def parse_issue_request(body: IssueBody) -> CertificateRequest:
    """Return what is asked for. Raises errors that name the field and the rule."""
    given = {name: getattr(body, name) for name in (*_LISTS, "common_name", "key_algorithm")}
    given = {name: value for name, value in given.items() if value is not UNSET and value is not None}
    if body.csr is not None:
        for name in given:
            detail = f"Beside a CSR, {name} is not given: the CSR says it. Leave out one of the two."
            raise CsrRefusedError(detail, field=name, rule="csr-exclusive")
        return CsrRequest(parse_csr_pem(body.csr))
    if sum(len(given.get(name, ())) for name in _LISTS) > MAX_NAMES:
        field = max(_LISTS, key=lambda name: len(given.get(name, ())))
        raise too_many_names(sum(len(given.get(name, ())) for name in _LISTS), field)
    names = [
        parse(text, field=f"{field}[{place}]")
        for field, parse in _LISTS.items()
        for place, text in enumerate(given.get(field, ()))
    ]
    algorithm = given.get("key_algorithm", KeyAlgorithm.EC_P256.value)
    return KeyRequest(
        common_name=given.get("common_name"),
        names=tuple(names),
        key_algorithm=parse_word(KeyAlgorithm, algorithm, field="key_algorithm", rule="key-algorithm"),
    )


def _names(names: tuple[Name, ...]) -> tuple[NameBody, ...]:
    return tuple(NameBody(name.kind.value, name.value) for name in names)


def issued_body(issued: IssuedCertificate) -> CertificateBody:
    """Return the answer to an issuance."""
    return CertificateBody(
        id=issued.id,
        serial_number=issued.serial_number,
        certificate=issued.certificate_pem,
        chain=issued.chain_pem,
        alternates=issued.alternates,
        private_key=UNSET if issued.private_key is None else issued.private_key.reveal(),
        pkcs12=pkcs12_text(issued.pkcs12),
        profile=issued.profile,
        authority=issued.authority,
        authority_id=issued.authority_id,
        status=issued.status.value,
        common_name=issued.common_name,
        names=_names(issued.names),
        key_algorithm=issued.key_algorithm.value,
        not_before=issued.not_before,
        not_after=issued.not_after,
    )


def listed_body(listed: ListedCertificate | ListedImport) -> CertificateBody:
    """Return a certificate of the inventory, ours or imported."""
    return import_body(listed) if isinstance(listed, ListedImport) else certificate_body(listed)


def import_body(listed: ListedImport) -> CertificateBody:
    """Return an imported certificate."""
    certificate = listed.certificate
    return CertificateBody(
        id=certificate.id,
        serial_number=certificate.serial_number,
        certificate=listed.certificate_pem,
        chain=listed.chain_pem,
        fingerprint=certificate.fingerprint.hex(),
        key_hash=certificate.key_hash.hex(),
        issuer=certificate.issuer,
        profile=None,
        authority=None,
        authority_id=None,
        status=listed.status.value,
        common_name=certificate.common_name,
        names=_names(certificate.names),
        key_algorithm=certificate.key_algorithm,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        created_at=certificate.created_at,
        owner=certificate.owner,
    )


def certificate_body(listed: ListedCertificate) -> CertificateBody:
    """Return a certificate that was issued here."""
    certificate = listed.certificate
    reason = certificate.revocation_reason
    return CertificateBody(
        id=certificate.id,
        serial_number=certificate.serial_number,
        certificate=listed.certificate_pem,
        chain=listed.chain_pem,
        alternates=listed.alternates,
        fingerprint=sha256(certificate.der).hexdigest(),
        key_hash=UNSET if certificate.key_hash is None else certificate.key_hash.hex(),
        profile=certificate.profile,
        profile_version=UNSET if certificate.profile_version is None else certificate.profile_version,
        authority=certificate.authority,
        authority_id=certificate.authority_id,
        status=listed.status.value,
        common_name=certificate.common_name,
        names=_names(certificate.names),
        key_algorithm=certificate.key_algorithm.value,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        created_at=certificate.created_at,
        owner=certificate.owner,
        renewed_from=certificate.renewed_from,
        revoked_at=certificate.revoked_at,
        revocation_reason=None if reason is None else reason.value,
    )
