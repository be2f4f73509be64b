"""The words of policies about keys, and the right that comes with the code."""

from ca_service.policy.sets import BuiltInPolicy

#: The system principal whose one right is to destroy keys whose wait is over (S15).
DESTROYER = "kms-destroy"

SCHEMA = """
// The KMS. A key is asked about by its id; `name` and `algorithm` are for policies over many, new ones too.
entity KmsKey in [Project] = { name: String, algorithm: String };

action "kms:describe" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System],
  resource: [KmsKey, Project]
};
action "kms:encrypt", "kms:decrypt", "kms:rewrap", "kms:data-key", "kms:sign", "kms:verify", "kms:hmac"
  in [Action::"uses"] appliesTo {
  principal: [Identity, User, System],
  resource: [KmsKey]
};
action "kms:random" in [Action::"uses"] appliesTo {
  principal: [Identity, User, System],
  resource: [Project]
};
action "kms:manage" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [KmsKey]
};
// A key that was scheduled for deletion, once its wait is over.
action "kms:destroy" appliesTo { principal: [System], resource: [KmsKey] };
"""

POLICIES = (
    BuiltInPolicy(
        "built-in:kms-destroy",
        f'permit(principal == System::"{DESTROYER}", action == Action::"kms:destroy", resource is KmsKey);',
    ),
)
