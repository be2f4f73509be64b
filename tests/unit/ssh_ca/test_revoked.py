"""What stands in the list of a project, and for how long."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec

from ca_service.custody.algorithms import KeyAlgorithm
from ssh_ca.authorities import AuthorityStatus, SshAuthority
from ssh_ca.certificates import CertificateType
from ssh_ca.handlers.publish_revocation_list import signing_authority
from ssh_ca.profiles import LONGEST
from ssh_ca.public_keys import fingerprint_of
from ssh_ca.revocation_list import RevocationList, RevokedCertificates
from ssh_ca.revoked import Revocation, RevocationKind, RevokedFacts, revocation_list_of
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import TENANT

CLOCK = FakeClock()
NOW = CLOCK.now()
USER = SshAuthority(
    id="sca_user",
    tenant=TENANT,
    name="ssh-user",
    type=CertificateType.USER,
    key_id="key_1",
    key_algorithm=KeyAlgorithm.ED25519,
    public_key=b"user key",
    status=AuthorityStatus.ACTIVE,
    created_at=NOW,
    version=1,
)
HOST = msgspec.structs.replace(USER, id="sca_host", type=CertificateType.HOST, public_key=b"host key")


def told(*revocations: Revocation, certificates: Any = (), later: timedelta = timedelta(0)) -> RevocationList:
    facts = RevokedFacts(authorities=(HOST, USER), certificates=certificates, revocations=revocations)
    return revocation_list_of(TENANT, 9, NOW + later, facts)


def test_nothing_revoked_is_an_empty_list_with_version_and_date() -> None:
    expected = RevocationList(version=9, generated_at=int(NOW.timestamp()), comment=TENANT.project)
    assert told() == expected


def test_numbers_stand_under_the_authority_that_signed_them() -> None:
    found = told(certificates=(("sca_user", 2), ("sca_host", 7), ("sca_user", 1)))
    assert found.certificates == (
        RevokedCertificates(authority_key=b"host key", runs=((7, 7),)),
        RevokedCertificates(authority_key=b"user key", runs=((1, 2),)),
    )


def test_a_lost_number_stands_beside_those_of_the_inventory() -> None:
    lost = Revocation(RevocationKind.SERIAL_NUMBER, "sca_user", "500", NOW)
    (revoked,) = told(lost, certificates=(("sca_user", 499),)).certificates
    assert revoked.runs == ((499, 500),)


def test_a_key_id_stands_under_every_authority_of_the_project() -> None:
    found = told(Revocation(RevocationKind.KEY_ID, "", "alice", NOW))
    assert [(each.authority_key, each.key_ids) for each in found.certificates] == [
        (b"host key", ("alice",)),
        (b"user key", ("alice",)),
    ]


def test_a_key_stands_as_its_hash() -> None:
    found = told(Revocation(RevocationKind.PUBLIC_KEY, "", fingerprint_of(b"a key"), NOW))
    assert found.key_hashes == (sha256(b"a key").digest(),)


def test_a_revoked_authority_stands_as_its_key_and_its_numbers_no_more() -> None:
    ended = Revocation(RevocationKind.AUTHORITY, "sca_user", fingerprint_of(b"user key"), NOW)
    found = told(ended, certificates=(("sca_user", 2),))
    assert (found.keys, found.certificates) == ((b"user key",), ())


def test_what_the_inventory_lost_is_dropped_once_nothing_of_then_can_be_valid() -> None:
    lost = Revocation(RevocationKind.SERIAL_NUMBER, "sca_user", "500", NOW)
    person = Revocation(RevocationKind.KEY_ID, "", "alice", NOW)
    assert told(lost, person, later=LONGEST).entries == 3
    assert told(lost, person, later=LONGEST + timedelta(hours=1)).entries == 0


def test_keys_are_never_dropped() -> None:
    key = Revocation(RevocationKind.PUBLIC_KEY, "", fingerprint_of(b"a key"), NOW)
    ended = Revocation(RevocationKind.AUTHORITY, "sca_user", fingerprint_of(b"user key"), NOW)
    assert told(key, ended, later=2 * LONGEST).entries == 2


def test_the_oldest_active_authority_for_users_signs_the_list() -> None:
    newer = msgspec.structs.replace(USER, id="sca_a", created_at=NOW + timedelta(days=1))
    disabled = msgspec.structs.replace(USER, status=AuthorityStatus.DISABLED)
    assert signing_authority([HOST, newer, USER]) == USER
    assert signing_authority([HOST, newer, disabled]) == newer
    assert signing_authority([HOST, disabled]) == HOST
    assert signing_authority([disabled]) is None
