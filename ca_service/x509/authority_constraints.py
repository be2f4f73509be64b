"""What an authority may sign: how deep, which names, for which purposes (RFC 5280 section 6.1).

A child never gets more than its parent has, and what an authority issues is compared with its own constraints
and all above it before anything is signed (S7).
"""

import re
from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from msgspec import Struct

from ca_service.policy.names import Name, NameKind
from ca_service.x509.authorities import DEEPEST
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.name_constraints import (
    MOST_SUBTREES,
    NameConstraints,
    Subtree,
    narrowing_refusal,
    read_constraints,
)

#: The words of RFC 5280 section 4.2.1.12 that an authority can be limited to; other purposes are dotted
#: numbers. `anyExtendedKeyUsage` limits nothing and OCSPSigning makes a responder: neither can be asked for.
PURPOSE_OIDS = {
    "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH,
    "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "codeSigning": ExtendedKeyUsageOID.CODE_SIGNING,
    "emailProtection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timeStamping": ExtendedKeyUsageOID.TIME_STAMPING,
}
_WORDS = {oid.dotted_string: word for word, oid in PURPOSE_OIDS.items()}
_ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
_WITHHELD = frozenset({_ANY, ExtendedKeyUsageOID.OCSP_SIGNING})
_NUMBER = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,18})){2,30}")
_MOST_PURPOSES = 20


class AuthorityConstraints(Struct, frozen=True, kw_only=True):
    """What the certificate of one authority says that it may sign.

    `path_length` is how many authorities may stand below it, None without a limit. `names` are its name
    constraints; `purposes` the extended key usages it is limited to, in their order, none without a limit.
    """

    path_length: int | None = None
    names: NameConstraints = NameConstraints()
    purposes: tuple[x509.ObjectIdentifier, ...] = ()

    @property
    def purpose_words(self) -> tuple[str, ...]:
        """Return the purposes by their names in RFC 5280, or as dotted numbers."""
        return tuple(_WORDS.get(oid.dotted_string, oid.dotted_string) for oid in self.purposes)


class IssuingLimits(Struct, frozen=True):
    """The constraints of an authority and of all that stand above it, nearest first."""

    links: tuple[AuthorityConstraints, ...]

    @property
    def path_length(self) -> int | None:
        """Return how many authorities may stand below it after all; None without a limit."""
        lengths = [
            link.path_length - place for place, link in enumerate(self.links) if link.path_length is not None
        ]
        return min(lengths, default=None)

    def verify_leaf(
        self,
        names: Iterable[tuple[Name, str]],
        purposes: Iterable[x509.ObjectIdentifier],
        *,
        has_subject: bool,
    ) -> None:
        """Refuse names (each with its place in the request) and purposes beyond any of the constraints."""
        asked = tuple(names)
        for link in self.links:
            for name, field in asked:
                refusal = link.names.refusal(name)
                if refusal is not None:
                    raise ProfileRefusedError(refusal, field=field, rule="authority-name-constraints")
            if link.names.has_others and has_subject:
                detail = (
                    "The authority has constraints on names of other kinds, which a subject could break; "
                    "leave the common name out."
                )
                raise ProfileRefusedError(detail, field="common_name", rule="authority-name-constraints")
            for purpose in purposes:
                _verify_purpose(link, purpose)

    def verify_child(self, asked: AuthorityConstraints) -> None:
        """Refuse an authority below that would have more than this one. Raises ProfileRefusedError."""
        most = self.path_length
        if most is not None and (most < 1 or asked.path_length is None or asked.path_length > most - 1):
            raise _too_deep(most)
        for link in self.links:
            if link.names.has_others:
                detail = (
                    "Above or in the parent are constraints on names of other kinds, which the subject of an "
                    "authority could break; choose another parent."
                )
                raise ProfileRefusedError(detail, field="parent", rule="authority-name-constraints")
            refused = narrowing_refusal(asked.names.permitted, link.names)
            if refused is not None:
                place, detail = refused
                field = field_of("permitted", asked.names.permitted, place)
                raise ProfileRefusedError(detail, field=field, rule="authority-name-constraints")
            for oid in asked.purposes:
                _verify_purpose(link, oid)

    @property
    def inherited_purposes(self) -> tuple[x509.ObjectIdentifier, ...]:
        """Return the purposes of the nearest link that is limited to some: what a child has by default."""
        return next((link.purposes for link in self.links if link.purposes), ())


def field_of(which: str, subtrees: tuple[Subtree, ...], place: int) -> str:
    """Return the part of a request that a subtree stands in: `permitted_dns_domains[0]`."""
    kind = subtrees[place].kind
    within = sum(1 for subtree in subtrees[:place] if subtree.kind is kind)
    return f"{which}_{SUBTREE_FIELDS[kind]}[{within}]"


#: The fields of requests, after `permitted_` and `excluded_`, as Vault and OpenBao name them.
SUBTREE_FIELDS = {
    NameKind.DNS: "dns_domains",
    NameKind.IP: "ip_ranges",
    NameKind.EMAIL: "email_addresses",
    NameKind.URI: "uri_domains",
}


def wanted_constraints(
    path_length: int | None,
    permitted: tuple[Subtree, ...],
    excluded: tuple[Subtree, ...],
    purposes: tuple[str, ...],
) -> AuthorityConstraints:
    """Return what a request asks for. Raises ProfileRefusedError."""
    if path_length is not None and not 0 <= path_length < DEEPEST:
        detail = f"A path length is 0 (signs leaves only) to {DEEPEST - 1}."
        raise ProfileRefusedError(detail, field="path_length", rule="path-length")
    for which, subtrees in (("permitted", permitted), ("excluded", excluded)):
        if len(subtrees) > MOST_SUBTREES:
            detail = f"A list of name constraints has at most {MOST_SUBTREES} entries."
            raise ProfileRefusedError(detail, field=field_of(which, subtrees, 0)[:-3], rule="name-constraint")
        for place, subtree in enumerate(subtrees):
            if subtree in subtrees[:place]:
                detail = f"{subtree.value} stands there twice; once is enough."
                raise ProfileRefusedError(
                    detail, field=field_of(which, subtrees, place), rule="name-constraint"
                )
    return AuthorityConstraints(
        path_length=path_length,
        names=NameConstraints(permitted, excluded),
        purposes=_wanted_purposes(purposes),
    )


def read_authority_constraints(certificate: x509.Certificate) -> AuthorityConstraints:
    """Return what a parsed certificate of an authority says; the caller knows that it is one."""
    path_length: int | None = None
    names = NameConstraints()
    purposes: tuple[x509.ObjectIdentifier, ...] = ()
    for extension in certificate.extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints):
            path_length = value.path_length
        elif isinstance(value, x509.NameConstraints):
            names = read_constraints(value)
        elif isinstance(value, x509.ExtendedKeyUsage):
            purposes = tuple(value)
    if _ANY in purposes:
        purposes = ()
    return AuthorityConstraints(path_length=path_length, names=names, purposes=purposes)


def issuing_limits(certificates: Iterable[x509.Certificate]) -> IssuingLimits | None:
    """Return the limits of an authority from its certificate and those above; None if there are none."""
    links = tuple(map(read_authority_constraints, certificates))
    limited = any(not link.names.is_empty or link.purposes for link in links)
    return IssuingLimits(links) if limited else None


def _wanted_purposes(words: tuple[str, ...]) -> tuple[x509.ObjectIdentifier, ...]:
    if len(words) > _MOST_PURPOSES:
        detail = f"An authority is limited to at most {_MOST_PURPOSES} purposes."
        raise ProfileRefusedError(detail, field="extended_key_usages", rule="purpose")
    found: list[x509.ObjectIdentifier] = []
    for place, word in enumerate(words):
        field = f"extended_key_usages[{place}]"
        oid = PURPOSE_OIDS.get(word) or _numbered(word)
        if oid is None or oid in _WITHHELD:
            detail = (
                f"An authority is limited to purposes among {', '.join(PURPOSE_OIDS)}, or others by their "
                "dotted numbers."
            )
            raise ProfileRefusedError(detail, field=field, rule="purpose")
        if oid in found:
            detail = f"{word} stands there twice; once is enough."
            raise ProfileRefusedError(detail, field=field, rule="purpose")
        found.append(oid)
    return tuple(found)


def _numbered(word: str) -> x509.ObjectIdentifier | None:
    if _NUMBER.fullmatch(word) is None:
        return None
    try:
        return x509.ObjectIdentifier(word)
    except ValueError:
        return None


def _verify_purpose(link: AuthorityConstraints, oid: x509.ObjectIdentifier) -> None:
    if link.purposes and oid not in link.purposes:
        word = _WORDS.get(oid.dotted_string, oid.dotted_string)
        detail = f"The authority is limited to {', '.join(link.purpose_words)} and does not certify {word}."
        raise ProfileRefusedError(detail, field="extended_key_usages", rule="authority-purposes")


def _too_deep(most: int) -> ProfileRefusedError:
    if most < 1:
        detail = "The parent signs leaves only (path length 0); choose another parent."
        return ProfileRefusedError(detail, field="parent", rule="authority-path-length")
    detail = f"Below this parent the path length is at most {most - 1}; ask for that or less."
    return ProfileRefusedError(detail, field="path_length", rule="authority-path-length")
