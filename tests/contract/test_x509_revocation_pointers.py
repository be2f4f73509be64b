"""Where certificates say that their status is told: as their profile chooses, and as it chose before."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from ca_service.database.port import Database
from ca_service.kernel.errors import UnacceptableError
from ca_service.policy.names import NameKind
from ca_service.x509.operations import CreateProfile, ProfileChanges, ReadProfile, UpdateProfile
from ca_service.x509.profiles import ProfileSettings, Purpose, RevocationPointer
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import PLAIN_URL, CertificateGround, parse

CRL, OCSP = RevocationPointer.CRL, RevocationPointer.OCSP


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(database, clock).start())


def pointers_of(pem: str) -> tuple[list[str], list[str]]:
    """Return the addresses of CRLs and responders in a certificate."""
    extensions = parse(pem).extensions
    access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    responders = [
        entry.access_location.value
        for entry in access
        if entry.access_method == AuthorityInformationAccessOID.OCSP
    ]
    try:
        points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return [], responders
    return [name.value for point in points for name in point.full_name or ()], responders


async def with_pointers(
    ground: CertificateGround, *pointers: RevocationPointer
) -> tuple[list[str], list[str]]:
    """Return the pointers of a certificate of a profile that chose these."""
    settings = ProfileSettings(
        authority="issuing",
        purposes=(Purpose.SERVER,),
        name_kinds=(NameKind.DNS,),
        revocation_pointers=pointers,
        # What nobody can learn to be revoked lives for days.
        default_ttl=timedelta(days=5),
        max_ttl=timedelta(days=10),
    )
    await ground.perform(CreateProfile(project="default", name="chosen", settings=settings))
    return pointers_of((await ground.issue("api.example.com", profile="chosen")).certificate_pem)


async def test_server_of_the_default_project_has_both(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com")
    base = f"{PLAIN_URL}/pki/{issued.authority_id}"
    assert pointers_of(issued.certificate_pem) == ([f"{base}/crl"], [f"{base}/ocsp"])


async def test_client_of_the_default_project_has_the_crl(ground: CertificateGround) -> None:
    issued = await ground.issue("api.example.com", profile="client")
    crls, responders = pointers_of(issued.certificate_pem)
    assert (len(crls), responders) == (1, [])


@pytest.mark.parametrize("pointers", [(), (CRL,), (OCSP,), (CRL, OCSP), (OCSP, CRL)])
async def test_a_profile_chooses(ground: CertificateGround, pointers: tuple[Any, ...]) -> None:
    crls, responders = await with_pointers(ground, *pointers)
    assert (len(crls), len(responders)) == (int(CRL in pointers), int(OCSP in pointers))


async def test_a_profile_changes_its_choice_for_what_is_issued_later(ground: CertificateGround) -> None:
    changes = ProfileChanges(
        revocation_pointers=(), default_ttl=timedelta(days=5), max_ttl=timedelta(days=10)
    )
    changed = await ground.perform(UpdateProfile(project="default", name="server", changes=changes))
    issued = await ground.issue("api.example.com")
    assert (changed.version, pointers_of(issued.certificate_pem)) == (2, ([], []))


async def test_a_change_of_something_else_keeps_the_choice(ground: CertificateGround) -> None:
    changes = ProfileChanges(allows_wildcards=False)
    await ground.perform(UpdateProfile(project="default", name="server", changes=changes))
    found = await ground.perform(ReadProfile(project="default", name="server"))
    assert found.settings.revocation_pointers == (CRL, OCSP)


async def test_a_choice_is_made_once(ground: CertificateGround) -> None:
    with pytest.raises(UnacceptableError) as caught:
        await with_pointers(ground, CRL, CRL)
    assert (caught.value.field, caught.value.rule) == ("revocation_pointers", "profile-revocation-pointers")


def test_a_profile_written_before_there_was_a_choice_has_the_crl_alone() -> None:
    settings = ProfileSettings(authority="issuing", purposes=(Purpose.SERVER,), name_kinds=(NameKind.DNS,))
    former = msgspec.json.decode(msgspec.json.encode(settings))
    del former["revocation_pointers"]
    read = msgspec.json.decode(msgspec.json.encode(former), type=ProfileSettings)
    assert read.revocation_pointers == (CRL,)
