"""What identity contributes.

The part that needs to know organizations is contributed by governance, which is above: see `management`.
"""

from datetime import timedelta

from ca_service.gate.port import Tenants
from ca_service.identity.failures import LoginFailures
from ca_service.identity.handlers.client_secrets import (
    CreateClientSecretHandler,
    ListClientSecretsReader,
    RevokeClientSecretHandler,
)
from ca_service.identity.handlers.identities import (
    CreateIdentityHandler,
    DeleteIdentityHandler,
    ListIdentitiesReader,
    OrganizationIdentities,
    ReadIdentityReader,
    UpdateIdentityHandler,
)
from ca_service.identity.handlers.tokens import (
    LogInHandler,
    ReadSelfHandler,
    RenewTokenHandler,
    RevokeTokenHandler,
)
from ca_service.identity.http import MANAGEMENT_ROUTES, OWN_TOKEN_ROUTES, login_routes
from ca_service.identity.lockouts.guard import LoginGuard
from ca_service.identity.lockouts.handlers import ClearLockoutsHandler, ListLockoutsReader
from ca_service.identity.lockouts.http import ROUTES as LOCKOUT_ROUTES
from ca_service.identity.lockouts.operations import ClearLockouts, ListLockouts
from ca_service.identity.methods.universal import UniversalLogin
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
from ca_service.identity.roles import RoleSource
from ca_service.identity.sweep import TokenSweep
from ca_service.policy.sets import BuiltInPolicy
from ca_service.web.module import Contribution, Ground, Module, Timer

SCHEMA = """
// Identity. A Credential is what a caller called with: its token, or the client secret of a login.
entity Credential in [Instance, Organization];
entity MachineIdentity in [Organization, Project];

action "identity:login", "identity:read-self", "identity:revoke-token" appliesTo {
  principal: [Identity, User], resource: [Credential], context: {}
};
action "identity:renew-token" appliesTo {
  principal: [Identity, User], resource: [Credential], context: { ttl?: duration }
};
action "identity:list" in [Action::"reads"] appliesTo {
  principal: [Identity, User], resource: [Organization], context: {}
};
action "identity:read", "identity:list-client-secrets", "identity:list-lockouts"
  in [Action::"reads"] appliesTo {
  principal: [Identity, User], resource: [MachineIdentity], context: {}
};
action "identity:create" in [Action::"manages"] appliesTo {
  principal: [Identity, User], resource: [Organization, Project], context: {}
};
action "identity:update", "identity:delete", "identity:revoke-client-secret", "identity:clear-lockouts"
  in [Action::"manages"] appliesTo {
  principal: [Identity, User], resource: [MachineIdentity], context: {}
};
// `covered`: who makes the secret holds what the identity holds above its organization (S17).
action "identity:create-client-secret" in [Action::"manages"] appliesTo {
  principal: [Identity, User], resource: [MachineIdentity], context: { ttl?: duration, covered: Bool }
};
"""

#: A caller can only ask about its own credential: handlers take it from the caller, not the request.
OWN_CREDENTIAL = BuiltInPolicy(
    "built-in:own-credential",
    'permit(principal, action in [Action::"identity:login", Action::"identity:read-self", '
    'Action::"identity:renew-token", Action::"identity:revoke-token"], resource is Credential);',
)

#: Who administers an organization administers its identities, and gets no more rights by that.
SECRET_COVERED = BuiltInPolicy(
    "built-in:client-secret-covered",
    'forbid(principal, action == Action::"identity:create-client-secret", resource) '
    "unless { context.covered };",
)


def build(ground: Ground) -> Contribution:
    """Return logins and what callers do with their own tokens."""
    failures = LoginFailures(ground.audit, ground.database, ground.identifiers)
    guard = LoginGuard(ground.database, ground.config.identity)
    universal = UniversalLogin(ground.database, ground.custody, ground.policy, failures, guard)
    log_in = LogInHandler(
        ground.database,
        ground.custody,
        {universal.name: universal},
        ground.config.identity,
        ground.identifiers,
        ground.randomness,
    )
    sweep = TokenSweep(ground.database, ground.custody)
    return Contribution(
        handlers={
            LogIn: log_in,
            RenewToken: RenewTokenHandler(ground.custody),
            RevokeToken: RevokeTokenHandler(ground.custody, ground.policy),
            ReadSelf: ReadSelfHandler(ground.database, ground.custody),
        },
        routes=(*login_routes(universal), *OWN_TOKEN_ROUTES),
        timers=(Timer("identity-tokens", timedelta(hours=1), sweep.run, expires=True),),
    )


def management(ground: Ground, tenants: Tenants, roles: RoleSource) -> Contribution:
    """Return the administration of machine identities, for governance to contribute."""
    identities = OrganizationIdentities(ground.database, ground.custody, tenants)
    custody, identifiers = ground.custody, ground.identifiers
    return Contribution(
        handlers={
            CreateIdentity: CreateIdentityHandler(identities, ground.config.identity, identifiers),
            ListIdentities: ListIdentitiesReader(identities),
            ReadIdentity: ReadIdentityReader(identities),
            UpdateIdentity: UpdateIdentityHandler(identities, ground.policy),
            DeleteIdentity: DeleteIdentityHandler(identities, ground.policy),
            CreateClientSecret: CreateClientSecretHandler(
                identities, custody, identifiers, ground.randomness, roles
            ),
            ListClientSecrets: ListClientSecretsReader(identities, custody),
            RevokeClientSecret: RevokeClientSecretHandler(identities, custody, ground.policy),
            ListLockouts: ListLockoutsReader(identities),
            ClearLockouts: ClearLockoutsHandler(identities),
        },
        routes=(*MANAGEMENT_ROUTES, *LOCKOUT_ROUTES),
    )


MODULE = Module(name="identity", schema=SCHEMA, policies=(OWN_CREDENTIAL, SECRET_COVERED), build=build)
