"""Our own checks of a certificate before it is signed (RFC 5280 section 4, and BR 7.1 where it fits any CA).

They look at the parts as they will be encoded, so that no signature is needed. What never changes is looked
at once; the rest takes a few microseconds. A finding is a mistake in a profile or of ours: nothing is signed.
"""

from datetime import timedelta
from functools import lru_cache
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from ca_service.policy.names import Name, NameKind
from ca_service.x509.der import OBJECT_IDENTIFIER, SEQUENCE, DerError, elements, only_element
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.subjects import COMMON_NAME_LIMIT
from ca_service.x509.validity import Validity

Extension = x509.Extension[x509.ExtensionType]

#: 20 octets whose first bit is 0; at least 64 bits of them random (RFC 5280 section 4.1.2.2, BR 7.1).
_SERIAL_BITS = range(64, 160)
_LONGEST_UNREVOCABLE = timedelta(days=10)

_ALTERNATIVE_NAME = ExtensionOID.SUBJECT_ALTERNATIVE_NAME
_KEY_USAGE = ExtensionOID.KEY_USAGE
_EXTENDED = ExtensionOID.EXTENDED_KEY_USAGE
_POINTS = ExtensionOID.CRL_DISTRIBUTION_POINTS
_ACCESS = ExtensionOID.AUTHORITY_INFORMATION_ACCESS
_MUST_HAVE = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        _KEY_USAGE,
        _EXTENDED,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    }
)
_CRITICAL = frozenset({ExtensionOID.BASIC_CONSTRAINTS, _KEY_USAGE})
#: What an end entity's certificate may carry; name constraints, policy mappings and the like it may not.
_KNOWN = _MUST_HAVE | {
    _ALTERNATIVE_NAME,
    _POINTS,
    _ACCESS,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.TLS_FEATURE,
    ExtensionOID.FRESHEST_CRL,
}
_TIME_STAMPING = bytes.fromhex("2b06010505070308")
#: anyExtendedKeyUsage and OCSPSigning.
_WITHHELD_PURPOSES = frozenset({bytes.fromhex("551d2500"), bytes.fromhex("2b06010505070309")})
_ANY_POLICY = bytes.fromhex("551d2000")
_OCSP = bytes.fromhex("2b06010505073001")
#: The bits of a key usage from the first octet's highest on: keyCertSign and cRLSign.
_AUTHORITY_BITS = 0x04 | 0x02
_SIGNS_OR_AGREES = 0x80 | 0x40 | 0x20 | 0x08


def lint_leaf(
    extensions: list[Extension],
    *,
    common_name: str | None,
    has_subject: bool,
    names: tuple[Name, ...],
    serial_number: int,
    validity: Validity,
    issuer_validity: Validity,
    issuer_key: bytes | None,
) -> None:
    """Refuse an end entity's certificate that must not be signed. Raises ProfileRefusedError.

    `issuer_key` is the subject key identifier of the issuer.
    """
    if serial_number < 0 or serial_number.bit_length() not in _SERIAL_BITS:
        raise _finding("serial-number", "its serial number has not 64 to 159 bits")
    start, end = validity.not_before, validity.not_after
    if not issuer_validity.not_before <= start < end <= issuer_validity.not_after:
        raise _finding("validity", "it does not live inside the life of its issuer")
    found = {extension.oid: extension for extension in extensions}
    if len(found) != len(extensions):
        raise _finding("extension-twice", "an extension stands there twice (RFC 5280 section 4.2)")
    if not found.keys() >= _MUST_HAVE:
        raise _finding("extension-missing", "an extension that every certificate has is missing")
    for extension in extensions:
        if extension.oid != _ALTERNATIVE_NAME:
            _lint_extension(extension)
    _lint_usages(_encoded(found[_KEY_USAGE]), _encoded(found[_EXTENDED]))
    key_identifier = _encoded(found[ExtensionOID.AUTHORITY_KEY_IDENTIFIER])
    if issuer_key is None or issuer_key not in key_identifier:
        raise _finding("authority-key-identifier", "its authority key identifier is not its issuer's")
    access = found.get(_ACCESS)
    has_responder = access is not None and _names_responder(_encoded(access))
    if ExtensionOID.TLS_FEATURE in found and not has_responder:
        raise _finding("must-staple", "it demands a stapled answer and names no responder")
    if not has_responder and _POINTS not in found and end - start > _LONGEST_UNREVOCABLE:
        raise _finding("revocation", "it points to no revocation status and lives longer than 10 days")
    _lint_names(found.get(_ALTERNATIVE_NAME), names, common_name, has_subject=has_subject)


def _finding(rule: str, sentence: str) -> ProfileRefusedError:
    detail = (
        f"The certificate was checked before it was signed, and {sentence}; mend the profile or the request."
    )
    return ProfileRefusedError(detail, field="profile", rule=f"lint-{rule}")


def _encoded(extension: Extension) -> bytes:
    value = extension.value
    return value.value if isinstance(value, x509.UnrecognizedExtension) else value.public_bytes()


def _lint_extension(extension: Extension) -> None:
    oid, value = extension.oid, extension.value
    if oid == ExtensionOID.SUBJECT_KEY_IDENTIFIER:
        if extension.critical:
            raise _finding("criticality", "its subject key identifier is critical")
        return
    _lint_encoded(
        oid,
        extension.critical,
        value.value if type(value) is x509.UnrecognizedExtension else _encoded(extension),
    )


@lru_cache(maxsize=4096)
def _lint_encoded(oid: x509.ObjectIdentifier, critical: bool, encoded: bytes) -> None:
    """Look at one extension that does not change from certificate to certificate."""
    if oid not in _KNOWN:
        raise _finding("extension-unknown", f"it carries the extension {oid.dotted_string}")
    try:
        if oid == ExtensionOID.BASIC_CONSTRAINTS and encoded != b"\x30\x00":
            raise _finding("authority", "it would be an authority")
        is_time_stamping = oid == _EXTENDED and _TIME_STAMPING in _oids(encoded)
        if critical is not (oid in _CRITICAL or is_time_stamping):
            raise _finding("criticality", f"the extension {oid.dotted_string} is critical or should be")
        if oid == ExtensionOID.CERTIFICATE_POLICIES:
            policies = [next(elements(each))[1] for _, each in elements(only_element(encoded, SEQUENCE))]
            if _ANY_POLICY in policies or len(set(policies)) != len(policies):
                raise _finding("policies", "it has anyPolicy, or a policy twice")
    except DerError as error:
        raise _finding("encoding", f"the extension {oid.dotted_string} cannot be read") from error


@lru_cache(maxsize=1024)
def _lint_usages(usage: bytes, extended: bytes) -> None:
    """Refuse usages of authorities, and purposes that the key usage does not allow."""
    purposes = _oids(extended)
    if not purposes or len(set(purposes)) != len(purposes) or _WITHHELD_PURPOSES & {*purposes}:
        raise _finding("extended-key-usage", "its purposes are none, doubled or not a profile's to give")
    if len(usage) < 4 or usage[0] != 0x03 or usage[2] > 7 or usage[3] == 0:
        raise _finding("key-usage", "its key usage is empty")
    if usage[3] & _AUTHORITY_BITS:
        raise _finding("authority", "its key could sign certificates or revocation lists")
    if not usage[3] & _SIGNS_OR_AGREES:
        raise _finding("key-usage", "its key usage serves none of its purposes (RFC 5280 section 4.2.1.12)")


def _oids(encoded: bytes) -> list[bytes]:
    found = list(elements(only_element(encoded, SEQUENCE)))
    if any(tag != OBJECT_IDENTIFIER for tag, _ in found):
        raise DerError("a list of object identifiers was expected")
    return [content for _, content in found]


@lru_cache(maxsize=1024)
def _names_responder(access: bytes) -> bool:
    return any(next(elements(each))[1] == _OCSP for _, each in elements(only_element(access, SEQUENCE)))


def _lint_names(
    alternatives: Extension | None, names: tuple[Name, ...], common_name: str | None, *, has_subject: bool
) -> None:
    if alternatives is None:
        if names or not has_subject:
            raise _finding("subject", "it names nobody")
    elif not names or alternatives.critical is has_subject:
        raise _finding("alternative-name", "its names are critical or should be (RFC 5280 section 4.2.1.6)")
    if len(set(names)) != len(names):
        raise _finding("alternative-name", "a name stands there twice")
    for name in names:
        if not name.value.isascii() or not 0 < len(name.value) <= 2048:
            raise _finding("alternative-name", "a name is not ASCII, empty or too long")
        if name.kind is NameKind.DNS:
            _lint_host(name.value)
    if common_name is None:
        return
    if not 0 < len(common_name) <= COMMON_NAME_LIMIT:
        raise _finding("common-name", "its common name is empty or too long")
    if _is_like_an_address(common_name) and all(name.value != common_name for name in names):
        raise _finding("common-name", "its common name is an address that is none of its names (BR 7.1.4.3)")


def _lint_host(host: str) -> None:
    if len(host) > 253 or "_" in host or ".." in host or host[0] == "." or host[-1] == ".":
        raise _finding("host-name", f"{host[:80]} is no host name (RFC 1123 section 2.1)")
    if host.rfind("*") > 0 or (host[0] == "*" and host[:2] != "*."):
        raise _finding(
            "host-name", f"in {host[:80]} the * is not the whole first label (RFC 6125 section 6.4.3)"
        )
    if any(len(label) > 63 for label in host.split(".")):
        raise _finding("host-name", f"{host[:80]} has a label of more than 63 characters")


def _is_like_an_address(text: str) -> bool:
    if not text[-1].isdigit() and ":" not in text:
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
