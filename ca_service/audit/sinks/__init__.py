"""Sinks: where numbered entries go besides the database; each follows with a durable cursor of its own."""
