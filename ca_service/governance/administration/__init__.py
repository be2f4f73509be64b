"""Administrators of the instance: who they are, and whether the bootstrap token is needed any more."""
