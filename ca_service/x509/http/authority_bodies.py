"""The JSON of authorities."""

from datetime import datetime

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.x509.http.words import Duration
from ca_service.x509.operations import (
    DescribedAuthority,
)


class CreateAuthorityBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST authorities`: a root if `parent` is left out."""

    name: str
    parent: str | None = None
    key_algorithm: str = KeyAlgorithm.EC_P256.value
    common_name: str | None = None
    ttl: Duration | None = None


class UpdateAuthorityBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`PATCH authorities/{name}`."""

    status: str


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
