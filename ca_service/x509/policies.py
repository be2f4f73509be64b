"""The words of policies about certificates, and the rights that come with the code."""

from ca_service.policy.sets import BuiltInPolicy
from ca_service.x509.deliveries import NOTIFIER
from ca_service.x509.mass_revocations import REVOKER
from ca_service.x509.publication import PUBLISHER

SCHEMA = """
// The certificate authority. `name` in the context of x509:issue has the kind dns, ip, email, uri, or
// common-name for a common name that is none of these; the envelope is decided without a name. `eab` is the
// identity on whose behalf an ACME account asks (S2).
entity Authority in [Project] = { name: String };
entity Profile in [Project] = { name: String };
entity Certificate in [Project] = { profile: String, authority: String };
entity Channel in [Project] = { name: String };

action "x509:issue" in [Action::"uses"] appliesTo {
  principal: [Identity, User, System, Acme::Account],
  resource: [Authority],
  context: {
    profile: String, key_algorithm: String, ttl: duration, name?: Name, proof?: String, directory?: String,
    eab?: String
  }
};
// `own`: the certificate was issued to the caller.
action "x509:read" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System, Acme::Account],
  resource: [Certificate, Project],
  context: { own?: Bool }
};
// `proof` is ACME's: account, authorizations or key (RFC 8555 section 7.6).
action "x509:revoke" in [Action::"uses"] appliesTo {
  principal: [Identity, User, System, Acme::Account],
  resource: [Certificate],
  context: { reason?: String, own?: Bool, proof?: String }
};
action "x509:renew" in [Action::"uses"] appliesTo {
  principal: [Identity, User, System, Acme::Account],
  resource: [Certificate],
  context: { own?: Bool }
};
action "x509:read-authority" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System, Acme::Account],
  resource: [Authority, Project]
};
action "x509:manage-authority" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [Authority, Project]
};
// To certify an authority elsewhere, or in another project, from its CSR.
action "x509:sign-authority" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [Authority]
};
action "x509:read-profile" in [Action::"reads"] appliesTo {
  principal: [Identity, User],
  resource: [Profile, Project]
};
action "x509:manage-profile" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [Profile, Project]
};
action "x509:read-blocked-key" in [Action::"reads"] appliesTo {
  principal: [Identity, User],
  resource: [Project]
};
action "x509:block-key" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [Project]
};
// ACME's, with newAccount and keyChange: an account's own key is never certified (RFC 8555 section 11.1).
action "x509:reserve-account-key" in [Action::"uses"] appliesTo {
  principal: [Acme::Account],
  resource: [Project]
};
// Reveals a private key that is kept here: in no group, so that among built-in roles only admin may.
action "x509:read-key" appliesTo {
  principal: [Identity, User],
  resource: [Certificate],
  context: { own?: Bool }
};
action "x509:import" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [Project]
};
action "x509:revoke-many" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [Project]
};
// A serial number that the inventory does not know (S6).
action "x509:revoke-unknown" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [Authority]
};
action "x509:read-channel" in [Action::"manages"] appliesTo {
  principal: [Identity, User, System],
  resource: [Channel, Project]
};
action "x509:manage-channel" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [Channel, Project]
};
// Those of jobs.
action "x509:continue-revocation" appliesTo { principal: [System], resource: [Project] };
action "x509:deliver", "x509:announce" appliesTo { principal: [System], resource: [Channel] };
action "x509:publish" in [Action::"manages"] appliesTo {
  principal: [Identity, User, System],
  resource: [Authority]
};
"""

POLICIES = (
    BuiltInPolicy(
        "built-in:x509-publish",
        f'permit(principal == System::"{PUBLISHER}", action == Action::"x509:publish", '
        "resource is Authority);",
    ),
    BuiltInPolicy(
        "built-in:x509-revoke-many",
        f'permit(principal == System::"{REVOKER}", action == Action::"x509:continue-revocation", '
        "resource is Project);",
    ),
    BuiltInPolicy(
        "built-in:x509-notify",
        f'permit(principal == System::"{NOTIFIER}", '
        'action in [Action::"x509:deliver", Action::"x509:announce"], resource is Channel);',
    ),
    BuiltInPolicy(
        "built-in:x509-acme-account-key",
        'permit(principal is Acme::Account, action == Action::"x509:reserve-account-key", '
        "resource is Project);",
    ),
    BuiltInPolicy(
        "built-in:x509-acme-own",
        'permit(principal is Acme::Account, action in [Action::"x509:read", Action::"x509:revoke"], '
        "resource is Certificate) when { context has own && context.own };",
    ),
    BuiltInPolicy(
        "built-in:x509-acme-proof",
        'permit(principal is Acme::Account, action == Action::"x509:revoke", resource is Certificate) '
        'when { context has proof && ["key", "authorizations"].contains(context.proof) };',
    ),
    BuiltInPolicy(
        "built-in:x509-acme-authority",
        'permit(principal is Acme::Account, action == Action::"x509:read-authority", resource is Authority);',
    ),
)
