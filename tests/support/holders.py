"""Tenants that have one of everything, and who acts for them."""

import hashlib
from typing import Any

import msgspec
from msgspec import Struct

from acme.callers import caller_of, key_caller
from acme.directories import Directory, ExternalAccountRule
from acme.identifiers import Identifier
from acme.operations import (
    CreateAccount,
    CreateDirectory,
    CreateExternalKey,
    CreateOrder,
    FinalizeOrder,
    RespondToChallenge,
)
from acme.orders import OrderView
from acme.validation.jobs import ValidationJob, encode_job
from acme.wire.keys import AccountKey
from ca_service.gate.caller import Caller, CallerKind
from ca_service.governance.operations import (
    CreateOrganization,
    CreatePolicy,
    CreateProject,
    GrantInstanceRole,
    GrantOrganizationRole,
    GrantProjectRole,
    ListEnvironments,
)
from ca_service.identity.operations import CreateClientSecret, CreateIdentity, LogIn
from ca_service.kernel.secret_value import SecretValue
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.names import Name, NameKind
from ca_service.x509.built_in_profiles import SERVER_SETTINGS
from ca_service.x509.operations import (
    BlockKey,
    ConfigurePublishing,
    CreateAuthority,
    CreateProfile,
    IssueCertificate,
    KeyRequest,
    ListCertificates,
    RollOverAuthority,
)
from ca_service.x509.publishing import ResponderKind
from ssh_ca.certificates import CertificateType
from ssh_ca.operations import CreateSshAuthority, CreateSshProfile, IssueSshCertificate
from ssh_ca.profiles import USER_SETTINGS
from tests.support.acme_client import ClientKey, make_csr, sign_key_change
from tests.support.dynamic_holders import make_dynamic
from tests.support.external_ca import ExternalCa, der
from tests.support.host_holders import make_hosts
from tests.support.instance import ADDRESS, URL, Instance
from tests.support.kms_holders import make_keys
from tests.support.life_holders import make_life
from tests.support.ssh_ground import key_line
from tests.support.things import Things, account_key
from tests.support.vault_holders import make_secrets


class Holder(Struct, frozen=True, kw_only=True):
    """A tenant with its things, and who acts for it. `machine` calls with `token`."""

    things: Things
    tenant: Tenant
    machine: Caller
    token: str
    client_secret: SecretValue[str]
    login: Caller
    account: Caller
    account_key: ClientKey
    new_key: Caller
    new_account_key: ClientKey
    certificate_key: Caller
    ssh_host: Caller
    new_ssh_host: Caller


async def make_holder(instance: Instance, slug: str) -> Holder:
    """Give a new organization of this slug one of everything, with `slug` in every name that is chosen."""
    maker = _Maker(instance, slug)
    return await maker.make()


class _Maker:
    def __init__(self, instance: Instance, slug: str) -> None:
        self._instance = instance
        self._slug = slug
        self._facts: dict[str, Any] = {}

    async def make(self) -> Holder:
        tenant = await self._make_places()
        secret = await self._make_machine()
        await self._make_certificates()
        await self._make_ssh()
        await make_keys(self._instance, self._slug, self._facts)
        host, newcomer = await make_hosts(self._instance, self._slug, tenant, self._facts)
        await make_secrets(self._instance, self._slug, self._facts)
        await make_dynamic(self._instance, self._slug, self._facts)
        machine_login = login_of(self._facts["identity"], self._facts["client_secret"], tenant)
        issued = await self._instance.perform(LogIn(), machine_login)
        machine = await self._instance.authenticate(issued.access_token)
        await self._sign_in_as(machine)
        key, account, certificate_key = await self._make_acme(tenant)
        new_key = ClientKey.new()
        things = Things(**self._facts, jwk=account_key(new_key).jwk)
        return Holder(
            things=things,
            tenant=tenant,
            machine=machine,
            token=issued.access_token.reveal(),
            client_secret=secret,
            login=machine_login,
            account=account,
            account_key=key,
            new_key=_key_without_account(things, tenant, new_key),
            new_account_key=new_key,
            certificate_key=certificate_key,
            ssh_host=host,
            new_ssh_host=newcomer,
        )

    async def _make_places(self) -> Tenant:
        slug, perform = self._slug, self._instance.perform
        organization = await perform(CreateOrganization(slug=slug, name=f"{slug} organization"))
        project = await perform(
            CreateProject(
                organization=slug,
                slug=f"{slug}-one",
                name=f"{slug} project",
                environments=(f"{slug}-qa", f"{slug}-spare"),
            )
        )
        environments = await perform(ListEnvironments(project=project.id, limit=2))
        policy = await perform(
            CreatePolicy(
                project=project.id,
                name=f"{slug}-policy",
                text='permit(principal == Identity::"nobody", action == Action::"x509:read", resource);',
            )
        )
        self._facts |= {
            "organization": organization.id,
            "organization_slug": slug,
            "project": project.id,
            "project_slug": f"{slug}-one",
            "environment": environments.items[0].id,
            "empty_environment": environments.items[1].id,
            "policy": policy.id,
        }
        return project.tenant

    async def _make_machine(self) -> SecretValue[str]:
        facts, perform = self._facts, self._instance.perform
        organization = facts["organization"]
        identity = await perform(CreateIdentity(organization=organization, name=f"{self._slug} machine"))
        secret = await perform(CreateClientSecret(organization=organization, identity=identity.id))
        below = await perform(GrantProjectRole(project=facts["project"], identity=identity.id, role="admin"))
        above = await perform(
            GrantOrganizationRole(organization=organization, identity=identity.id, role="admin")
        )
        steward = await perform(CreateIdentity(organization=organization, name=f"{self._slug} steward"))
        on_top = await perform(GrantInstanceRole(identity=steward.id, role="administrator"))
        candidate = await perform(CreateIdentity(organization=organization, name=f"{self._slug} candidate"))
        facts |= {
            "instance_membership": on_top.id,
            "candidate": candidate.id,
            "identity": identity.id,
            "client_secret": secret.record.id,
            "membership": below.id,
            "organization_membership": above.id,
        }
        return secret.client_secret

    async def _make_certificates(self) -> None:
        slug, facts, perform = self._slug, self._facts, self._instance.perform
        project = facts["project"]
        await perform(CreateAuthority(project=project, name=f"{slug}-root"))
        issuing = await perform(
            CreateAuthority(project=project, name=f"{slug}-issuing", parent=f"{slug}-root")
        )
        await perform(
            ConfigurePublishing(project=project, name=f"{slug}-issuing", responder=ResponderKind.DELEGATED)
        )
        settings = msgspec.structs.replace(SERVER_SETTINGS, authority=f"{slug}-issuing")
        await perform(CreateProfile(project=project, name=f"{slug}-server", settings=settings))
        request = KeyRequest(names=(Name(NameKind.DNS, f"www.{slug}.test"),))
        issued = await perform(IssueCertificate(project=project, profile=f"{slug}-server", request=request))
        outer = await perform(
            CreateAuthority(project=project, name=f"{slug}-outer", has_external_parent=True)
        )
        assert outer.csr_pem is not None
        elsewhere = ExternalCa(f"{slug} elsewhere", outer.authority.created_at)
        await perform(RollOverAuthority(project=project, name=f"{slug}-root", successor=f"{slug}-root-next"))
        blocked = await perform(BlockKey(project=project, key_hash=hashlib.sha256(slug.encode()).digest()))
        facts |= {
            "blocked_key": blocked.id,
            "root_authority": f"{slug}-root",
            "outer_authority": f"{slug}-outer",
            "outer_certificate_der": der(elsewhere.answer(outer.csr_pem)),
            "authority": f"{slug}-issuing",
            "authority_id": issuing.authority.id,
            "profile": f"{slug}-server",
            "profile_version": 1,
            "certificate": issued.id,
            "serial_number": issued.serial_number,
        }
        await make_life(self._instance, slug, elsewhere, facts)

    async def _make_ssh(self) -> None:
        slug, facts, perform = self._slug, self._facts, self._instance.perform
        project = facts["project"]
        await perform(CreateSshAuthority(project=project, name=f"{slug}-ssh", type=CertificateType.USER))
        successor = CreateSshAuthority(
            project=project, name=f"{slug}-ssh-next", type=CertificateType.USER, succeeds=f"{slug}-ssh"
        )
        await perform(successor)
        settings = msgspec.structs.replace(USER_SETTINGS, authority=f"{slug}-ssh")
        await perform(
            CreateSshProfile(
                project=project, name=f"{slug}-user", type=CertificateType.USER, settings=settings
            )
        )
        issued = await perform(
            IssueSshCertificate(
                project=project,
                profile=f"{slug}-user",
                public_key=key_line(),
                principals=(f"{slug}-alice",),
                key_id=f"{slug}-key",
            )
        )
        facts |= {
            "ssh_authority": f"{slug}-ssh",
            "ssh_successor": f"{slug}-ssh-next",
            "ssh_profile": f"{slug}-user",
            "ssh_certificate": issued.id,
            "ssh_serial_number": issued.serial_number,
            "ssh_key_id": issued.key_id,
            "ssh_certificate_line": issued.certificate,
        }

    async def _sign_in_as(self, machine: Caller) -> None:
        operation = IssueSshCertificate(
            project=self._facts["project"],
            profile=self._facts["ssh_profile"],
            public_key=key_line(),
            principals=(f"{self._slug}-machine",),
        )
        await self._instance.perform(operation, machine)

    async def _make_acme(self, tenant: Tenant) -> tuple[ClientKey, Caller, Caller]:
        slug, facts, perform = self._slug, self._facts, self._instance.perform
        project = facts["project"]
        directory = await perform(
            CreateDirectory(
                project=project,
                slug=slug,
                profile=f"{slug}-server",
                authority=f"{slug}-issuing",
                eab=ExternalAccountRule.OFF,
                is_open=True,
            )
        )
        external = await perform(
            CreateExternalKey(
                project=project, directory=slug, name=f"{slug} clients", identity=facts["identity"]
            )
        )
        key = ClientKey.new()
        known = account_key(key)
        stranger = _account_caller(directory, known)
        opened = await perform(
            CreateAccount(project=project, directory=directory.id, jwk=known.jwk), stranger
        )
        account = caller_of(directory, opened.account, ADDRESS)
        pending = await self._order(account, "pending")
        responded = await self._order(account, "responded")
        challenge = responded.authorizations[0].challenges[0].id
        await perform(RespondToChallenge(project=project, challenge=challenge), account)
        ready = await self._ready_order(account, key, "ready")
        facts |= {
            "directory": directory.id,
            "directory_slug": slug,
            "external_key": external.key.id,
            "account": opened.account.id,
            "key_change": sign_key_change(f"{URL}/acme/{slug}", opened.account.id, key),
            "order": pending.order.id,
            "authorization": pending.authorizations[0].id,
            "challenge": pending.authorizations[0].challenges[0].id,
            "responded_challenge": challenge,
            "ready_order": ready.order.id,
            "csr_der": make_csr(f"ready.{slug}.test"),
        }
        return key, account, await self._finished_order(directory, account, key)

    async def _order(self, account: Caller, label: str) -> OrderView:
        identifiers = (Identifier("dns", f"{label}.{self._slug}.test"),)
        return await self._instance.perform(
            CreateOrder(project=self._facts["project"], identifiers=identifiers), account
        )

    async def _ready_order(self, account: Caller, key: ClientKey, label: str) -> OrderView:
        """Order and prove a name, against a world that answers for its host."""
        view = await self._order(account, label)
        project = self._facts["project"]
        [challenge] = [each for each in view.authorizations[0].challenges if each.type.value == "http-01"]
        place = (f"{label}.{self._slug}.test", f"/.well-known/acme-challenge/{challenge.token}")
        self._instance.world.answers[place] = f"{challenge.token}.{key.thumbprint}".encode()
        await self._instance.perform(RespondToChallenge(project=project, challenge=challenge.id), account)
        tenant = Tenant(self._facts["organization"], project)
        job = ValidationJob(tenant.organization, tenant.project, challenge.id)
        await self._instance.run_validation(encode_job(job))
        return view

    async def _finished_order(self, directory: Directory, account: Caller, key: ClientKey) -> Caller:
        """Have a certificate, and return its own key as the caller that may revoke it."""
        name, certificate_key = "finished", ClientKey.new()
        view = await self._ready_order(account, key, name)
        csr = make_csr(f"{name}.{self._slug}.test", key=certificate_key.private_key)
        done = await self._instance.perform(
            FinalizeOrder(project=self._facts["project"], order=view.order.id, csr_der=csr), account
        )
        certificate = done.order.certificate
        assert certificate is not None
        listed = await self._instance.perform(ListCertificates(project=self._facts["project"]))
        [mine] = [each for each in listed.items if each.certificate.id == certificate]
        self._facts |= {
            "acme_certificate": certificate,
            "acme_certificate_der": mine.certificate.der,
        }
        return key_caller(directory, account_key(certificate_key), ADDRESS)


def _account_caller(directory: Directory, key: AccountKey) -> Caller:
    return msgspec.structs.replace(
        key_caller(directory, key, ADDRESS), id=f"acc_{hashlib.sha256(key.jwk).hexdigest()[:26]}"
    )


def _key_without_account(things: Things, tenant: Tenant, key: ClientKey) -> Caller:
    known = account_key(key)
    return Caller(
        kind=CallerKind.ACME_ACCOUNT,
        id=f"acc_{hashlib.sha256(known.jwk).hexdigest()[:26]}",
        name="new",
        address=ADDRESS,
        authenticated_by="acme-jws",
        credential=known.thumbprint,
        organization=tenant.organization,
        project=tenant.project,
        groups=(("Acme::Directory", things.directory),),
    )


def login_of(identity: str, secret: str, tenant: Tenant, *, in_project: bool = False) -> Caller:
    """Return what a login method makes of an identity whose client secret it verified."""
    return Caller(
        kind=CallerKind.IDENTITY,
        id=identity,
        name=identity,
        address=ADDRESS,
        authenticated_by="universal",
        credential=secret,
        organization=tenant.organization,
        project=tenant.project if in_project else None,
    )
