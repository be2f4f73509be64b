"""Rotation: publish, switch, retire; what is published, what signs, what is refused on the way."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ca_service.database.port import Database
from ca_service.kernel.errors import ForbiddenError, NotFoundError
from ssh_ca.authorities import AuthorityStatus
from ssh_ca.certificates import CertificateType
from ssh_ca.encoder import certificate_line, sign_certificate
from ssh_ca.errors import AuthorityInUseError, AuthorityRefusedError, DisabledError
from ssh_ca.operations import (
    ByAuthority,
    ByCertificate,
    CreateSshAuthority,
    DescribedSshAuthority,
    ReadSshAuthority,
    RetireSshAuthority,
    RevokeSshCertificates,
    SshProfileChanges,
    SwitchSshAuthority,
    UpdateSshProfile,
)
from ssh_ca.public_keys import parse_public_key
from tests.support.fakes.kernel import FakeClock
from tests.support.ssh_ground import SshGround, key_line, make_content
from tests.support.x509_ground import MEMBER, TENANT

HOUR = timedelta(hours=1)
NEXT = CreateSshAuthority(project="default", name="next", type=CertificateType.USER, succeeds="ssh-user")
SWITCH = SwitchSshAuthority(project="default", name="ssh-user", to="next")
RETIRE = RetireSshAuthority(project="default", name="ssh-user")


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> SshGround:
    """First start, an hour ago, and a successor of `ssh-user`."""
    made = runner.run(SshGround(database, clock).start())
    clock.advance(HOUR)
    runner.run(made.perform(NEXT))
    return made


async def published(ground: SshGround) -> list[str]:
    _, body, _ = await ground.artefacts("default/user-ca.pub")
    return [line.split("/")[-1] for line in body.decode().splitlines()]


async def state(ground: SshGround, name: str) -> DescribedSshAuthority:
    answer: DescribedSshAuthority = await ground.perform(ReadSshAuthority(project="default", name=name))
    return answer


async def test_a_rotation_from_publishing_to_retiring(ground: SshGround, clock: FakeClock) -> None:
    assert (await ground.issue("ops")).authority == "ssh-user"
    assert await published(ground) == ["ssh-user", "next"]
    assert (await state(ground, "next")).authority.status is AuthorityStatus.PUBLISHED

    switched = await ground.perform(SWITCH)
    assert [profile.name for profile in switched.profiles] == ["user"]
    issued = await ground.issue("ops")
    assert (issued.authority, issued.serial_number) == ("next", 1)
    assert await published(ground) == ["ssh-user", "next"]

    clock.advance(2 * HOUR)
    await ground.perform(RETIRE)
    assert await published(ground) == ["next"]


async def test_the_state_says_what_hangs_on_an_authority(ground: SshGround, clock: FakeClock) -> None:
    issued = await ground.issue("ops")
    await ground.perform(SWITCH)
    former, successor = await state(ground, "ssh-user"), await state(ground, "next")
    assert (former.authority.status, former.authority.status_since) == (AuthorityStatus.RETIRING, clock.now())
    assert (former.valid_certificates, former.last_valid_before) == (1, issued.valid_before)
    assert (former.succeeded_by, former.profiles) == (("next",), ())
    assert (successor.succeeds, successor.profiles, successor.valid_certificates) == (
        "ssh-user",
        ("user",),
        0,
    )


async def test_what_still_signs_or_is_still_valid_is_not_retired(ground: SshGround) -> None:
    with pytest.raises(AuthorityInUseError) as signs:
        await ground.perform(RETIRE)
    await ground.issue("ops")
    await ground.perform(SWITCH)
    with pytest.raises(AuthorityInUseError) as valid:
        await ground.perform(RETIRE)
    assert (signs.value.rule, valid.value.rule) == ("authority-signs", "authority-valid")
    retired = await ground.perform(RetireSshAuthority(project="default", name="ssh-user", drops_valid=True))
    assert retired.status is AuthorityStatus.RETIRED


async def test_a_switch_can_be_taken_back(ground: SshGround) -> None:
    await ground.perform(SWITCH)
    await ground.perform(SwitchSshAuthority(project="default", name="next", to="ssh-user"))
    assert (await ground.issue("ops")).authority == "ssh-user"


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (SwitchSshAuthority(project="default", name="ssh-user", to="ssh-user"), AuthorityRefusedError),
        (SwitchSshAuthority(project="default", name="ssh-user", to="ssh-host"), AuthorityRefusedError),
        (SwitchSshAuthority(project="default", name="next", to="ssh-user"), AuthorityInUseError),
        (
            CreateSshAuthority(project="default", name="x", type=CertificateType.USER, succeeds="ssh-host"),
            AuthorityRefusedError,
        ),
    ],
    ids=["itself", "hosts", "from one that does not sign", "another type"],
)
async def test_what_makes_no_sense_is_refused(
    ground: SshGround, operation: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await ground.perform(operation)


async def test_a_retired_authority_neither_signs_nor_comes_back(ground: SshGround) -> None:
    await ground.perform(SWITCH)
    await ground.perform(RETIRE)
    with pytest.raises(AuthorityInUseError):
        await ground.perform(SwitchSshAuthority(project="default", name="next", to="ssh-user"))
    with pytest.raises(AuthorityInUseError):
        await ground.perform(RETIRE)


async def test_an_authority_may_be_revoked_while_it_retires(ground: SshGround) -> None:
    await ground.perform(SWITCH)
    revoke = RevokeSshCertificates(project="default", selector=ByAuthority("ssh-user"))
    await ground.perform(revoke)
    assert (await state(ground, "ssh-user")).authority.status is AuthorityStatus.DISABLED
    assert await published(ground) == ["next"]


async def test_an_issuer_that_another_process_switched_signs_nothing_more(
    ground: SshGround, database: Database, clock: FakeClock
) -> None:
    other = SshGround(database, clock)
    assert (await other.issue("ops")).authority == "ssh-user"
    await ground.perform(SWITCH)
    assert (await other.issue("ops")).authority == "next"


async def test_an_authority_that_is_only_published_signs_nothing(ground: SshGround) -> None:
    changes = SshProfileChanges(authority="next")
    await ground.perform(UpdateSshProfile(project="default", name="user", changes=changes))
    with pytest.raises(DisabledError) as caught:
        await ground.issue("ops")
    assert caught.value.rule == "authority-status"


@pytest.mark.parametrize("operation", [NEXT, SWITCH, RETIRE], ids=["make", "switch", "retire"])
async def test_who_may_only_sign_rotates_nothing(ground: SshGround, operation: Any) -> None:
    with pytest.raises(ForbiddenError):
        await ground.perform(operation, MEMBER)


async def test_a_certificate_that_was_found_is_revoked_by_its_line(ground: SshGround) -> None:
    issued = await ground.issue("ops")
    selector = ByCertificate(issued.certificate)
    answer = await ground.perform(RevokeSshCertificates(project="default", selector=selector))
    assert [each.certificate.id for each in answer.certificates] == [issued.id]


@pytest.mark.parametrize("serial_number", [0, 2**64 - 1])
async def test_a_number_that_the_inventory_cannot_have_is_not_found(
    ground: SshGround, clock: FakeClock, serial_number: int
) -> None:
    """Even under our own key: who stole it may sign what we never do."""
    authority = await ground.catalogue.authority(TENANT, "ssh-user")
    content = make_content(parse_public_key(key_line()), clock, serial_number=serial_number)
    signer = await ground.catalogue.signer(authority)
    line = certificate_line(sign_certificate(content, signer, authority.public_key, bytes(32)))
    with pytest.raises(NotFoundError):
        await ground.perform(RevokeSshCertificates(project="default", selector=ByCertificate(line)))
