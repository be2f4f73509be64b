"""The key revocation list through the real gate, on both engines."""

import asyncio
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import delete

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.database.port import Database
from ca_service.database.statement import statement
from ca_service.gate.errors import AnswerGoneError
from ca_service.kernel.errors import ForbiddenError, NotFoundError
from ssh_ca.artefacts import PublishedList
from ssh_ca.authorities import AuthorityStatus
from ssh_ca.certificates import CertificateStatus, CertificateType
from ssh_ca.errors import DisabledError, KeyIdRefusedError
from ssh_ca.operations import (
    ByAuthority,
    ByIdentity,
    ByKeyId,
    ByPublicKey,
    BySerialNumber,
    CreateSshAuthority,
    ListSshAuthorities,
    ListSshCertificates,
    PublishKeyRevocationList,
    ReadSshCertificate,
    RevokedSshCertificates,
    RevokeSshCertificates,
)
from ssh_ca.public_keys import parse_public_key
from ssh_ca.publication import publisher_of
from ssh_ca.revocation_list import RevocationList, Run
from ssh_ca.revocation_list_reader import read_revocation_list
from ssh_ca.storage.revocation_lists import find_revocation_list
from ssh_ca.storage.tables import REVOCATION_LISTS
from tests.support.fakes.gate import OTHER_TENANT
from tests.support.fakes.kernel import FakeClock
from tests.support.ssh_ground import SshGround, key_line
from tests.support.x509_ground import ADMINISTRATOR, MEMBER, TENANT, VIEWER

HOUR = timedelta(hours=1)
PUBLISH = PublishKeyRevocationList(project="prj_1")


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> SshGround:
    return runner.run(SshGround(database, clock).start())


async def revoke(ground: SshGround, selector: Any, caller: Any = ADMINISTRATOR) -> RevokedSshCertificates:
    operation = RevokeSshCertificates(project="default", selector=selector)
    answer: RevokedSshCertificates = await ground.perform(operation, caller)
    return answer


async def fetched(ground: SshGround, project: str = "default") -> PublishedList:
    return await ground.artefacts.revocation_list(project)


async def told(ground: SshGround, project: str = "default") -> RevocationList:
    return read_revocation_list((await fetched(ground, project)).content)


async def runs(ground: SshGround, authority: str = "ssh-user") -> tuple[Run, ...]:
    """Return the numbers that the list tells under an authority."""
    key = (await ground.catalogue.authority(TENANT, authority)).public_key
    return next((each.runs for each in (await told(ground)).certificates if each.authority_key == key), ())


# -- what it tells


async def test_a_project_begins_with_an_empty_signed_list(ground: SshGround, clock: FakeClock) -> None:
    found = await fetched(ground)
    content = read_revocation_list(found.content)
    assert (content.entries, content.version) == (0, int(clock.now().timestamp()))
    assert found.signature.startswith(b"-----BEGIN SSH SIGNATURE-----\n")


async def test_a_revoked_number_is_told_under_its_authority(ground: SshGround) -> None:
    await ground.issue("ops")
    await ground.issue("ops")
    await ground.issue("a.example", profile="host")
    await revoke(ground, BySerialNumber(2, "ssh-user"))
    assert (await runs(ground), await runs(ground, "ssh-host")) == (((2, 2),), ())


async def test_a_number_the_inventory_lost_is_told(ground: SshGround) -> None:
    await revoke(ground, BySerialNumber(500, "ssh-user"))
    assert await runs(ground) == ((500, 500),)


async def test_a_key_id_is_told_as_the_numbers_of_its_certificates(ground: SshGround) -> None:
    for key_id in ("alice", "bob", "alice"):
        await ground.issue("ops", key_id=key_id)
    await revoke(ground, ByKeyId("alice"))
    assert await runs(ground) == ((1, 1), (3, 3))
    assert (await ground.issue("ops", key_id="alice")).serial_number == 4


async def test_a_key_id_revoked_for_good_is_told_under_every_authority(ground: SshGround) -> None:
    await revoke(ground, ByKeyId("alice", for_good=True))
    assert [each.key_ids for each in (await told(ground)).certificates] == [("alice",), ("alice",)]


async def test_a_key_id_revoked_for_good_is_never_certified_again(ground: SshGround) -> None:
    issued = await ground.issue("ops", key_id="alice")
    answer = await revoke(ground, ByKeyId("alice", for_good=True))
    assert [each.certificate.id for each in answer.certificates] == [issued.id]
    with pytest.raises(KeyIdRefusedError) as caught:
        await ground.issue("ops", key_id="alice")
    assert (caught.value.field, caught.value.rule) == ("key_id", "key-id-revoked")


async def test_a_key_id_for_good_needs_more_than_the_right_to_revoke(ground: SshGround) -> None:
    await ground.issue("ops", key_id="alice")
    with pytest.raises(ForbiddenError):
        await revoke(ground, ByKeyId("alice", for_good=True), MEMBER)
    assert (await revoke(ground, ByKeyId("alice"), MEMBER)).newly_revoked == 1


async def test_a_public_key_is_told_as_its_hash(ground: SshGround) -> None:
    line = key_line()
    await revoke(ground, ByPublicKey(line))
    assert (await told(ground)).key_hashes == (sha256(parse_public_key(line).blob).digest(),)


async def test_who_asked_for_certificates_is_known_whatever_stands_in_them(ground: SshGround) -> None:
    await ground.issue("ops", key_id="one", caller=MEMBER)
    await ground.issue("ops", key_id="two", caller=MEMBER)
    await ground.issue("ops", key_id="one")
    answer = await revoke(ground, ByIdentity(f'Identity::"{MEMBER.id}"'))
    assert (answer.newly_revoked, await runs(ground)) == (2, ((1, 2),))


async def test_an_identity_that_never_asked_is_not_found(ground: SshGround) -> None:
    with pytest.raises(NotFoundError):
        await revoke(ground, ByIdentity('Identity::"idn_nobody"'))


# -- a whole authority


async def test_a_revoked_authority_is_told_as_its_key(ground: SshGround) -> None:
    issued = await ground.issue("ops")
    answer = await revoke(ground, ByAuthority("ssh-user"))
    key = (await ground.catalogue.authority(TENANT, "ssh-user")).public_key
    content = await told(ground)
    assert (content.keys, content.certificates, answer.newly_revoked) == ((key,), (), 1)
    found, _ = await ground.perform(ReadSshCertificate(project="default", certificate=issued.id))
    assert found.status is CertificateStatus.REVOKED


async def test_a_revoked_authority_signs_and_publishes_nothing_more(ground: SshGround) -> None:
    await ground.issue("ops")
    await revoke(ground, ByAuthority("ssh-user"))
    with pytest.raises(DisabledError):
        await ground.issue("ops")
    _, body, _ = await ground.artefacts("default/user-ca.pub")
    assert body == b""
    statuses = {
        each.name: each.status for each in await ground.perform(ListSshAuthorities(project="default"))
    }
    assert statuses["ssh-user"] is AuthorityStatus.DISABLED


async def test_the_list_without_an_authority_for_users_is_signed_by_one_for_hosts(ground: SshGround) -> None:
    await revoke(ground, ByAuthority("ssh-user"))
    assert (await fetched(ground)).signature


async def test_without_any_authority_that_signs_the_list_is_still_told(ground: SshGround) -> None:
    await revoke(ground, ByAuthority("ssh-user"))
    await revoke(ground, ByAuthority("ssh-host"))
    found = await fetched(ground)
    assert (len(read_revocation_list(found.content).keys), found.signature) == (2, b"")


async def test_a_certificate_of_a_revoked_authority_is_not_replayed(ground: SshGround) -> None:
    line = key_line()
    await ground.issue("ops", public_key=line, key="once")
    await revoke(ground, ByAuthority("ssh-user"))
    with pytest.raises(AnswerGoneError):
        await ground.issue("ops", public_key=line, key="once")


async def test_who_may_revoke_certificates_may_not_revoke_their_authority(ground: SshGround) -> None:
    with pytest.raises(ForbiddenError):
        await revoke(ground, ByAuthority("ssh-user"), MEMBER)


async def test_revoking_an_authority_again_changes_nothing(ground: SshGround) -> None:
    await revoke(ground, ByAuthority("ssh-user"))
    before = await fetched(ground)
    assert (await revoke(ground, ByAuthority("ssh-user"))).newly_revoked == 0
    assert await fetched(ground) == before


# -- time


async def test_an_expired_certificate_is_dropped_an_hour_after_its_end(
    ground: SshGround, clock: FakeClock
) -> None:
    await ground.issue("ops", ttl=HOUR)
    await revoke(ground, BySerialNumber(1, "ssh-user"))
    publisher = publisher_of(TENANT)
    clock.advance(timedelta(minutes=119))
    kept = await ground.perform(PUBLISH, publisher)
    clock.advance(timedelta(minutes=2))
    dropped = await ground.perform(PUBLISH, publisher)
    assert (kept.entries, dropped.entries) == (1, 0)


async def test_versions_never_go_back_not_even_with_the_clock(ground: SshGround) -> None:
    first = await ground.perform(PUBLISH, publisher_of(TENANT))
    second = await ground.perform(PUBLISH, publisher_of(TENANT))
    assert first.version >= int(ground.clock.now().timestamp())
    assert second.version == first.version + 1


async def test_versions_jump_to_the_seconds_since_1970(ground: SshGround, clock: FakeClock) -> None:
    await fetched(ground)
    clock.advance(HOUR)
    assert (await ground.perform(PUBLISH, publisher_of(TENANT))).version == int(clock.now().timestamp())


async def test_an_old_list_is_made_anew_and_a_young_one_left(ground: SshGround, clock: FakeClock) -> None:
    first = await told(ground)
    clock.advance(timedelta(hours=11))
    await ground.publisher.publish_due()
    assert await told(ground) == first
    clock.advance(timedelta(hours=2))
    await ground.publisher.publish_due()
    assert (await told(ground)).generated_at == int(clock.now().timestamp())


# -- publication


async def test_the_list_is_published_without_being_asked_for(ground: SshGround) -> None:
    await ground.issue("ops")
    before = await fetched(ground)
    await revoke(ground, BySerialNumber(1, "ssh-user"))
    await asyncio.sleep(0)
    # Joins the publication that the revocation began.
    await ground.publisher.publish(TENANT)
    facts = await find_revocation_list(ground.database, TENANT)
    assert facts is not None
    assert not facts.is_behind
    assert facts.version > read_revocation_list(before.content).version


async def test_a_crash_between_revocation_and_publication_is_repaired_by_the_next_start(
    ground: SshGround, database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ground.issue("ops")
    await fetched(ground)
    monkeypatch.setattr(ground.publisher, "publish_soon", lambda tenant: None)
    await revoke(ground, BySerialNumber(1, "ssh-user"))
    left = await find_revocation_list(database, TENANT)
    assert left is not None
    assert left.is_behind
    await SshGround(database, clock).publisher.publish_due()
    facts = await find_revocation_list(database, TENANT)
    assert facts is not None
    assert (facts.is_behind, read_revocation_list(facts.content).entries) == (False, 1)


async def test_who_asks_for_a_list_that_is_behind_is_told_the_next_one(
    ground: SshGround, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ground.issue("ops")
    monkeypatch.setattr(ground.publisher, "publish_soon", lambda tenant: None)
    await revoke(ground, BySerialNumber(1, "ssh-user"))
    assert await runs(ground) == ((1, 1),)


async def test_revocations_at_the_same_time_share_publications(ground: SshGround) -> None:
    issued = [(await ground.issue("ops")).serial_number for _ in range(10)]
    before = (await told(ground)).version
    await asyncio.gather(*(revoke(ground, BySerialNumber(number, "ssh-user")) for number in issued))
    after = await told(ground)
    assert (after.entries, after.version - before < 10) == (10, True)


async def test_revoking_again_publishes_nothing_new(ground: SshGround) -> None:
    await ground.issue("ops")
    await revoke(ground, BySerialNumber(1, "ssh-user"))
    before = await fetched(ground)
    await revoke(ground, BySerialNumber(1, "ssh-user"))
    assert await fetched(ground) == before


@pytest.mark.parametrize("caller", [MEMBER, VIEWER], ids=["member", "viewer"])
async def test_nobody_but_the_job_and_administrators_publishes(ground: SshGround, caller: Any) -> None:
    with pytest.raises(ForbiddenError):
        await ground.perform(PublishKeyRevocationList(project="default"), caller)


async def test_the_publishing_job_can_do_nothing_else(ground: SshGround) -> None:
    with pytest.raises((ForbiddenError, NotFoundError)):
        await ground.perform(ListSshCertificates(project="prj_1"), publisher_of(TENANT))


def test_a_project_of_an_older_release_gets_its_list(
    ground: SshGround, runner: asyncio.Runner, database: Database
) -> None:
    forget = statement(delete(REVOCATION_LISTS))
    runner.run(database.begin(lambda transaction: transaction.execute(forget)))
    runner.run(ground.publisher.publish_due())
    facts = runner.run(find_revocation_list(database, TENANT))
    assert facts is not None
    assert facts.version


# -- two tenants


async def test_two_projects_tell_their_own_and_nothing_of_the_other(ground: SshGround) -> None:
    other = CreateSshAuthority(
        project="two", name="ssh-user", type=CertificateType.USER, key_algorithm=KeyAlgorithm.EC_P256
    )
    await ground.perform(other)
    await revoke(ground, BySerialNumber(500, "ssh-user"))
    in_two = RevokeSshCertificates(project="two", selector=BySerialNumber(600, "ssh-user"))
    await ground.perform(in_two)
    first, second = await told(ground), await told(ground, "two")
    assert [each.runs for each in first.certificates] == [((500, 500),)]
    assert [each.runs for each in second.certificates] == [((600, 600),)]
    assert (first.comment, second.comment) == (TENANT.project, OTHER_TENANT.project)


async def test_a_project_without_authorities_has_no_list(ground: SshGround) -> None:
    for project in ("two", "none"):
        with pytest.raises(NotFoundError):
            await fetched(ground, project)
