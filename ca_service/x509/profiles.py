"""A profile: what certificates of one kind look like, and the ceilings nobody passes."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from ca_service.custody.algorithms import WIDELY_KNOWN, KeyAlgorithm
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.names import NameKind

DEFAULT_TTL = timedelta(days=47)
MAX_TTL = timedelta(days=200)


class Purpose(StrEnum):
    """An extended key usage by its name in RFC 5280 section 4.2.1.12."""

    SERVER = "serverAuth"
    CLIENT = "clientAuth"
    EMAIL = "emailProtection"
    CODE = "codeSigning"
    TIME = "timeStamping"


class KeyUsage(StrEnum):
    """A key usage by its name in RFC 5280 section 4.2.1.3; those of authorities are none of a profile's."""

    DIGITAL_SIGNATURE = "digitalSignature"
    CONTENT_COMMITMENT = "contentCommitment"
    KEY_ENCIPHERMENT = "keyEncipherment"
    DATA_ENCIPHERMENT = "dataEncipherment"
    KEY_AGREEMENT = "keyAgreement"


class CommonNameRule(StrEnum):
    """Whether a common name stands in the subject. One that is left out still counts as a name."""

    OPTIONAL = "optional"
    REQUIRED = "required"
    OMITTED = "omitted"


class MustStaple(StrEnum):
    """Whether a certificate demands a stapled OCSP answer of its server (RFC 7633)."""

    NEVER = "never"
    ASKED = "asked"
    ALWAYS = "always"


class Lint(StrEnum):
    """What looks at a certificate before it is signed: our own checks, or pkilint after them."""

    FAST = "fast"
    PKILINT = "pkilint"


class RevocationPointer(StrEnum):
    """Where a certificate says that its status is told (RFC 5280 sections 4.2.1.13 and 4.2.2.1)."""

    CRL = "crl"
    OCSP = "ocsp"


class ProfileStatus(StrEnum):
    """Whether anything is issued from it."""

    ACTIVE = "active"
    DISABLED = "disabled"


class SubjectFields(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands in every subject beside the common name; a request has no say in it."""

    country: str | None = None
    state: str | None = None
    locality: str | None = None
    organization: str | None = None
    organizational_unit: str | None = None


class ProfileSettings(Struct, frozen=True, kw_only=True):
    """What a profile says.

    `authority` is the name of the authority that issues unless the request chooses another of `authorities`.
    A common name that is no DNS name, no address and none of the names needs `allows_other_common_name`, and
    is then put to the policy as a name of the kind `common-name`. What was written before there were
    `revocation_pointers` has the CRL alone, as its certificates had.

    `names_allowed`, `names_denied` and `names_required` are patterns (`name_rules`), `names_computed` names
    of the caller (`computed_names`). No `key_usages` means those that key and purposes call for; of those
    given, a key gets what it can do. `further_purposes` and `policies` are dotted object identifiers.
    Nothing but authorities elsewhere is signed by a profile that is `for_authorities`.
    """

    authority: str
    authorities: tuple[str, ...] = ()
    purposes: tuple[Purpose, ...]
    name_kinds: tuple[NameKind, ...]
    key_algorithms: tuple[KeyAlgorithm, ...] = WIDELY_KNOWN
    default_ttl: timedelta = DEFAULT_TTL
    max_ttl: timedelta = MAX_TTL
    allows_wildcards: bool = True
    allows_other_common_name: bool = False
    revocation_pointers: tuple[RevocationPointer, ...] = (RevocationPointer.CRL,)
    names_issuer: bool = True
    names_allowed: tuple[str, ...] = ()
    names_denied: tuple[str, ...] = ()
    names_required: tuple[str, ...] = ()
    names_computed: tuple[str, ...] = ()
    common_name: CommonNameRule = CommonNameRule.OPTIONAL
    subject: SubjectFields = SubjectFields()
    key_usages: tuple[KeyUsage, ...] = ()
    further_purposes: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    must_staple: MustStaple = MustStaple.NEVER
    lint: Lint = Lint.FAST
    for_authorities: bool = False
    #: Keys made here are kept sealed; their certificates are renewed so long before their end (None: at two
    #: thirds of their life).
    keeps_keys: bool = False
    renew_before: timedelta | None = None


class Profile(Struct, frozen=True, kw_only=True):
    """One profile; `version` counts every change."""

    id: str
    tenant: Tenant
    name: str
    status: ProfileStatus
    settings: ProfileSettings
    version: int


class ProfileVersion(Struct, frozen=True, kw_only=True):
    """A profile as it was at a version; `kept_at` is when it became that, None if nobody noted it."""

    profile: Profile
    kept_at: datetime | None
