"""The tables of the certificate authority, and their rows as values. Importing this declares the tables."""

from ca_service.x509.storage import life_tables, tables

__all__ = ["life_tables", "tables"]
