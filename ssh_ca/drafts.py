"""What will be certified, read from a request inside its profile, and the questions to decide about it."""

from datetime import timedelta

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.policy.names import Name
from ca_service.policy.values import Access, ContextValue
from ssh_ca.accesses import profile_resource
from ssh_ca.caller_facts import CallerFacts
from ssh_ca.catalogue import Issuer
from ssh_ca.certificates import CertificateType
from ssh_ca.errors import OptionRefusedError, PrincipalsRefusedError, PublicKeyRefusedError
from ssh_ca.key_ids import key_id_of, verify_asked_key_id
from ssh_ca.operations import IssueSshCertificate
from ssh_ca.options import FORCE_COMMAND, SOURCE_ADDRESS, parse_options
from ssh_ca.principal_rules import every_principal, verify_allowed
from ssh_ca.principals import parse_key_id, parse_principals
from ssh_ca.profiles import SshProfile, lifetime_asked
from ssh_ca.public_keys import RSA_BITS, SubjectKey, parse_public_key
from ssh_ca.value_rules import values_given, verify_values

#: The keys that are made here, by the type they have in SSH.
KEY_TYPES_MADE = {
    KeyAlgorithm.ED25519: "ssh-ed25519",
    KeyAlgorithm.EC_P256: "ecdsa-sha2-nistp256",
    KeyAlgorithm.EC_P384: "ecdsa-sha2-nistp384",
    KeyAlgorithm.EC_P521: "ecdsa-sha2-nistp521",
    KeyAlgorithm.RSA_2048: "ssh-rsa",
    KeyAlgorithm.RSA_3072: "ssh-rsa",
    KeyAlgorithm.RSA_4096: "ssh-rsa",
}
_BITS_MADE = {KeyAlgorithm.RSA_2048: 2048, KeyAlgorithm.RSA_3072: 3072, KeyAlgorithm.RSA_4096: 4096}


class IssueDraft(Struct, frozen=True, kw_only=True):
    """What will be certified: the key that was sent, or one of `key_algorithm` that is made once permitted.

    `ttl` was asked for, or is the default that the grant may still shorten.
    """

    issuer: Issuer
    subject_key: SubjectKey | None
    key_algorithm: KeyAlgorithm | None
    key_type: str
    principals: tuple[Name, ...]
    key_id: str
    critical_options: dict[str, str]
    extensions: dict[str, str]
    ttl: timedelta
    is_ttl_asked: bool


def draft_of(operation: IssueSshCertificate, issuer: Issuer, facts: CallerFacts) -> IssueDraft:
    """Read a request inside its profile. Raises the errors of what it breaks, each with field and rule."""
    profile = issuer.profile
    subject_key, key_type, bits = _key_of(operation)
    _verify_key(subject_key, key_type, bits, issuer)
    critical_options, extensions = _options_of(operation, profile, facts, is_fido=key_type.startswith("sk-"))
    principals = _principals_of(operation, profile, facts)
    return IssueDraft(
        issuer=issuer,
        subject_key=subject_key,
        key_algorithm=operation.key_algorithm,
        key_type=key_type,
        principals=principals,
        key_id=_key_id_of(operation, profile, facts, principals[0].value),
        critical_options=critical_options,
        extensions=extensions,
        ttl=lifetime_asked(profile, operation.ttl),
        is_ttl_asked=operation.ttl is not None,
    )


def accesses_of(operation: IssueSshCertificate, draft: IssueDraft) -> tuple[Access, ...]:
    """Return the questions: one for the envelope, one for each principal."""
    profile = draft.issuer.profile
    envelope: dict[str, ContextValue] = {
        "profile": profile.name,
        "cert_type": profile.type.value,
        "key_type": draft.key_type,
        "key_id": draft.key_id,
        "ttl": draft.ttl,
        "critical_options": [*sorted(draft.critical_options)],
        "extensions": [*sorted(draft.extensions)],
    }
    if FORCE_COMMAND in draft.critical_options:
        envelope["force_command"] = draft.critical_options[FORCE_COMMAND]
    if SOURCE_ADDRESS in draft.critical_options:
        envelope["source_address"] = draft.critical_options[SOURCE_ADDRESS]
    if operation.vouched_names is not None:
        envelope["vouched_names"] = [*operation.vouched_names]
    resource = profile_resource(profile)
    accesses = [Access(operation.action, resource, "ssh:read", envelope, operation.ttl)]
    for index, name in enumerate(draft.principals):
        context = {**envelope, "name": name.context()}
        accesses.append(
            Access(operation.action, resource, "ssh:read", context, operation.ttl, f"principals[{index}]")
        )
    return tuple(accesses)


def _key_of(operation: IssueSshCertificate) -> tuple[SubjectKey | None, str, int | None]:
    """Return the key, if one was sent, its type, and its size if it is an RSA key."""
    if operation.public_key is not None and operation.key_algorithm is not None:
        raise PublicKeyRefusedError(
            "Send the public key to certify, or a key_algorithm to have a pair made; not both.",
            field="key_algorithm",
            rule="key-or-algorithm",
        )
    if operation.public_key is not None:
        key = parse_public_key(operation.public_key)
        return key, key.type, key.rsa_bits
    if operation.key_algorithm is None or operation.key_algorithm not in KEY_TYPES_MADE:
        made = ", ".join(algorithm.value for algorithm in KEY_TYPES_MADE)
        raise PublicKeyRefusedError(
            f"Send a public_key, or as key_algorithm one of {made}.",
            field="public_key" if operation.key_algorithm is None else "key_algorithm",
            rule="key-missing" if operation.key_algorithm is None else "key-algorithm",
        )
    algorithm = operation.key_algorithm
    return None, KEY_TYPES_MADE[algorithm], _BITS_MADE.get(algorithm)


def _verify_key(key: SubjectKey | None, key_type: str, bits: int | None, issuer: Issuer) -> None:
    settings, field = issuer.profile.settings, "key_algorithm" if key is None else "public_key"
    if key_type not in settings.key_types:
        raise PublicKeyRefusedError(
            f"The profile {issuer.profile.name} does not certify keys of type {key_type}; it certifies "
            f"{', '.join(settings.key_types)}.",
            field=field,
            rule="profile-key-type",
        )
    if bits is not None and bits < settings.minimum_rsa_bits > RSA_BITS.start:
        raise PublicKeyRefusedError(
            f"The profile {issuer.profile.name} certifies RSA keys from {settings.minimum_rsa_bits} bits on; "
            f"this one has {bits}.",
            field=field,
            rule="profile-key-size",
        )
    if key is not None and key.blob == issuer.authority.public_key:
        raise PublicKeyRefusedError(
            "This is the authority's own key; send yours.", field="public_key", rule="key-authority"
        )


def _principals_of(
    operation: IssueSshCertificate, profile: SshProfile, facts: CallerFacts
) -> tuple[Name, ...]:
    rules = profile.settings.principals
    if operation.principals or rules is None:
        principals = parse_principals(operation.principals, profile.type)
        if rules is not None:
            verify_allowed(rules, principals, facts, profile.name)
        return principals
    found = every_principal(rules, facts)
    if not found:
        raise PrincipalsRefusedError(
            f"The profile {profile.name} names no principal for you by itself; ask for those you need.",
            field="principals",
            rule="profile-principals-none",
        )
    return parse_principals(found, profile.type)


def _key_id_of(
    operation: IssueSshCertificate, profile: SshProfile, facts: CallerFacts, first_principal: str
) -> str:
    if operation.key_id is None:
        return key_id_of(profile.settings.key_id, facts, profile.name, first_principal)
    verify_asked_key_id(is_allowed=profile.settings.allows_key_id, profile=profile.name)
    return parse_key_id(operation.key_id)


def _options_of(
    operation: IssueSshCertificate, profile: SshProfile, facts: CallerFacts, *, is_fido: bool
) -> tuple[dict[str, str], dict[str, str]]:
    settings = profile.settings
    if profile.type is CertificateType.HOST:
        if operation.critical_options or operation.extensions:
            field = "critical_options" if operation.critical_options else "extensions"
            raise OptionRefusedError(
                "Host certificates have no options and no extensions.", field=field, rule="option-host"
            )
        return {}, {}
    critical_options = parse_options(
        operation.critical_options,
        frozenset(settings.critical_options),
        field="critical_options",
        is_fido=is_fido,
    )
    if settings.default_critical_options:
        given = values_given(settings.default_critical_options, facts, "critical_options")
        critical_options = {**given, **critical_options}
    if operation.extensions is None:
        extensions = dict.fromkeys(settings.extensions, "")
        extensions.update(values_given(settings.default_extensions, facts, "extensions"))
    else:
        extensions = parse_options(
            operation.extensions, profile.extensions_on_offer, field="extensions", is_fido=is_fido
        )
    if settings.value_rules:
        verify_values(critical_options, settings.value_rules, facts, "critical_options")
        verify_values(extensions, settings.value_rules, facts, "extensions")
    return critical_options, extensions
