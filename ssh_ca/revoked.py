"""From what was revoked to what the key revocation list of a project says; what has expired is left out."""

from base64 import b64decode
from collections import defaultdict
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from ca_service.kernel.tenancy import Tenant
from ssh_ca.authorities import SshAuthority
from ssh_ca.profiles import LONGEST
from ssh_ca.revocation_list import RevocationList, RevokedCertificates, runs_of

#: An entry stays this long behind its certificate's end, for hosts whose clocks are behind.
KEPT_AFTER_END = timedelta(hours=1)


class RevocationKind(StrEnum):
    """What a revocation beside the inventory is of."""

    PUBLIC_KEY = "public_key"
    SERIAL_NUMBER = "serial_number"
    KEY_ID = "key_id"
    AUTHORITY = "authority"


class Revocation(Struct, frozen=True):
    """A revocation beside the inventory: `value` is a fingerprint, a decimal number or a key id.

    `authority_id` is empty for keys and key ids, which are revoked under every authority of the project.
    """

    kind: RevocationKind
    authority_id: str
    value: str
    revoked_at: datetime


class RevokedFacts(Struct, frozen=True, kw_only=True):
    """Everything that is revoked in a project; `certificates` by (authority id, serial number)."""

    authorities: tuple[SshAuthority, ...]
    certificates: tuple[tuple[str, int], ...]
    revocations: tuple[Revocation, ...]


def revocation_list_of(tenant: Tenant, version: int, now: datetime, facts: RevokedFacts) -> RevocationList:
    """Return what the list says at `now`.

    Keys stay for good, also where they open an account without a certificate. What the inventory does not
    know is dropped once nothing signed before its revocation can be valid any more.
    """
    serial_numbers: defaultdict[str, list[int]] = defaultdict(list)
    for authority_id, serial_number in facts.certificates:
        serial_numbers[authority_id].append(serial_number)
    key_ids: list[str] = []
    key_hashes: list[bytes] = []
    ended: set[str] = set()
    for revocation in facts.revocations:
        if revocation.kind is RevocationKind.PUBLIC_KEY:
            key_hashes.append(_hash_of(revocation.value))
        elif revocation.kind is RevocationKind.AUTHORITY:
            ended.add(revocation.authority_id)
        elif now < revocation.revoked_at + LONGEST + KEPT_AFTER_END:
            if revocation.kind is RevocationKind.KEY_ID:
                key_ids.append(revocation.value)
            else:
                serial_numbers[revocation.authority_id].append(int(revocation.value))
    return RevocationList(
        version=version,
        generated_at=int(now.timestamp()),
        comment=tenant.project,
        certificates=tuple(
            # By authority: another project's certificate with the same key id is not ours to revoke.
            RevokedCertificates(
                authority_key=authority.public_key,
                runs=runs_of(serial_numbers[authority.id]),
                key_ids=tuple(sorted(key_ids)),
            )
            for authority in facts.authorities
            if authority.id not in ended and (serial_numbers[authority.id] or key_ids)
        ),
        keys=tuple(sorted(each.public_key for each in facts.authorities if each.id in ended)),
        key_hashes=tuple(sorted(key_hashes)),
    )


def _hash_of(fingerprint: str) -> bytes:
    encoded = fingerprint.removeprefix("SHA256:")
    return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
