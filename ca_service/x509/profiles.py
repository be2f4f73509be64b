"""A profile: what certificates of one kind look like, and the ceilings nobody passes."""

from datetime import timedelta
from enum import StrEnum

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
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


class RevocationPointer(StrEnum):
    """Where a certificate says that its status is told (RFC 5280 sections 4.2.1.13 and 4.2.2.1)."""

    CRL = "crl"
    OCSP = "ocsp"


class ProfileStatus(StrEnum):
    """Whether anything is issued from it."""

    ACTIVE = "active"
    DISABLED = "disabled"


class ProfileSettings(Struct, frozen=True, kw_only=True):
    """What a profile says.

    `authority` is the name of the authority that issues unless the request chooses another of `authorities`.
    A common name that is no DNS name, no address and none of the names needs `allows_other_common_name`, and
    is then put to the policy as a name of the kind `common-name`. What was written before there were
    `revocation_pointers` has the CRL alone, as its certificates had.
    """

    authority: str
    authorities: tuple[str, ...] = ()
    purposes: tuple[Purpose, ...]
    name_kinds: tuple[NameKind, ...]
    key_algorithms: tuple[KeyAlgorithm, ...] = tuple(KeyAlgorithm)
    default_ttl: timedelta = DEFAULT_TTL
    max_ttl: timedelta = MAX_TTL
    allows_wildcards: bool = True
    allows_other_common_name: bool = False
    revocation_pointers: tuple[RevocationPointer, ...] = (RevocationPointer.CRL,)


class Profile(Struct, frozen=True, kw_only=True):
    """One profile; `version` counts every change."""

    id: str
    tenant: Tenant
    name: str
    status: ProfileStatus
    settings: ProfileSettings
    version: int


#: What first start makes: `server` proves a host to clients, `client` a workload or a person to servers.
SERVER_SETTINGS = ProfileSettings(
    authority="issuing",
    purposes=(Purpose.SERVER,),
    name_kinds=(NameKind.DNS, NameKind.IP),
    revocation_pointers=(RevocationPointer.CRL, RevocationPointer.OCSP),
)
CLIENT_SETTINGS = ProfileSettings(
    authority="issuing",
    purposes=(Purpose.CLIENT,),
    name_kinds=(NameKind.DNS, NameKind.IP, NameKind.EMAIL, NameKind.URI),
    allows_other_common_name=True,
)
