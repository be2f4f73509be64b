"""Samples of identity: one's own token, and the machine identities of an organization."""

from ca_service.identity.lockouts.operations import ClearLockouts, ListLockouts
from ca_service.identity.operations import (
    CreateClientSecret,
    CreateIdentity,
    DeleteIdentity,
    ListClientSecrets,
    ListIdentities,
    LogIn,
    ReadIdentity,
    ReadSelf,
    RenewToken,
    RevokeClientSecret,
    RevokeToken,
    UpdateIdentity,
)
from tests.support.sample import By, Knock, Sample

_IDENTITIES = "/v1/organizations/{organization}/identities"
_IDENTITY = f"{_IDENTITIES}/{{identity}}"
_SECRETS = f"{_IDENTITY}/client-secrets"
_LOCKOUTS = f"{_IDENTITY}/lockouts"

OWN_TOKEN = (
    # Its request holds a secret of the caller and is made where it is tested.
    Sample(name="log-in", ask=lambda t: LogIn(), by=By.LOGIN),
    Sample(
        name="renew-token",
        ask=lambda t: RenewToken(),
        by=By.MACHINE,
        knock=Knock("POST", "/v1/auth/token/renew", lambda t: {}),
    ),
    Sample(
        name="revoke-token",
        ask=lambda t: RevokeToken(),
        by=By.MACHINE,
        knock=Knock("POST", "/v1/auth/token/revoke"),
    ),
    Sample(name="read-self", ask=lambda t: ReadSelf(), by=By.MACHINE, knock=Knock("GET", "/v1/auth/self")),
)
MANAGEMENT = (
    Sample(
        name="create-identity",
        ask=lambda t: CreateIdentity(organization=t.organization, name="another"),
        knock=Knock("POST", _IDENTITIES, lambda t: {"name": "another"}),
    ),
    Sample(
        name="create-identity-in-project",
        ask=lambda t: CreateIdentity(organization=t.organization, name="another", project=t.project),
        knock=Knock("POST", _IDENTITIES, lambda t: {"name": "another", "project": t.project}),
    ),
    Sample(
        name="list-identities",
        ask=lambda t: ListIdentities(organization=t.organization, limit=9),
        knock=Knock("GET", _IDENTITIES),
    ),
    Sample(
        name="read-identity",
        ask=lambda t: ReadIdentity(organization=t.organization, identity=t.identity),
        knock=Knock("GET", _IDENTITY),
    ),
    Sample(
        name="update-identity",
        ask=lambda t: UpdateIdentity(organization=t.organization, identity=t.identity, disabled=True),
        knock=Knock("PATCH", _IDENTITY, lambda t: {"disabled": True}),
    ),
    Sample(
        name="delete-identity",
        ask=lambda t: DeleteIdentity(organization=t.organization, identity=t.identity),
        knock=Knock("DELETE", _IDENTITY),
    ),
    Sample(
        name="create-client-secret",
        ask=lambda t: CreateClientSecret(organization=t.organization, identity=t.identity),
        knock=Knock("POST", _SECRETS, lambda t: {}),
    ),
    Sample(
        name="list-client-secrets",
        ask=lambda t: ListClientSecrets(organization=t.organization, identity=t.identity, limit=9),
        knock=Knock("GET", _SECRETS),
    ),
    Sample(
        name="revoke-client-secret",
        ask=lambda t: RevokeClientSecret(
            organization=t.organization, identity=t.identity, client_secret=t.client_secret
        ),
        knock=Knock("DELETE", f"{_SECRETS}/{{client_secret}}"),
    ),
    Sample(
        name="list-lockouts",
        ask=lambda t: ListLockouts(organization=t.organization, identity=t.identity, limit=9),
        knock=Knock("GET", _LOCKOUTS),
    ),
    Sample(
        name="clear-lockouts",
        ask=lambda t: ClearLockouts(organization=t.organization, identity=t.identity),
        knock=Knock("DELETE", _LOCKOUTS),
    ),
)
SAMPLES = (*OWN_TOKEN, *MANAGEMENT)
