"""What the certificate authority does for ACME: names proved in an order, ends asked for, other revokers."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from ca_service.database.port import Database
from ca_service.gate.errors import CeilingError
from ca_service.kernel.errors import ForbiddenError, NotFoundError, UnacceptableError
from ca_service.policy.names import Name, NameKind
from ca_service.policy.sets import BuiltInPolicy, open_directory_policy
from ca_service.x509.operations import (
    CsrRequest,
    IssueCertificate,
    IssuedCertificate,
    NameProof,
    RevokeCertificate,
)
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import CertificateGround, acme_account, make_csr, parse

DAY = timedelta(days=1)
#: As first start stores it for the directory `default`.
OPEN = BuiltInPolicy("test:acme-default-open", open_directory_policy("dir_1", "server"))
ADDRESS, HOST = Name(NameKind.IP, "2001:db8::1"), Name(NameKind.DNS, "api.example.com")


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(database, clock, (OPEN,)).start())


def csr_for(*names: Name, common_name: str | None = None) -> bytes:
    hosts = [name.value for name in names if name.kind is NameKind.DNS]
    if not any(name.kind is NameKind.IP for name in names):
        return make_csr(*hosts, common_name=common_name)
    from ipaddress import ip_address

    alternatives = [*map(x509.DNSName, hosts)] + [
        x509.IPAddress(ip_address(name.value)) for name in names if name.kind is NameKind.IP
    ]
    return make_csr(common_name=common_name, extensions=((x509.SubjectAlternativeName(alternatives), False),))


async def issue(
    ground: CertificateGround, *names: Name, proved: tuple[Name, ...] | None = None, **fields: Any
) -> IssuedCertificate:
    """Issue as ACME's finalize does, with every name proved unless told."""
    csr = csr_for(*names, common_name=fields.pop("common_name", None))
    proofs = tuple(NameProof(name, "http-01") for name in (names if proved is None else proved))
    operation = IssueCertificate(
        project="default",
        profile="server",
        authority="issuing",
        request=CsrRequest(csr),
        proofs=proofs,
        directory="dir_1",
        **fields,
    )
    answer: IssuedCertificate = await ground.perform(operation, acme_account("acc_1"))
    return answer


async def test_the_open_directory_allows_addresses_proved_in_the_order(ground: CertificateGround) -> None:
    issued = await issue(ground, ADDRESS, HOST)
    names = parse(issued.certificate_pem).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [str(each) for each in names.value.get_values_for_type(x509.IPAddress)] == ["2001:db8::1"]


async def test_the_open_directory_allows_no_address_that_was_not_proved(ground: CertificateGround) -> None:
    with pytest.raises((ForbiddenError, NotFoundError)):
        await issue(ground, ADDRESS, HOST, proved=(HOST,))


async def test_no_common_name_is_invented(ground: CertificateGround) -> None:
    issued = await issue(ground, HOST)
    assert parse(issued.certificate_pem).subject.rdns == []


async def test_the_san_is_critical_iff_the_subject_is_empty(ground: CertificateGround) -> None:
    without = parse((await issue(ground, HOST)).certificate_pem)
    with_one = parse((await issue(ground, HOST, common_name=HOST.value)).certificate_pem)
    critical = [
        each.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical
        for each in (without, with_one)
    ]
    assert critical == [True, False]


async def test_the_common_name_of_the_csr_is_kept(ground: CertificateGround) -> None:
    issued = await issue(ground, HOST, common_name=HOST.value)
    [attribute] = parse(issued.certificate_pem).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert attribute.value == HOST.value


def whole(ground: CertificateGround) -> datetime:
    return ground.clock.now().replace(microsecond=0)


async def test_not_before_and_not_after_are_honoured_to_the_second(ground: CertificateGround) -> None:
    start, end = whole(ground) + timedelta(hours=1), whole(ground) + 3 * DAY
    found = parse((await issue(ground, HOST, not_before=start, not_after=end)).certificate_pem)
    assert (found.not_valid_before_utc, found.not_valid_after_utc) == (start, end)


async def test_the_profile_s_ceiling_holds_for_not_after(ground: CertificateGround) -> None:
    with pytest.raises(UnacceptableError) as caught:
        await issue(ground, HOST, not_after=whole(ground) + 201 * DAY)
    assert caught.value.rule == "profile-max-ttl"


async def test_the_policy_s_ceiling_holds_for_not_after(
    runner: asyncio.Runner, database: Database, clock: FakeClock
) -> None:
    short = BuiltInPolicy("test:short", f'@max_ttl("1d")\n{OPEN.text}')
    ground = await CertificateGround(database, clock, (short,)).start()
    await issue(ground, HOST, not_after=whole(ground) + DAY)
    with pytest.raises(CeilingError):
        await issue(ground, HOST, not_after=whole(ground) + DAY + timedelta(seconds=2))


async def test_another_account_revokes_with_authorizations_only(ground: CertificateGround) -> None:
    issued = await issue(ground, HOST)
    other = acme_account("acc_2")
    with pytest.raises((ForbiddenError, NotFoundError)):
        await ground.perform(RevokeCertificate(project="default", certificate=issued.id), other)
    operation = RevokeCertificate(project="default", certificate=issued.id, proof="authorizations")
    assert (await ground.perform(operation, other)).status == "revoked"
