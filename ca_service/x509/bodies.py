"""The JSON of our own API for the certificate authority, and its translation to operations and back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from msgspec import UNSET, Struct, UnsetType, field

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.policy.names import (
    Name,
    NameKind,
    parse_dns_name,
    parse_email,
    parse_ip_address,
    parse_uri,
)
from ca_service.web.durations import parse_duration, whole_seconds
from ca_service.x509.errors import CsrRefusedError, ProfileRefusedError
from ca_service.x509.operations import (
    CertificateRequest,
    CsrRequest,
    DescribedAuthority,
    IssuedCertificate,
    KeyRequest,
    ListedCertificate,
)
from ca_service.x509.profiles import (
    MAX_TTL,
    Profile,
    ProfileSettings,
    Purpose,
    RevocationPointer,
)
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.requests import MAX_NAMES, parse_csr_pem, too_many_names

T = TypeVar("T")
_Duration = str | int


class IssueBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST certificates`: a CSR, or what a key made here is to be certified for."""

    profile: str
    authority: str | None = None
    csr: str | None = None
    ttl: _Duration | None = None
    common_name: str | UnsetType | None = UNSET
    dns_names: list[str] | UnsetType | None = UNSET
    ip_addresses: list[str] | UnsetType | None = UNSET
    emails: list[str] | UnsetType | None = UNSET
    uris: list[str] | UnsetType | None = UNSET
    key_algorithm: str | UnsetType | None = UNSET


class RevokeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST certificates/{id}/revoke`."""

    reason: str = RevocationReason.UNSPECIFIED.value


class RenewBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST certificates/{id}/renew`."""

    csr: str | None = None


class CreateAuthorityBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST authorities`: a root if `parent` is left out."""

    name: str
    parent: str | None = None
    key_algorithm: str = KeyAlgorithm.EC_P256.value
    common_name: str | None = None
    ttl: _Duration | None = None


class UpdateAuthorityBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`PATCH authorities/{name}`."""

    status: str


class CreateProfileBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST profiles`."""

    name: str
    authority: str = "issuing"
    authorities: list[str] = []
    purposes: list[str]
    name_kinds: list[str]
    key_algorithms: list[str] = field(default_factory=lambda: [algorithm.value for algorithm in KeyAlgorithm])
    default_ttl: _Duration = "47d"
    max_ttl: _Duration = "200d"
    allows_wildcards: bool = True
    allows_other_common_name: bool = False
    revocation_pointers: list[str] = field(default_factory=lambda: [RevocationPointer.CRL.value])


class UpdateProfileBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`PATCH profiles/{name}`: what is left out stays."""

    status: str | None = None
    authority: str | None = None
    authorities: list[str] | None = None
    default_ttl: _Duration | None = None
    max_ttl: _Duration | None = None
    allows_wildcards: bool | None = None
    allows_other_common_name: bool | None = None
    revocation_pointers: list[str] | None = None


class NameBody(Struct, frozen=True):
    """One name of a certificate."""

    type: str
    value: str


class CertificateBody(Struct, frozen=True, kw_only=True):
    """A certificate; `private_key` is there once, in the answer that made it."""

    id: str
    serial_number: str
    certificate: str
    chain: tuple[str, ...]
    private_key: str | UnsetType = UNSET
    profile: str
    authority: str
    authority_id: str
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


class AuthorityBody(Struct, frozen=True, kw_only=True):
    """An authority; `parent` is null for a root."""

    id: str
    name: str
    parent: str | None
    status: str
    key_algorithm: str
    certificate: str
    chain: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    certificate_url: str
    crl_url: str
    ocsp_url: str


class ProfileBody(Struct, frozen=True, kw_only=True):
    """A profile; `notes` say what elsewhere refuses certificates as wide as it allows."""

    id: str
    name: str
    status: str
    authority: str
    authorities: tuple[str, ...]
    purposes: tuple[str, ...]
    name_kinds: tuple[str, ...]
    key_algorithms: tuple[str, ...]
    default_ttl: int
    max_ttl: int
    allows_wildcards: bool
    allows_other_common_name: bool
    revocation_pointers: tuple[str, ...]
    notes: tuple[str, ...]


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


def parse_word(kind: type[T], text: str, *, field: str, rule: str) -> T:
    """Return a member of an enumeration by its word. Raises ProfileRefusedError that lists them."""
    words: Any = kind
    try:
        member: T = words(text)
    except ValueError as error:
        detail = f"{field} is one of {', '.join(words)}."
        raise ProfileRefusedError(detail, field=field, rule=rule) from error
    return member


def parse_words(kind: type[T], texts: list[str], *, field: str, rule: str) -> tuple[T, ...]:
    """Return members of an enumeration by their words. Raises ProfileRefusedError."""
    return tuple(
        parse_word(kind, text, field=f"{field}[{place}]", rule=rule) for place, text in enumerate(texts)
    )


def parse_ttl(value: _Duration | None, *, field: str = "ttl") -> timedelta | None:
    """Return a lifetime, or None where it was left out. Raises MalformedError, UnacceptableError."""
    return None if value is None else parse_duration(value, field=field)


def parse_settings(body: CreateProfileBody) -> ProfileSettings:
    """Return the settings of a new profile. Raises errors that name the field and the rule."""
    default_ttl = parse_ttl(body.default_ttl, field="default_ttl")
    max_ttl = parse_ttl(body.max_ttl, field="max_ttl")
    assert default_ttl is not None and max_ttl is not None, "both have defaults"  # noqa: PT018
    return ProfileSettings(
        authority=body.authority,
        authorities=tuple(body.authorities),
        purposes=parse_words(Purpose, body.purposes, field="purposes", rule="purpose"),
        name_kinds=parse_words(NameKind, body.name_kinds, field="name_kinds", rule="name-kind"),
        key_algorithms=parse_words(
            KeyAlgorithm, body.key_algorithms, field="key_algorithms", rule="key-algorithm"
        ),
        default_ttl=default_ttl,
        max_ttl=max_ttl,
        allows_wildcards=body.allows_wildcards,
        allows_other_common_name=body.allows_other_common_name,
        revocation_pointers=parse_pointers(body.revocation_pointers),
    )


def parse_pointers(texts: list[str]) -> tuple[RevocationPointer, ...]:
    """Return the pointers that certificates carry. Raises ProfileRefusedError."""
    return parse_words(
        RevocationPointer, texts, field="revocation_pointers", rule="profile-revocation-pointers"
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
        private_key=UNSET if issued.private_key is None else issued.private_key.reveal(),
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


def certificate_body(listed: ListedCertificate) -> CertificateBody:
    """Return a certificate of the inventory."""
    certificate = listed.certificate
    reason = certificate.revocation_reason
    return CertificateBody(
        id=certificate.id,
        serial_number=certificate.serial_number,
        certificate=listed.certificate_pem,
        chain=listed.chain_pem,
        profile=certificate.profile,
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


def authority_body(described: DescribedAuthority) -> AuthorityBody:
    """Return an authority."""
    authority = described.authority
    return AuthorityBody(
        id=authority.id,
        name=authority.name,
        parent=described.parent,
        status=authority.status.value,
        key_algorithm=authority.key_algorithm.value,
        certificate=described.certificate_pem,
        chain=described.chain_pem,
        not_before=authority.not_before,
        not_after=authority.not_after,
        certificate_url=described.certificate_url,
        crl_url=described.crl_url,
        ocsp_url=described.ocsp_url,
    )


def profile_body(profile: Profile) -> ProfileBody:
    """Return a profile."""
    settings = profile.settings
    return ProfileBody(
        id=profile.id,
        name=profile.name,
        status=profile.status.value,
        authority=settings.authority,
        authorities=settings.authorities,
        purposes=tuple(purpose.value for purpose in settings.purposes),
        name_kinds=tuple(kind.value for kind in settings.name_kinds),
        key_algorithms=tuple(algorithm.value for algorithm in settings.key_algorithms),
        default_ttl=whole_seconds(settings.default_ttl),
        max_ttl=whole_seconds(settings.max_ttl),
        allows_wildcards=settings.allows_wildcards,
        allows_other_common_name=settings.allows_other_common_name,
        revocation_pointers=tuple(pointer.value for pointer in settings.revocation_pointers),
        notes=_notes(settings),
    )


def _notes(settings: ProfileSettings) -> tuple[str, ...]:
    if Purpose.SERVER in settings.purposes and settings.max_ttl > MAX_TTL:
        return (f"Apple's and other clients refuse server certificates of more than {MAX_TTL.days} days.",)
    return ()
