"""From a request to what will stand in the certificate: key, common name and names, inside a profile."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.policy.names import Name, NameKind
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.operations import CertificateRequest, CsrRequest, KeyRequest
from ca_service.x509.profiles import Profile, ProfileSettings
from ca_service.x509.public_keys import parse_key_algorithm
from ca_service.x509.requests import MAX_NAMES, PublicKey, parse_csr, too_many_names
from ca_service.x509.subjects import CommonName, parse_common_name

_LISTS = {
    NameKind.DNS: "dns_names",
    NameKind.IP: "ip_addresses",
    NameKind.EMAIL: "emails",
    NameKind.URI: "uris",
}


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


def parse_request(request: CertificateRequest, profile: Profile, *, csr_field: str) -> Decidable:
    """Return what a request asks for, inside the profile.

    Raises CsrMalformedError, CsrRefusedError, NameRefusedError or ProfileRefusedError.
    """
    public_key, key_algorithm, common_name, asked = _read(request, csr_field)
    common_name_field = csr_field if isinstance(request, CsrRequest) else "common_name"
    names = {entry.name: entry for entry in reversed(asked)}
    ordered = [names[name] for name in dict.fromkeys(entry.name for entry in asked)]
    if common_name is not None and common_name.name is not None and common_name.name not in names:
        ordered.insert(0, AskedName(common_name.name, common_name_field))
    decidable = Decidable(
        public_key=public_key,
        key_algorithm=key_algorithm,
        common_name=common_name.text
        if common_name is not None and _stands_in_subject(request, common_name)
        else None,
        common_name_field=common_name_field,
        has_other_common_name=common_name is not None
        and all(entry.name.value != common_name.text for entry in ordered),
        names=tuple(ordered),
    )
    _verify_inside(decidable, profile, csr_field if isinstance(request, CsrRequest) else "key_algorithm")
    return decidable


def _stands_in_subject(request: CertificateRequest, common_name: CommonName) -> bool:
    """Return whether a common name goes into the subject too, and not only into the names.

    Some clients (uacme) put an address into the CSR's common name, where nobody looks for addresses.
    """
    is_address = common_name.name is not None and common_name.name.kind is NameKind.IP
    return common_name.fits and not (is_address and isinstance(request, CsrRequest))


def _read(
    request: CertificateRequest, csr_field: str
) -> tuple[PublicKey | None, KeyAlgorithm, CommonName | None, list[AskedName]]:
    if isinstance(request, CsrRequest):
        parsed = parse_csr(request.csr_der, field=csr_field)
        asked = [AskedName(name, csr_field) for name in parsed.names]
        return parsed.public_key, parsed.key_algorithm, parsed.common_name, asked
    common_name = None
    if request.common_name is not None:
        common_name = parse_common_name(request.common_name, field="common_name")
    if isinstance(request, KeyRequest):
        return None, request.key_algorithm, common_name, _listed(request.names)
    key = _load_public_key(request.public_key_der)
    return key, parse_key_algorithm(key), common_name, _listed(request.names)


def _load_public_key(der: bytes) -> PublicKey:
    try:
        key = serialization.load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ProfileRefusedError(
            "The key of the certificate cannot be read; renew it with a CSR.", rule="key-type"
        ) from error
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
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
    for entry in decidable.names:
        _verify_name(entry, profile.name, settings)


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
