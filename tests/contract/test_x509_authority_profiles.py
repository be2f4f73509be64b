"""The ceilings of authorities that are signed for others, on both engines."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.database.port import Database
from ca_service.kernel.errors import UnacceptableError
from ca_service.x509.built_in_profiles import INTERMEDIATE_SETTINGS
from ca_service.x509.operations import (
    CreateAuthority,
    CreateProfile,
    IssuedCertificate,
    ProfileChanges,
    SignAuthority,
    UpdateProfile,
)
from ca_service.x509.profiles import ProfileStatus
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import CertificateGround, make_csr

DAY = timedelta(days=1)
CSR = make_csr(common_name="Issuing elsewhere")
OTHER_CURVE = make_csr(
    common_name="Issuing elsewhere", key=ec.generate_private_key(ec.SECP384R1()), algorithm=SHA384()
)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    ground = runner.run(CertificateGround(database, clock).start())
    narrow = ProfileChanges(default_ttl=30 * DAY, max_ttl=60 * DAY, key_algorithms=(KeyAlgorithm.EC_P256,))
    runner.run(ground.perform(UpdateProfile(project="default", name="intermediate", changes=narrow)))
    wide = msgspec.structs.replace(INTERMEDIATE_SETTINGS, key_algorithms=tuple(KeyAlgorithm))
    runner.run(ground.perform(CreateProfile(project="default", name="wide", settings=wide)))
    return ground


async def signed(ground: CertificateGround, **fields: Any) -> IssuedCertificate:
    operation = SignAuthority(project="default", name="root", csr_der=CSR)
    answer: IssuedCertificate = await ground.perform(msgspec.structs.replace(operation, **fields))
    return answer


@pytest.mark.parametrize(
    ("profile", "ttl", "days"), [(None, None, 30), (None, 50 * DAY, 50), ("wide", 90 * DAY, 90)]
)
async def test_an_authority_lives_as_its_profile_says(
    ground: CertificateGround, profile: str | None, ttl: timedelta | None, days: int
) -> None:
    answer = await signed(ground, profile=profile, ttl=ttl)
    assert round((answer.not_after - ground.clock.now()) / DAY) == days


@pytest.mark.parametrize(
    ("fields", "field", "rule"),
    [
        ({"ttl": 61 * DAY}, "ttl", "profile-max-ttl"),
        ({"not_after": FakeClock().now() + 61 * DAY}, "not_after", "profile-max-ttl"),
        ({"csr_der": OTHER_CURVE}, "csr", "profile-key-algorithm"),
        ({"profile": "server"}, "profile", "profile-for-authorities"),
        ({"profile": "nonesuch"}, "profile", "profile-for-authorities"),
    ],
)
async def test_what_lies_outside_the_profile_is_refused(
    ground: CertificateGround, fields: dict[str, Any], field: str, rule: str
) -> None:
    with pytest.raises(UnacceptableError) as caught:
        await signed(ground, **fields)
    assert (caught.value.field, caught.value.rule) == (field, rule)


async def test_a_disabled_profile_signs_nothing(ground: CertificateGround) -> None:
    changes = ProfileChanges(status=ProfileStatus.DISABLED)
    await ground.perform(UpdateProfile(project="default", name="intermediate", changes=changes))
    with pytest.raises(UnacceptableError, match="disabled"):
        await signed(ground)


async def test_a_profile_counts_for_its_own_authorities_only(ground: CertificateGround) -> None:
    await ground.perform(CreateAuthority(project="default", name="other"))
    assert (await signed(ground, name="other")).not_after > ground.clock.now() + 60 * DAY
    with pytest.raises(UnacceptableError) as caught:
        await signed(ground, name="other", profile="intermediate")
    assert (caught.value.field, caught.value.rule) == ("profile", "profile-authority")
