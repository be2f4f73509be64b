"""The words of policies about hosts, and what a host may do by itself: its own things, and no more."""

from ca_service.policy.sets import BuiltInPolicy

SCHEMA = """
// A host is decided as the principal SshHost that its key or its token proved, and asked about as a resource.
// Once for each name; `method` is token, or x509 with the profile of the certificate that was shown.
action "ssh:enrol-host" in [Action::"manages"] appliesTo {
  principal: [SshHost, Identity, User],
  resource: [SshHost],
  context: { method: String, profile?: String, name: Name }
};
action "ssh:renew-host" in [Action::"manages"] appliesTo {
  principal: [SshHost, Identity, User],
  resource: [SshHost]
};
action "ssh:read-logins" in [Action::"reads"] appliesTo {
  principal: [SshHost, Identity, User],
  resource: [SshHost]
};
action "ssh:read-host" in [Action::"reads"] appliesTo {
  principal: [SshHost, Identity, User],
  resource: [SshHost, Project]
};
// A token is decided for each name that it may enrol; a mapping for its account and whom it lets in.
action "ssh:manage-host" in [Action::"manages"] appliesTo {
  principal: [SshHost, Identity, User],
  resource: [SshHost, Project],
  context: { name?: Name, account?: String, principals?: Set<String>, identities?: Set<String> }
};
"""

POLICIES = (
    BuiltInPolicy(
        "built-in:ssh-host-token",
        'permit(principal is SshHost, action == Action::"ssh:enrol-host", resource is SshHost)\n'
        'when { principal == resource && context.method == "token" '
        "&& [true, false].contains(context.name.wildcard) };",
    ),
    BuiltInPolicy(
        "built-in:ssh-host-own",
        'permit(principal is SshHost, action in [Action::"ssh:renew-host", Action::"ssh:read-logins"], '
        "resource is SshHost)\nwhen { principal == resource };",
    ),
    # What its row says are its names, and none that it asks for.
    BuiltInPolicy(
        "built-in:ssh-host-certificate",
        'permit(principal is SshHost, action == Action::"ssh:sign", resource is SshProfile)\n'
        'when { context has vouched_names && context.cert_type == "host" }\n'
        "when { if context has name then context.vouched_names.contains(context.name.value) else true };",
    ),
)
