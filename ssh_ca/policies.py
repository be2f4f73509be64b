"""The words of policies about SSH certificates, and the right that comes with the code."""

from ca_service.policy.sets import BuiltInPolicy
from ssh_ca.publication import PUBLISHER

SCHEMA = """
// The SSH authority. `cert_type` is user or host. A certificate is decided once without `name`, then for each
// principal with it: kind principal for users, dns or ip for hosts.
entity SshAuthority in [Project] = { name: String, cert_type: String };
entity SshProfile in [Project] = { name: String, cert_type: String };
entity SshHost in [Project] = { name?: String };

action "ssh:sign" in [Action::"uses"] appliesTo {
  principal: [Identity, User, System, SshHost],
  resource: [SshProfile],
  context: {
    profile: String, cert_type: String, key_type: String, key_id: String, ttl: duration, name?: Name,
    critical_options: Set<String>, extensions: Set<String>, force_command?: String, source_address?: String,
    vouched_names?: Set<String>
  }
};
action "ssh:read" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System, SshHost],
  resource: [SshAuthority, SshProfile, Project]
};
action "ssh:revoke" in [Action::"uses"] appliesTo {
  principal: [Identity, User, System],
  resource: [SshAuthority]
};
// A serial number that the inventory does not know, or a key id for good.
action "ssh:revoke-unknown" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [SshAuthority]
};
action "ssh:manage" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [SshAuthority, SshProfile, Project]
};
action "ssh:publish" in [Action::"manages"] appliesTo {
  principal: [Identity, User, System],
  resource: [Project]
};
"""

POLICIES = (
    BuiltInPolicy(
        "built-in:ssh-publish",
        f'permit(principal == System::"{PUBLISHER}", action == Action::"ssh:publish", resource is Project);',
    ),
)
