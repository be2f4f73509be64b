"""An account with an external binding is decided as itself and as its identity (S2), on both engines.

Over the real policy engine, identities and authority: every name must be permitted to both.
"""

import asyncio
from typing import Any

import pytest

from acme.directories import ExternalAccountRule
from acme.operations import CreateDirectory, CreateExternalKey, DisableExternalKey
from ca_service.database.port import Database
from ca_service.governance.operations import CreatePolicy, GrantProjectRole, WithdrawProjectRole
from ca_service.identity.operations import CreateIdentity, DeleteIdentity, UpdateIdentity
from ca_service.x509.operations import CertificateFilter, IssueCertificate, ListCertificates
from tests.support.acme_client import AcmeClient, Reply, b64, make_csr, sign_binding
from tests.support.acme_site import REQUEST, AcmeSite
from tests.support.acme_stack import URL
from tests.support.fakes.kernel import FakeClock

DIRECTORY = f"{URL}/acme/bound/directory"


@pytest.fixture
def site(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeSite:
    made = AcmeSite(runner, database, clock)
    made.perform(
        CreateDirectory(
            project="default",
            slug="bound",
            profile="server",
            authority="issuing",
            eab=ExternalAccountRule.REQUIRED,
            is_open=True,
        )
    )
    return made


@pytest.fixture
def identity(site: AcmeSite) -> str:
    return site.perform(CreateIdentity(organization="default", name="shop")).id


def bind(site: AcmeSite, identity: str) -> tuple[AcmeClient, str]:
    """Return a client with an account that acts for this identity, and the id of the key that bound it."""
    made = site.perform(
        CreateExternalKey(project="default", directory="bound", name="clients", identity=identity)
    )
    client = site.client(DIRECTORY)
    binding = sign_binding(made.key.id, made.hmac_key.reveal(), client.key, client.directory["newAccount"])
    assert client.register(externalAccountBinding=binding).status == 201
    return client, made.key.id


def grant(site: AcmeSite, identity: str, role: str = "member") -> str:
    return site.perform(GrantProjectRole(project="default", identity=identity, role=role)).id


def permit_names(site: AcmeSite, identity: str, *names: str) -> None:
    """Let an identity have certificates for exactly these names."""
    allowed = ", ".join(f'"{name}"' for name in names)
    text = (
        f'permit(principal == Identity::"{identity}", action == Action::"x509:issue", resource) when '
        f"{{ if context has name then [{allowed}].contains(context.name.value) else true }};"
    )
    site.perform(CreatePolicy(project="default", name="two-names", text=text))


def issue(site: AcmeSite, client: AcmeClient, *names: str) -> Reply:
    """Order, prove and finalize."""
    order = client.order(*names)
    assert order.status == 201, order.body
    site.prove(client, order)
    return client.post(order.json()["finalize"], {"csr": b64(make_csr(*names))})


def test_both_permit_and_the_certificate_is_issued(site: AcmeSite, identity: str) -> None:
    grant(site, identity)
    client, _ = bind(site, identity)
    done = issue(site, client, "a.example", "b.example")
    assert (done.status, done.json()["status"]) == (200, "valid")
    assert client.post(done.json()["certificate"]).status == 200


def test_an_identity_without_a_right_gets_nothing_though_the_directory_is_open(
    site: AcmeSite, identity: str
) -> None:
    client, _ = bind(site, identity)
    done = issue(site, client, "a.example")
    assert (done.status, done.problem) == (403, "unauthorized")


def test_every_name_must_be_permitted_to_the_identity(site: AcmeSite, identity: str) -> None:
    permit_names(site, identity, "a.example", "b.example")
    client, _ = bind(site, identity)
    assert issue(site, client, "a.example", "b.example").json()["status"] == "valid"
    assert issue(site, client, "a.example", "c.example").problem == "unauthorized"


def test_every_name_must_be_permitted_to_the_account(site: AcmeSite, identity: str) -> None:
    grant(site, identity, "admin")
    client, _ = bind(site, identity)
    forbid = (
        'forbid(principal is Acme::Account, action == Action::"x509:issue", resource) when '
        '{ context has name && context.name.value == "b.example" };'
    )
    site.perform(CreatePolicy(project="default", name="not-b", text=forbid))
    assert issue(site, client, "a.example").json()["status"] == "valid"
    assert issue(site, client, "b.example").problem == "unauthorized"


def test_a_role_that_is_withdrawn_counts_from_then_on(site: AcmeSite, identity: str) -> None:
    membership = grant(site, identity)
    client, _ = bind(site, identity)
    assert issue(site, client, "a.example").json()["status"] == "valid"
    site.perform(WithdrawProjectRole(project="default", membership=membership))
    assert issue(site, client, "b.example").problem == "unauthorized"


def test_a_bound_account_downloads_and_revokes_without_a_role_of_its_identity(
    site: AcmeSite, identity: str
) -> None:
    membership = grant(site, identity)
    client, _ = bind(site, identity)
    url = issue(site, client, "a.example").json()["certificate"]
    site.perform(WithdrawProjectRole(project="default", membership=membership))
    assert client.post(url).status == 200


@pytest.mark.parametrize("how", ["disabled", "deleted", "key"])
def test_what_ends_stops_the_account_at_its_next_request_on_every_worker(
    runner: asyncio.Runner, database: Database, clock: FakeClock, site: AcmeSite, identity: str, how: str
) -> None:
    grant(site, identity)
    client, key = bind(site, identity)
    order = client.order("a.example")
    site.prove(client, order)
    elsewhere = AcmeSite(runner, database, clock, is_first=False)
    other = AcmeClient(elsewhere.send, DIRECTORY, client.key)
    other.kid = client.kid
    assert other.post(client.kid or "").status == 200
    if how == "key":
        site.perform(DisableExternalKey(project="default", directory="bound", key=key))
    elif how == "disabled":
        site.perform(UpdateIdentity(organization="default", identity=identity, disabled=True))
    else:
        site.perform(DeleteIdentity(organization="default", identity=identity))
    finalize, csr = order.json()["finalize"], b64(make_csr("a.example"))
    replies = [
        other.post(finalize, {"csr": csr}),
        client.post(finalize, {"csr": csr}),
        other.order("b.example"),
        client.post(client.kid or ""),
    ]
    assert [(reply.status, reply.problem) for reply in replies] == [(403, "unauthorized")] * 4


def test_an_identity_that_is_enabled_again_lets_its_accounts_go_on(site: AcmeSite, identity: str) -> None:
    grant(site, identity)
    client, _ = bind(site, identity)
    for disabled in (True, False):
        site.perform(UpdateIdentity(organization="default", identity=identity, disabled=disabled))
    assert issue(site, client, "a.example").json()["status"] == "valid"


def test_an_identity_that_ends_while_its_certificate_is_signed_gets_none(
    site: AcmeSite, identity: str
) -> None:
    """The right is read again in the transaction of the issuance (S14)."""
    grant(site, identity)
    client, _ = bind(site, identity)
    order = client.order("a.example")
    site.prove(client, order)
    end = UpdateIdentity(organization="default", identity=identity, disabled=True)
    issuance: Any = site.handlers[IssueCertificate]
    sign = issuance.sign

    async def sign_and_end(*arguments: Any) -> Any:
        signed = await sign(*arguments)
        await site.gate.perform(site.administrator, end, REQUEST)
        return signed

    issuance.sign = sign_and_end
    done = client.post(order.json()["finalize"], {"csr": b64(make_csr("a.example"))})
    assert (done.status, done.problem) == (403, "unauthorized")
    issued = ListCertificates(project="default", filter=CertificateFilter(name="a.example"))
    assert site.perform(issued).items == ()


def test_a_policy_may_ask_for_whom_an_account_acts(site: AcmeSite, identity: str) -> None:
    grant(site, identity)
    other = site.perform(CreateIdentity(organization="default", name="other")).id
    grant(site, other)
    forbid = (
        'forbid(principal is Acme::Account, action == Action::"x509:issue", resource) when '
        f'{{ context has eab && context.eab == "{other}" }};'
    )
    site.perform(CreatePolicy(project="default", name="not-other", text=forbid))
    assert issue(site, bind(site, identity)[0], "a.example").json()["status"] == "valid"
    assert issue(site, bind(site, other)[0], "b.example").problem == "unauthorized"


def test_an_account_without_a_binding_is_decided_alone(site: AcmeSite) -> None:
    client = site.account()
    assert issue(site, client, "a.example").json()["status"] == "valid"
