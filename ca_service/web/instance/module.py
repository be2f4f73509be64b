"""What the instance's own page adds to the service; composition builds its two readers."""

#: The fragment of the Cedar schema; an administrator of the instance may do both.
SCHEMA = """
action "instance:read-status", "instance:read-metrics" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System],
  resource: [Instance],
  context: {}
};
"""
