"""An authority that policies of its project share with another project: to issue from, or to stand below."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.gate.caller import Caller, RoleGrant
from ca_service.governance.operations import CreateOrganization, CreatePolicy, CreateProject
from ca_service.kernel.errors import ForbiddenError, NotFoundError
from ca_service.policy.names import Name, NameKind
from ca_service.x509.authorities import AuthorityStatus
from ca_service.x509.operations import (
    AuthorityLimits,
    CreateAuthority,
    CreateProfile,
    ImportAuthorityCertificate,
    IssueCertificate,
    IssuedCertificate,
    KeyRequest,
    RevokeCertificate,
    SignAuthority,
    UpdateAuthority,
)
from ca_service.x509.profiles import ProfileSettings, Purpose
from tests.support.databases import SqliteTemplate
from tests.support.instance import Instance
from tests.support.x509_ground import identity, parse

#: What the project that owns the authority says: to whom, what, for which names.
_SEES = (
    'permit(principal in Role::"{project}/admin", '
    'action in [Action::"governance:read-project", Action::"x509:read-authority"], resource);'
)
_ISSUES = (
    'permit(principal in Role::"{project}/admin", action == Action::"x509:issue", '
    'resource == Authority::"{authority}") when {{ context.profile == "shared" && '
    '(if context has name then context.name.value like "*.guests.test" else true) }};'
)
_SIGNS = (
    'permit(principal in Role::"{project}/admin", action == Action::"x509:sign-authority", '
    'resource == Authority::"{authority}");'
)


class Two:
    """Two projects of one organization: one owns an authority, the other's administrator asks."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.guest: Caller = identity("idn_none")
        self.owner = self.project = self.authority = ""

    async def open(self) -> None:
        perform = self.instance.perform
        await perform(CreateOrganization(slug="both", name="Both"))
        owner = await perform(CreateProject(organization="both", slug="owner", name="Owner"))
        guest = await perform(CreateProject(organization="both", slug="guest", name="Guest"))
        self.owner, self.project = owner.id, guest.id
        self.guest = identity("idn_guest", RoleGrant("admin", guest.id))
        made = await perform(
            CreateAuthority(project=self.owner, name="corp", limits=AuthorityLimits(path_length=2))
        )
        above = await perform(
            CreateAuthority(
                project=self.owner, name="lent", parent="corp", limits=AuthorityLimits(path_length=1)
            )
        )
        assert made.authority.is_root
        self.authority = above.authority.id
        settings = ProfileSettings(authority="lent", purposes=(Purpose.SERVER,), name_kinds=(NameKind.DNS,))
        await perform(CreateProfile(project=self.owner, name="shared", settings=settings))

    async def share(self, *texts: str) -> None:
        for place, text in enumerate(texts):
            filled = text.format(project=self.project, authority=self.authority)
            await self.instance.perform(CreatePolicy(project=self.owner, name=f"shared-{place}", text=filled))

    async def ask(self, operation: Any) -> Any:
        return await self.instance.perform(operation, self.guest)

    async def issue(self, name: str) -> IssuedCertificate:
        request = KeyRequest(names=(Name(NameKind.DNS, name),))
        issued: IssuedCertificate = await self.ask(
            IssueCertificate(project=self.owner, profile="shared", request=request)
        )
        return issued


@pytest.fixture
def two(runner: asyncio.Runner, sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Two]:
    instance = runner.run(Instance.open(tmp_path, sqlite_template))
    made = Two(instance)
    runner.run(made.open())
    yield made
    runner.run(instance.close())


async def test_unshared_an_authority_is_not_there_for_another_project(two: Two) -> None:
    with pytest.raises(NotFoundError):
        await two.issue("a.guests.test")


async def test_shared_by_a_policy_it_issues_for_another_project_what_the_policy_names(two: Two) -> None:
    await two.share(_SEES, _ISSUES)
    issued = await two.issue("a.guests.test")
    assert issued.authority_id == two.authority
    with pytest.raises(ForbiddenError):
        await two.issue("a.owners.test")
    with pytest.raises(ForbiddenError):
        await two.ask(UpdateAuthority(project=two.owner, name="lent", status=AuthorityStatus.DISABLED))


async def test_shared_for_signing_another_project_has_an_authority_of_its_own_below_it(two: Two) -> None:
    await two.share(_SEES, _SIGNS)
    mine = await two.ask(CreateAuthority(project=two.project, name="mine", has_external_parent=True))
    csr = x509.load_pem_x509_csr(mine.csr_pem.encode()).public_bytes(Encoding.DER)
    signed = await two.ask(SignAuthority(project=two.owner, name="lent", csr_der=csr))
    chain = tuple(
        parse(pem).public_bytes(Encoding.DER) for pem in (signed.certificate_pem, *signed.chain_pem)
    )
    imported = await two.ask(
        ImportAuthorityCertificate(
            project=two.project, name="mine", certificate_der=chain[0], chain=chain[1:]
        )
    )
    assert (imported.authority.status, imported.path_length) == (AuthorityStatus.ACTIVE, 0)
    with pytest.raises(ForbiddenError):
        await two.ask(CreateAuthority(project=two.owner, name="theirs", parent="lent"))
    # The owner of what is lent takes it back.
    await two.instance.perform(RevokeCertificate(project=two.owner, certificate=signed.id))
