"""The chains that lead from an authority to a trust anchor, where there are several."""

from collections.abc import Mapping, Sequence

from cryptography import x509
from msgspec import Struct

from ca_service.x509.authorities import DEEPEST, Authority, CrossCertificate

#: How many chains are told of: cross-signing multiplies them.
MOST_CHAINS = 8


class Link(Struct, frozen=True):
    """One certificate of an authority. `issuer` is the id of the authority that signed it, if it is ours.

    `external_chain` is what stands above it where the issuer is not; a self-signed one has neither.
    """

    der: bytes
    issuer: str | None = None
    external_chain: tuple[bytes, ...] = ()


def links_of(authority: Authority, crosses: Sequence[CrossCertificate]) -> tuple[Link, ...]:
    """Return the certificates of an authority: its own first, then the cross-signed, oldest first."""
    if authority.is_pending:
        return ()
    own = Link(authority.certificate_der, authority.parent, authority.external_chain or ())
    others = [Link(cross.der, cross.issuer, cross.external_chain) for cross in crosses]
    return (own, *others)


def chains_from(authority_id: str, links: Mapping[str, tuple[Link, ...]]) -> tuple[tuple[bytes, ...], ...]:
    """Return the chains of an authority, its own certificate first in each, as far up as is known.

    They come in a fixed order: at each step upwards an authority's own certificate before those that were
    cross-signed later. So the first chain is the one that it was made with. None passes an authority twice.
    """
    found: list[tuple[bytes, ...]] = []
    _climb(authority_id, links, (), frozenset(), found)
    return tuple(dict.fromkeys(found))


def _climb(
    authority_id: str,
    links: Mapping[str, tuple[Link, ...]],
    below: tuple[bytes, ...],
    passed: frozenset[str],
    found: list[tuple[bytes, ...]],
) -> None:
    if authority_id in passed or len(passed) > DEEPEST:
        return
    for link in links.get(authority_id, ()):
        if len(found) >= MOST_CHAINS:
            return
        here = (*below, link.der)
        if link.issuer is None:
            found.append((*here, *link.external_chain))
        else:
            _climb(link.issuer, links, here, passed | {authority_id}, found)


def without_root(chain: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return a chain as it is sent: what signed itself is left out, since whoever trusts it has it."""
    return tuple(der for der in chain if not is_self_signed(der))


def is_self_signed(der: bytes) -> bool:
    """Tell a certificate whose issuer and subject are one and that its own key signed."""
    certificate = x509.load_der_x509_certificate(der)
    if certificate.issuer != certificate.subject:
        return False
    own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    try:
        above = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return True
    return above.key_identifier is None or above.key_identifier == own
