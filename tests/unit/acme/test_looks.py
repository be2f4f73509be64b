"""Looks at challenges as the process that takes them knows of them."""

import asyncio

from msgspec.structs import replace

from acme.accounts import AccountId
from acme.challenges import Challenge, ChallengeId, ChallengeType, Validation
from acme.directories import DirectoryId
from acme.identifiers import Identifier
from acme.validation.looks import Looks
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant

TENANT = Tenant(OrganizationId("org_1"), ProjectId("prj_1"))
CHALLENGE = Challenge(
    id=ChallengeId("cha_1"),
    tenant=TENANT,
    directory=DirectoryId("dir_1"),
    account=AccountId("acc_1"),
    authorization="aut_1",
    identifier=Identifier("dns", "a.example"),
    type=ChallengeType.HTTP_01,
    token="token",
)
START = Validation(CHALLENGE, is_wildcard=False)


async def test_what_a_look_starts_from_is_told_once() -> None:
    looks = Looks()
    looks.begin(START)
    assert looks.start_of(TENANT, "cha_1") == START
    assert looks.start_of(TENANT, "cha_1") is None


async def test_what_a_look_starts_from_is_not_told_to_another_project() -> None:
    looks = Looks()
    looks.begin(START)
    assert looks.start_of(Tenant(TENANT.organization, ProjectId("prj_2")), "cha_1") is None


async def test_who_waits_is_told_how_the_look_ended() -> None:
    looks = Looks()
    looks.begin(START)
    waiting = asyncio.create_task(looks.outcome("cha_1", 60.0))
    await asyncio.sleep(0)
    met = replace(CHALLENGE, attempts=1)
    looks.tell(met)
    assert await waiting == met


async def test_who_asks_after_the_end_and_before_it_is_forgotten_is_told_as_well() -> None:
    looks = Looks()
    looks.begin(START)
    looks.tell(CHALLENGE)
    assert await looks.outcome("cha_1", 60.0) == CHALLENGE


async def test_nobody_waits_for_a_look_that_is_not_taken_here() -> None:
    assert await Looks().outcome("cha_1", 60.0) is None


async def test_nobody_waits_longer_than_the_bound() -> None:
    looks = Looks()
    looks.begin(START)
    assert await looks.outcome("cha_1", 0.0) is None


async def test_a_look_that_ends_without_a_word_lets_go_of_who_waits() -> None:
    looks = Looks()
    looks.begin(START)
    waiting = asyncio.create_task(looks.outcome("cha_1", 60.0))
    await asyncio.sleep(0)
    looks.end("cha_1")
    assert await waiting is None
    assert looks.start_of(TENANT, "cha_1") is None
