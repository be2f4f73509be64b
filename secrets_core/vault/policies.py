"""The words of policies about the vault."""

from ca_service.policy.sets import BuiltInPolicy

SCHEMA = """
// The vault. A secret's id is "<environment>:<path>:<name>", so that a policy can name one that is not there
// yet. `environment` is the slug; `tags` are those of the current version.
entity Secret in [Project] = { environment: String, path: String, name: String, tags: Set<String> };
entity Folder in [Project] = { environment: String, path: String };

action "secrets:describe" in [Action::"reads"] appliesTo {
  principal: [Identity, User],
  resource: [Secret, Folder]
};
action "secrets:read" in [Action::"uses"] appliesTo {
  principal: [Identity, User],
  resource: [Secret, Folder]
};
action "secrets:write" in [Action::"uses"] appliesTo {
  principal: [Identity, User],
  resource: [Secret]
};
action "secrets:delete" in [Action::"uses"] appliesTo {
  principal: [Identity, User],
  resource: [Secret]
};
action "secrets:undelete" in [Action::"uses"] appliesTo {
  principal: [Identity, User],
  resource: [Secret]
};
action "secrets:manage-folders" in [Action::"uses"] appliesTo {
  principal: [Identity, User],
  resource: [Folder]
};
action "secrets:manage-imports" in [Action::"uses"] appliesTo {
  principal: [Identity, User],
  resource: [Folder]
};
action "secrets:history" in [Action::"reads"] appliesTo {
  principal: [Identity, User],
  resource: [Secret, Folder, Project]
};
// The ciphertext of versions, gone for good.
action "secrets:destroy" in [Action::"manages"] appliesTo {
  principal: [Identity, User],
  resource: [Secret]
};
"""

POLICIES: tuple[BuiltInPolicy, ...] = ()
