"""Tables, statements and rows of the ACME server. Importing this declares the tables."""

from acme.storage import tables

__all__ = ["tables"]
