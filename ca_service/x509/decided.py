"""From a request to what will stand in the certificate: key, common name and names, inside a profile."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.withheld_keys import PublicKey
from ca_service.policy.names import Name, NameKind
from ca_service.x509.computed_names import RESERVED_URI, CallerFact, parse_computed_name
from ca_service.x509.errors import CsrRefusedError, ProfileRefusedError
from ca_service.x509.name_rules import missing_name, name_refusal
from ca_service.x509.operations import CertificateRequest, CsrRequest, KeyRequest
from ca_service.x509.profiles import CommonNameRule, MustStaple, Profile, ProfileSettings
from ca_service.x509.public_keys import parse_key_algorithm
from ca_service.x509.requests import MAX_NAMES, parse_csr, too_many_names
from ca_service.x509.subjects import CommonName, parse_common_name

_LISTS = {
    NameKind.DNS: "dns_names",
    NameKind.IP: "ip_addresses",
    NameKind.EMAIL: "emails",
    NameKind.URI: "uris",
}


#: The `field` of a name that nobody asked for.
COMPUTED = "profile"


class AskedName(Struct, frozen=True):
    """A name that will stand in the certificate, and the part of the request it came from."""

    name: Name
    field: str


class Decidable(Struct, frozen=True, kw_only=True):
    """What will be certified if the policy permits each part. `public_key` is None for a key made here.

    `common_name` is what will stand in the subject; `has_other_common_name`: it is none of the names.
    """

    public_key: PublicKey | None
    key_algorithm: KeyAlgorithm
    common_name: str | None
    common_name_field: str
    has_other_common_name: bool
    names: tuple[AskedName, ...]
    is_stapled: bool = False


#: Who is calling, for the names that a profile computes; None where nobody is who has an identity.
CallerFacts: TypeAlias = Callable[[], Mapping[CallerFact, str] | None]


def parse_request(
    request: CertificateRequest, profile: Profile, *, csr_field: str, facts: CallerFacts
) -> Decidable:
    """Return what a request asks for, inside the profile, and what this computes from the caller.

    Raises CsrMalformedError, CsrRefusedError, NameRefusedError or ProfileRefusedError.
    """
    public_key, key_algorithm, common_name, asked, asks_to_staple = _read(request, csr_field)
    common_name_field = csr_field if isinstance(request, CsrRequest) else "common_name"
    names = {entry.name: entry for entry in reversed(asked)}
    ordered = [names[name] for name in dict.fromkeys(entry.name for entry in asked)]
    if common_name is not None and common_name.name is not None and common_name.name not in names:
        ordered.insert(0, AskedName(common_name.name, common_name_field))
    settings = profile.settings
    stands_in_subject = (
        common_name is not None
        and settings.common_name is not CommonNameRule.OMITTED
        and _stands_in_subject(request, common_name)
    )
    decidable = Decidable(
        public_key=public_key,
        key_algorithm=key_algorithm,
        common_name=common_name.text if common_name is not None and stands_in_subject else None,
        common_name_field=common_name_field,
        has_other_common_name=common_name is not None
        and all(entry.name.value != common_name.text for entry in ordered),
        names=tuple(ordered),
        is_stapled=asks_to_staple or settings.must_staple is MustStaple.ALWAYS,
    )
    if settings.names_computed:
        decidable = _with_computed(decidable, profile, facts)
    if asks_to_staple and settings.must_staple is MustStaple.NEVER:
        detail = f"The profile {profile.name} issues no must-staple certificates; make the CSR without."
        raise CsrRefusedError(detail, field=csr_field, rule="csr-must-staple")
    _verify_inside(decidable, profile, csr_field if isinstance(request, CsrRequest) else "key_algorithm")
    return decidable


def _with_computed(decidable: Decidable, profile: Profile, facts: CallerFacts) -> Decidable:
    """Return the same with the names that the profile computes from who is calling."""
    known = facts()
    if known is None:
        detail = f"The profile {profile.name} names its caller, and you have no identity; log in as one."
        raise ProfileRefusedError(detail, field="profile", rule="profile-computed-name")
    computed = [parse_computed_name(text).of(known) for text in profile.settings.names_computed]
    others = (entry for entry in decidable.names if entry.name not in computed)
    names = (*(AskedName(name, COMPUTED) for name in dict.fromkeys(computed)), *others)
    is_other = decidable.has_other_common_name and all(
        entry.name.value != decidable.common_name for entry in names
    )
    return msgspec.structs.replace(decidable, names=names, has_other_common_name=is_other)


def _stands_in_subject(request: CertificateRequest, common_name: CommonName) -> bool:
    """Return whether a common name goes into the subject too, and not only into the names.

    Some clients (uacme) put an address into the CSR's common name, where nobody looks for addresses.
    """
    is_address = common_name.name is not None and common_name.name.kind is NameKind.IP
    return common_name.fits and not (is_address and isinstance(request, CsrRequest))


def _read(
    request: CertificateRequest, csr_field: str
) -> tuple[PublicKey | None, KeyAlgorithm, CommonName | None, list[AskedName], bool]:
    if isinstance(request, CsrRequest):
        parsed = parse_csr(request.csr_der, field=csr_field)
        asked = [AskedName(name, csr_field) for name in parsed.names]
        return parsed.public_key, parsed.key_algorithm, parsed.common_name, asked, parsed.asks_to_staple
    common_name = None
    if request.common_name is not None:
        common_name = parse_common_name(request.common_name, field="common_name")
    if isinstance(request, KeyRequest):
        return None, request.key_algorithm, common_name, _listed(request.names), False
    key = _load_public_key(request.public_key_der)
    return key, parse_key_algorithm(key), common_name, _listed(request.names), False


def _load_public_key(der: bytes) -> PublicKey:
    try:
        key = serialization.load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ProfileRefusedError(
            "The key of the certificate cannot be read; renew it with a CSR.", rule="key-type"
        ) from error
    if not isinstance(key, PublicKey):
        detail = "Keys of this type are no longer certified; renew the certificate with a CSR."
        raise ProfileRefusedError(detail, rule="key-type")
    return key


def _listed(names: tuple[Name, ...]) -> list[AskedName]:
    """Return names with their place in the lists of the door's body: `dns_names[2]`."""
    counts: dict[NameKind, int] = {}
    asked: list[AskedName] = []
    for name in names:
        place = counts.get(name.kind, 0)
        counts[name.kind] = place + 1
        asked.append(AskedName(name, f"{_LISTS.get(name.kind, 'names')}[{place}]"))
    return asked


def _verify_inside(decidable: Decidable, profile: Profile, key_field: str) -> None:
    settings = profile.settings
    if not decidable.names and not decidable.has_other_common_name:
        detail = "The request names nobody: give a common name or at least one name."
        raise ProfileRefusedError(detail, field=_missing_field(key_field), rule="names-missing")
    if len(decidable.names) > MAX_NAMES:
        raise too_many_names(len(decidable.names), decidable.names[-1].field)
    if decidable.key_algorithm not in settings.key_algorithms:
        detail = (
            f"The profile {profile.name} does not certify keys of the algorithm {decidable.key_algorithm}."
        )
        raise ProfileRefusedError(detail, field=key_field, rule="profile-key-algorithm")
    if decidable.has_other_common_name and not settings.allows_other_common_name:
        detail = (
            f"The profile {profile.name} allows only a common name that is a DNS name, an address or one of "
            "the names; leave it out or choose another profile."
        )
        raise ProfileRefusedError(detail, field=decidable.common_name_field, rule="profile-common-name")
    if settings.common_name is CommonNameRule.REQUIRED and decidable.common_name is None:
        detail = f"The profile {profile.name} wants a common name of at most 64 characters; give one."
        raise ProfileRefusedError(detail, field=decidable.common_name_field, rule="profile-common-name")
    for entry in decidable.names:
        if entry.field != COMPUTED:
            _verify_name(entry, profile.name, settings)
    if settings.names_required:
        missing = missing_name(tuple(entry.name for entry in decidable.names), settings.names_required)
        if missing is not None:
            detail = f"The profile {profile.name} wants a name of the pattern {missing}; add one."
            raise ProfileRefusedError(detail, field=_missing_field(key_field), rule="profile-name-required")


def _missing_field(key_field: str) -> str:
    return "dns_names" if key_field == "key_algorithm" else key_field


def _verify_name(entry: AskedName, profile: str, settings: ProfileSettings) -> None:
    name = entry.name
    if name.kind not in settings.name_kinds:
        detail = f"The profile {profile} does not allow names of the kind {name.kind}."
        raise ProfileRefusedError(detail, field=entry.field, rule="profile-name-kind")
    if name.is_wildcard and not settings.allows_wildcards:
        detail = f"The profile {profile} does not allow wildcards."
        raise ProfileRefusedError(detail, field=entry.field, rule="profile-wildcard")
    # The namespace of a URN means the same in either case (RFC 8141 section 3.1).
    if name.kind is NameKind.URI and name.value.lower().startswith(RESERVED_URI):
        detail = f"Names below {RESERVED_URI} are computed by profiles and asked for by nobody; leave it out."
        raise ProfileRefusedError(detail, field=entry.field, rule="uri-reserved")
    if settings.names_allowed or settings.names_denied:
        refused = name_refusal(name, settings.names_allowed, settings.names_denied)
        if refused is not None:
            sentence, rule = refused
            detail = f"The profile {profile} refuses the name: {sentence}"
            raise ProfileRefusedError(detail, field=entry.field, rule=rule)
