"""The profiles that every new default project has; an existing one gets those it lacks at its next start."""

from datetime import timedelta

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.policy.names import NameKind
from ca_service.x509.authorities import ISSUING_LIFETIME
from ca_service.x509.profiles import (
    KeyUsage,
    ProfileSettings,
    Purpose,
    RevocationPointer,
)

_HOSTS = (NameKind.DNS, NameKind.IP)
_ANYBODY = (NameKind.DNS, NameKind.IP, NameKind.EMAIL, NameKind.URI)

#: Proves a host to clients.
SERVER_SETTINGS = ProfileSettings(
    authority="issuing",
    purposes=(Purpose.SERVER,),
    name_kinds=_HOSTS,
    revocation_pointers=(RevocationPointer.CRL, RevocationPointer.OCSP),
)
#: Proves a workload or a person to servers.
CLIENT_SETTINGS = ProfileSettings(
    authority="issuing",
    purposes=(Purpose.CLIENT,),
    name_kinds=_ANYBODY,
    allows_other_common_name=True,
)
#: For hosts that call one another, each with one certificate for both ends.
SERVER_AND_CLIENT_SETTINGS = ProfileSettings(
    authority="issuing", purposes=(Purpose.SERVER, Purpose.CLIENT), name_kinds=_HOSTS
)
#: Names the publisher of software. What it signed is looked at for years, so its status is told both ways.
CODE_SIGNING_SETTINGS = ProfileSettings(
    authority="issuing",
    purposes=(Purpose.CODE,),
    name_kinds=(NameKind.EMAIL, NameKind.URI),
    allows_other_common_name=True,
    allows_wildcards=False,
    default_ttl=timedelta(days=365),
    max_ttl=timedelta(days=460),
    revocation_pointers=(RevocationPointer.CRL, RevocationPointer.OCSP),
    key_usages=(KeyUsage.DIGITAL_SIGNATURE,),
)
#: S/MIME for one mailbox: signs, and is encrypted to.
EMAIL_SETTINGS = ProfileSettings(
    authority="issuing",
    purposes=(Purpose.EMAIL,),
    name_kinds=(NameKind.EMAIL,),
    allows_other_common_name=True,
    allows_wildcards=False,
    default_ttl=timedelta(days=365),
    max_ttl=timedelta(days=825),
    key_usages=(KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_ENCIPHERMENT, KeyUsage.KEY_AGREEMENT),
)
#: Ends before a revocation would reach anybody, and so points to none.
SHORT_LIVED_SETTINGS = ProfileSettings(
    authority="issuing",
    purposes=(Purpose.SERVER, Purpose.CLIENT),
    name_kinds=_ANYBODY,
    default_ttl=timedelta(days=1),
    max_ttl=timedelta(days=7),
    revocation_pointers=(),
)
#: The ceilings of authorities that are signed for others; certificates of end entities are refused from it.
INTERMEDIATE_SETTINGS = ProfileSettings(
    authority="root",
    purposes=(),
    name_kinds=(),
    key_algorithms=tuple(KeyAlgorithm),
    default_ttl=ISSUING_LIFETIME,
    max_ttl=ISSUING_LIFETIME,
    for_authorities=True,
)

BUILT_IN_PROFILES = {
    "server": SERVER_SETTINGS,
    "client": CLIENT_SETTINGS,
    "server-and-client": SERVER_AND_CLIENT_SETTINGS,
    "code-signing": CODE_SIGNING_SETTINGS,
    "email": EMAIL_SETTINGS,
    "short-lived": SHORT_LIVED_SETTINGS,
    "intermediate": INTERMEDIATE_SETTINGS,
}
