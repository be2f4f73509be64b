"""Authorities above authorities: how deep, for which names and purposes, until when."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from cryptography import x509

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.database.port import Database
from ca_service.kernel.errors import ConflictError, ForbiddenError, UnacceptableError
from ca_service.policy.names import NameKind
from ca_service.policy.sets import BuiltInPolicy
from ca_service.x509.authorities import AuthorityStatus
from ca_service.x509.name_constraints import parse_subtree
from ca_service.x509.operations import (
    AuthorityLimits,
    CertificateFilter,
    CreateAuthority,
    CreateProfile,
    DescribedAuthority,
    ListCertificates,
    RevokeCertificate,
    UpdateAuthority,
)
from ca_service.x509.profiles import ProfileSettings, Purpose
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import MEMBER, CertificateGround, days, identity, make_csr, parse

DNS, IP = NameKind.DNS, NameKind.IP


def limits(
    path_length: int | None = None,
    permitted: tuple[tuple[NameKind, str], ...] = (),
    excluded: tuple[tuple[NameKind, str], ...] = (),
    purposes: tuple[str, ...] = (),
) -> AuthorityLimits:
    return AuthorityLimits(
        path_length=path_length,
        permitted_names=tuple(parse_subtree(kind, text, field="p") for kind, text in permitted),
        excluded_names=tuple(parse_subtree(kind, text, field="e") for kind, text in excluded),
        extended_key_usages=purposes,
    )


class Tree:
    """A ground, and short ways to make authorities and issue from them."""

    def __init__(self, ground: CertificateGround) -> None:
        self.ground = ground

    async def make(
        self, name: str, parent: str | None = None, within: AuthorityLimits | None = None, **fields: Any
    ) -> DescribedAuthority:
        made: DescribedAuthority = await self.ground.perform(
            CreateAuthority(
                project="default", name=name, parent=parent, limits=within or AuthorityLimits(), **fields
            )
        )
        return made

    async def profile(self, name: str, authority: str, *purposes: Purpose, **fields: Any) -> None:
        settings = ProfileSettings(
            **fields,
            authority=authority,
            purposes=purposes or (Purpose.SERVER,),
            name_kinds=(DNS, IP, NameKind.EMAIL, NameKind.URI),
            allows_other_common_name=True,
        )
        await self.ground.perform(CreateProfile(project="default", name=name, settings=settings))

    async def refused(self, *arguments: Any, **fields: Any) -> tuple[str | None, str | None]:
        with pytest.raises(UnacceptableError) as caught:
            await self.make(*arguments, **fields)
        return caught.value.field, caught.value.rule


@pytest.fixture
def tree(runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock) -> Tree:
    """Return a ground on one engine: what is refused is refused before either is asked."""
    return Tree(runner.run(CertificateGround(sqlite_database, clock).start()))


@pytest.fixture
def stored(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Tree:
    """Return a ground on each engine."""
    return Tree(runner.run(CertificateGround(database, clock).start()))


async def test_given_four_authorities_above_one_another_then_a_leaf_has_the_whole_chain(stored: Tree) -> None:
    await stored.make("one", "root", limits(2), key_algorithm=KeyAlgorithm.ED25519)
    await stored.make("two", "one", limits(1), key_algorithm=KeyAlgorithm.EC_P521)
    last = await stored.make("three", "two", key_algorithm=KeyAlgorithm.RSA_2048)
    await stored.profile("deep", "three")
    issued = await stored.ground.issue("a.example", profile="deep")
    chain = [parse(pem) for pem in (issued.certificate_pem, *issued.chain_pem)]
    assert len(chain) == 4
    for below, above in pairwise(chain):
        below.verify_directly_issued_by(above)
    assert (last.path_length, last.parent, last.chain_pem) == (0, "two", issued.chain_pem[1:])


async def test_given_a_path_length_then_what_is_longer_is_refused(tree: Tree) -> None:
    await tree.make("one", "root", limits(1))
    assert await tree.refused("two", "one", limits(1)) == ("path_length", "authority-path-length")


async def test_given_an_authority_for_leaves_then_it_is_no_parent(tree: Tree) -> None:
    assert await tree.refused("two", "issuing") == ("parent", "authority-path-length")


async def test_given_a_limit_further_up_then_it_holds_below(tree: Tree) -> None:
    # The grandparent leaves room for one authority below its child, whatever that child says of itself.
    await tree.make("one", "root", limits(1))
    await tree.make("two", "one")
    assert await tree.refused("three", "two") == ("parent", "authority-path-length")


@pytest.mark.parametrize("length", [-1, 16, 10**9])
async def test_a_path_length_that_is_none_is_refused(tree: Tree, length: int) -> None:
    assert await tree.refused("one", "root", limits(length)) == ("path_length", "path-length")


async def test_name_constraints_stand_in_the_certificate_and_are_critical(tree: Tree) -> None:
    made = await tree.make(
        "one", "root", limits(0, ((DNS, "example.com"), (IP, "10.0.0.0/8")), ((DNS, "x.example.com"),))
    )
    assert made.certificate_pem is not None
    extension = parse(made.certificate_pem).extensions.get_extension_for_class(x509.NameConstraints)
    assert extension.critical
    assert [subtree.value for subtree in (*made.permitted_names, *made.excluded_names)] == [
        "example.com",
        "10.0.0.0/8",
        "x.example.com",
    ]


async def test_a_child_does_not_get_names_that_its_parent_has_not(tree: Tree) -> None:
    await tree.make("one", "root", limits(1, ((DNS, "example.com"),), ((DNS, "x.example.com"),)))
    wrong = limits(0, ((DNS, "a.example.com"), (DNS, "example.org")))
    assert await tree.refused("two", "one", wrong) == (
        "permitted_dns_domains[1]",
        "authority-name-constraints",
    )
    excluded = limits(0, ((DNS, "y.x.example.com"),))
    assert await tree.refused("two", "one", excluded) == (
        "permitted_dns_domains[0]",
        "authority-name-constraints",
    )
    await tree.make("two", "one", limits(0, ((DNS, "a.example.com"),)))


@pytest.mark.parametrize(
    ("names", "field"),
    [
        (("www.example.org",), "dns_names[0]"),
        (("www.example.com", "x.example.com"), "dns_names[1]"),
        (("*.example.com",), "dns_names[0]"),
    ],
)
async def test_an_authority_refuses_names_outside_its_constraints(
    tree: Tree, names: tuple[str, ...], field: str
) -> None:
    await tree.make("one", "root", limits(0, ((DNS, "example.com"),), ((DNS, "x.example.com"),)))
    await tree.profile("narrow", "one")
    await tree.ground.issue("www.example.com", profile="narrow")
    with pytest.raises(UnacceptableError) as caught:
        await tree.ground.issue(*names, profile="narrow")
    assert (caught.value.field, caught.value.rule) == (field, "authority-name-constraints")


async def test_constraints_further_up_bind_too_and_name_the_csr(tree: Tree) -> None:
    await tree.make("one", "root", limits(1, ((DNS, "example.com"),)))
    await tree.make("two", "one")
    await tree.profile("narrow", "two")
    with pytest.raises(UnacceptableError) as caught:
        await tree.ground.issue(csr=make_csr("example.org"), profile="narrow")
    assert (caught.value.field, caught.value.rule) == ("csr", "authority-name-constraints")


async def test_a_child_has_the_purposes_of_its_parent_and_no_others(tree: Tree) -> None:
    await tree.make("one", "root", limits(1, purposes=("serverAuth", "clientAuth")))
    inherited = await tree.make("two", "one")
    assert inherited.extended_key_usages == ("serverAuth", "clientAuth")
    assert await tree.refused("three", "one", limits(0, purposes=("codeSigning",))) == (
        "extended_key_usages",
        "authority-purposes",
    )


async def test_an_authority_refuses_purposes_that_it_is_not_for(tree: Tree) -> None:
    await tree.make("one", "root", limits(0, purposes=("clientAuth",)))
    await tree.profile("servers", "one", Purpose.SERVER)
    with pytest.raises(UnacceptableError) as caught:
        await tree.ground.issue("a.example", profile="servers")
    assert (caught.value.field, caught.value.rule) == ("extended_key_usages", "authority-purposes")


async def test_a_purpose_of_a_profile_by_its_number_is_held_against_the_authority_too(tree: Tree) -> None:
    await tree.make("one", "root", limits(0, purposes=("serverAuth", "1.3.6.1.5.5.7.3.17")))
    await tree.profile("allowed", "one", further_purposes=("1.3.6.1.5.5.7.3.17",))
    await tree.ground.issue("a.example", profile="allowed")
    await tree.profile("servers", "one", further_purposes=("1.3.6.1.5.5.7.3.16",))
    with pytest.raises(UnacceptableError) as caught:
        await tree.ground.issue("a.example", profile="servers")
    assert (caught.value.field, caught.value.rule) == ("extended_key_usages", "authority-purposes")


@pytest.mark.parametrize(
    "purpose",
    ["anyExtendedKeyUsage", "OCSPSigning", "2.5.29.37.0", "1.3.6.1.5.5.7.3.9", "3.1.1", "1.99.1", ""],
)
async def test_an_authority_is_not_limited_to_what_limits_nothing(tree: Tree, purpose: str) -> None:
    assert await tree.refused("one", "root", limits(0, purposes=(purpose,))) == (
        "extended_key_usages[0]",
        "purpose",
    )


async def test_a_child_ends_with_its_parent_at_the_latest(tree: Tree) -> None:
    short = await tree.make("one", "root", limits(1), ttl=days(10))
    clamped = await tree.make("two", "one", ttl=days(20))
    assert clamped.authority.not_after == short.authority.not_after


async def test_an_end_beyond_the_parents_is_refused_when_it_is_asked_for_exactly(tree: Tree) -> None:
    short = await tree.make("one", "root", limits(1), ttl=days(10))
    late = short.authority.not_after + timedelta(seconds=1)
    assert await tree.refused("two", "one", not_after=late) == ("not_after", "authority-ends")
    exact = await tree.make("two", "one", not_after=short.authority.not_after)
    assert exact.authority.not_after == short.authority.not_after


async def test_ends_that_cannot_be_are_refused(tree: Tree) -> None:
    now = tree.ground.clock.now()
    assert await tree.refused("one", "root", not_after=now) == ("not_after", "validity-empty")
    assert await tree.refused("one", "root", ttl=days(1827)) == ("ttl", "authority-max-ttl")
    assert await tree.refused("one", None, not_after=now + days(3653)) == ("not_after", "authority-max-ttl")
    assert await tree.refused("one", None, ttl=days(1), not_after=now + days(1)) == (
        "not_after",
        "ttl-exclusive",
    )


@pytest.mark.parametrize("status", [AuthorityStatus.DISABLED, AuthorityStatus.RETIRED])
async def test_what_does_not_issue_signs_no_authority(tree: Tree, status: AuthorityStatus) -> None:
    await tree.make("one", "root", limits(1))
    await tree.ground.perform(UpdateAuthority(project="default", name="one", status=status))
    assert await tree.refused("two", "one") == ("parent", "authority-parent")


async def test_what_is_retired_stays_so(tree: Tree) -> None:
    await tree.make("one", "root")
    await tree.ground.perform(UpdateAuthority(project="default", name="one", status=AuthorityStatus.RETIRED))
    with pytest.raises(ConflictError) as caught:
        await tree.ground.perform(
            UpdateAuthority(project="default", name="one", status=AuthorityStatus.ACTIVE)
        )
    assert caught.value.rule == "authority-retired"


async def test_what_is_retired_publishes_still(stored: Tree) -> None:
    made = await stored.make("one", "root")
    await stored.profile("of-one", "one")
    issued = await stored.ground.issue("a.example", profile="of-one")
    await stored.ground.perform(
        UpdateAuthority(project="default", name="one", status=AuthorityStatus.RETIRED)
    )
    await stored.ground.perform(RevokeCertificate(project="default", certificate=issued.id))
    der = (await stored.ground.assembly.artefacts.revocation_list(made.authority.id)).body
    assert [entry.serial_number for entry in x509.load_der_x509_crl(der)] == [int(issued.serial_number, 16)]


@pytest.mark.parametrize("status", [AuthorityStatus.PENDING, AuthorityStatus.PREPARED])
async def test_a_status_that_comes_about_by_itself_is_not_given(tree: Tree, status: AuthorityStatus) -> None:
    with pytest.raises(UnacceptableError) as caught:
        await tree.ground.perform(UpdateAuthority(project="default", name="issuing", status=status))
    assert (caught.value.field, caught.value.rule) == ("status", "authority-status")


async def _row_of(tree: Tree, made: DescribedAuthority) -> Any:
    assert made.certificate_pem is not None
    page = await tree.ground.perform(
        ListCertificates(project="default", filter=CertificateFilter(profile="@authority"))
    )
    return next(item for item in page.items if item.certificate_pem == made.certificate_pem)


async def test_the_certificate_of_an_authority_is_in_the_inventory_of_its_issuer(stored: Tree) -> None:
    made = await stored.make("one", "root")
    row = await _row_of(stored, made)
    assert (row.certificate.authority, row.certificate.profile) == ("root", "@authority")


async def test_a_revoked_authority_is_on_the_crl_above_and_issues_no_more(stored: Tree) -> None:
    made = await stored.make("one", "root", limits(1))
    row = await _row_of(stored, made)
    await stored.ground.perform(RevokeCertificate(project="default", certificate=row.certificate.id))
    assert await stored.refused("two", "one") == ("parent", "authority-parent")
    der = (await stored.ground.assembly.artefacts.revocation_list(row.certificate.authority_id)).body
    assert row.certificate.serial_number in {
        f"{entry.serial_number:x}" for entry in x509.load_der_x509_crl(der)
    }


async def test_who_may_revoke_leaves_does_not_revoke_an_authority(tree: Tree) -> None:
    row = await _row_of(tree, await tree.make("one", "root"))
    with pytest.raises(ForbiddenError):
        await tree.ground.perform(
            RevokeCertificate(project="default", certificate=row.certificate.id), MEMBER
        )


async def test_a_forbidden_parent_signs_no_child(sqlite_database: Database, clock: FakeClock) -> None:
    policies = (
        BuiltInPolicy(
            "test:helper",
            'permit(principal == Identity::"idn_helper", action, resource) '
            "when { if context has name then [true, false].contains(context.name.wildcard) else true };",
        ),
        BuiltInPolicy(
            "test:root",
            'forbid(principal == Identity::"idn_helper", action == Action::"x509:manage-authority", '
            'resource is Authority) when { resource.name == "root" };',
        ),
    )
    ground = await CertificateGround(sqlite_database, clock, policies).start()
    helper = identity("idn_helper")
    with pytest.raises(ForbiddenError):
        await ground.perform(CreateAuthority(project="default", name="one", parent="root"), helper)
    await ground.perform(CreateAuthority(project="default", name="one"), helper)
