"""The SSH certificate authority: a module over custody, policy and the gate."""
