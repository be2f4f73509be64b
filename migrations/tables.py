"""The storage modules whose tables make up the schema; a package with tables adds its line here."""

import importlib

from sqlalchemy import MetaData

from ca_service.database.metadata import METADATA

STORAGE_MODULES = (
    "ca_service.queue.storage",
    "ca_service.custody.storage",
    "ca_service.audit.storage",
    "ca_service.policy.storage",
    "ca_service.gate.storage",
    "ca_service.identity.storage",
    "ca_service.identity.lockouts.storage",
    "ca_service.governance.storage",
    "ca_service.x509.storage",
    "acme.storage",
    "ssh_ca.storage",
    "secrets_core.vault.storage",
    "secrets_core.kms.storage",
    "secrets_core.dynamic.storage",
)


def load_all_tables() -> MetaData:
    """Return METADATA with every package's tables. A missing module is an error, not a smaller schema."""
    for module in STORAGE_MODULES:
        importlib.import_module(module)
    return METADATA
