"""The words of policies about dynamic secrets and leases, and the right that comes with the code."""

from ca_service.policy.sets import BuiltInPolicy
from secrets_core.dynamic.leases import REVOKER

SCHEMA = """
// Accounts made on demand. The id of a dynamic secret is "<environment>:<path>:<name>", so that a policy can
// be written before it exists. `own`: the lease was given to the caller.
entity DynamicSecret in [Project] = { environment: String, path: String, name: String, provider: String };

action "dynamic:describe" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System],
  resource: [DynamicSecret, Project],
  context: { own?: Bool }
};
action "dynamic:lease" in [Action::"uses"] appliesTo {
  principal: [Identity, User, System],
  resource: [DynamicSecret],
  context: { ttl?: duration }
};
action "dynamic:renew" in [Action::"uses"] appliesTo {
  principal: [Identity, User, System],
  resource: [DynamicSecret],
  context: { ttl?: duration, own?: Bool }
};
action "dynamic:revoke" in [Action::"uses"] appliesTo {
  principal: [Identity, User, System],
  resource: [DynamicSecret],
  context: { own?: Bool }
};
// That of the job which ends leases.
action "dynamic:end" appliesTo { principal: [System], resource: [DynamicSecret], context: { own?: Bool } };
action "dynamic:manage" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [DynamicSecret]
};
"""

POLICIES = (
    BuiltInPolicy(
        "built-in:dynamic-end",
        f'permit(principal == System::"{REVOKER}", action == Action::"dynamic:end", '
        "resource is DynamicSecret);",
    ),
)
