"""The JSON of authorities, and its translation to operations and back."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.stores import DATABASE
from ca_service.policy.names import NameKind
from ca_service.x509.authority_constraints import SUBTREE_FIELDS
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.http.words import Duration
from ca_service.x509.name_constraints import MOST_SUBTREES, Subtree, parse_subtree
from ca_service.x509.operations import AuthorityLimits, AuthorityRequest, DescribedAuthority


class LimitsBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an authority may sign; what is left out is not limited, but by its issuer."""

    path_length: int | None = None
    permitted_dns_domains: list[str] = []
    excluded_dns_domains: list[str] = []
    permitted_ip_ranges: list[str] = []
    excluded_ip_ranges: list[str] = []
    permitted_email_addresses: list[str] = []
    excluded_email_addresses: list[str] = []
    permitted_uri_domains: list[str] = []
    excluded_uri_domains: list[str] = []
    extended_key_usages: list[str] = []


class CreateAuthorityBody(LimitsBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST authorities`: a root if `parent` is left out; `external` waits for a parent elsewhere."""

    name: str
    parent: str | None = None
    external: bool = False
    key_algorithm: str = KeyAlgorithm.EC_P256.value
    key_store: str = DATABASE
    common_name: str | None = None
    organization: str | None = None
    country: str | None = None
    ttl: Duration | None = None
    not_after: datetime | None = None


class UpdateAuthorityBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`PATCH authorities/{name}`."""

    status: str


class ImportAuthorityBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST authorities/{name}/import`: the certificate, alone or with its chain behind it in one PEM."""

    certificate: str
    chain: list[str] = []
    alternate: bool = False


class SignAuthorityBody(LimitsBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST authorities/{name}/sign`."""

    csr: str
    profile: str | None = None
    common_name: str | None = None
    organization: str | None = None
    country: str | None = None
    ttl: Duration | None = None
    not_after: datetime | None = None


class RenewAuthorityBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST authorities/{name}/renew`: with `new_key` the successor takes over at once."""

    new_key: bool = False
    key_algorithm: str | None = None
    former: str | None = None
    parent: str | None = None
    ttl: Duration | None = None
    not_after: datetime | None = None


class CrossSignAuthorityBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST authorities/{name}/cross-sign`."""

    issuer: str
    ttl: Duration | None = None
    not_after: datetime | None = None


class RollOverAuthorityBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST authorities/{name}/rollover`; `successor` is its name until the switch."""

    successor: str | None = None
    key_algorithm: str | None = None
    key_store: str | None = None
    parent: str | None = None
    common_name: str | None = None
    ttl: Duration | None = None
    not_after: datetime | None = None


class SwitchAuthorityBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST authorities/{name}/switch`; `former` is the name of the authority before from then on."""

    former: str | None = None


class AuthorityRequestBody(Struct, frozen=True):
    """A request for a certificate of an authority."""

    csr: str


class AuthorityBody(Struct, frozen=True, kw_only=True):
    """An authority. `parent` is null for a root and below an external parent; `external` tells these apart.

    `certificate` is null while it waits for one; then `csr` is the request.
    """

    id: str
    name: str
    parent: str | None
    external: bool
    status: str
    key_algorithm: str
    certificate: str | None
    chain: tuple[str, ...]
    alternates: tuple[tuple[str, ...], ...]
    csr: str | UnsetType = UNSET
    not_before: datetime | None
    not_after: datetime | None
    path_length: int | None
    permitted_dns_domains: tuple[str, ...]
    excluded_dns_domains: tuple[str, ...]
    permitted_ip_ranges: tuple[str, ...]
    excluded_ip_ranges: tuple[str, ...]
    permitted_email_addresses: tuple[str, ...]
    excluded_email_addresses: tuple[str, ...]
    permitted_uri_domains: tuple[str, ...]
    excluded_uri_domains: tuple[str, ...]
    extended_key_usages: tuple[str, ...]
    predecessor: str | None
    certificate_url: str
    crl_url: str
    ocsp_url: str


def parse_limits(body: LimitsBody) -> AuthorityLimits:
    """Return the limits that a body asks for. Raises errors that name the field and the rule."""
    return AuthorityLimits(
        path_length=body.path_length,
        permitted_names=_subtrees(body, "permitted"),
        excluded_names=_subtrees(body, "excluded"),
        extended_key_usages=tuple(body.extended_key_usages),
    )


def _subtrees(body: LimitsBody, which: str) -> tuple[Subtree, ...]:
    found: list[Subtree] = []
    for kind, suffix in SUBTREE_FIELDS.items():
        field = f"{which}_{suffix}"
        texts: list[str] = getattr(body, field)
        if len(texts) + len(found) > MOST_SUBTREES:
            detail = f"An authority has at most {MOST_SUBTREES} {which} names."
            raise ProfileRefusedError(detail, field=field, rule="name-constraint")
        found.extend(parse_subtree(kind, text, field=f"{field}[{place}]") for place, text in enumerate(texts))
    return tuple(found)


def request_body(request: AuthorityRequest) -> AuthorityRequestBody:
    """Return a request."""
    return AuthorityRequestBody(request.csr_pem)


def authority_body(described: DescribedAuthority) -> AuthorityBody:
    """Return an authority."""
    authority = described.authority
    permitted, excluded = _by_kind(described.permitted_names), _by_kind(described.excluded_names)
    return AuthorityBody(
        id=authority.id,
        name=authority.name,
        parent=described.parent,
        external=authority.external_chain is not None,
        status=authority.status.value,
        key_algorithm=authority.key_algorithm.value,
        certificate=described.certificate_pem,
        chain=described.chain_pem,
        alternates=described.alternates,
        csr=UNSET if described.csr_pem is None else described.csr_pem,
        not_before=None if authority.is_pending else authority.not_before,
        not_after=None if authority.is_pending else authority.not_after,
        path_length=described.path_length,
        permitted_dns_domains=permitted[NameKind.DNS],
        excluded_dns_domains=excluded[NameKind.DNS],
        permitted_ip_ranges=permitted[NameKind.IP],
        excluded_ip_ranges=excluded[NameKind.IP],
        permitted_email_addresses=permitted[NameKind.EMAIL],
        excluded_email_addresses=excluded[NameKind.EMAIL],
        permitted_uri_domains=permitted[NameKind.URI],
        excluded_uri_domains=excluded[NameKind.URI],
        extended_key_usages=described.extended_key_usages,
        predecessor=described.predecessor,
        certificate_url=described.certificate_url,
        crl_url=described.crl_url,
        ocsp_url=described.ocsp_url,
    )


def _by_kind(subtrees: tuple[Subtree, ...]) -> dict[NameKind, tuple[str, ...]]:
    return {
        kind: tuple(subtree.value for subtree in subtrees if subtree.kind is kind) for kind in SUBTREE_FIELDS
    }
