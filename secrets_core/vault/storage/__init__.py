"""The tables of the vault and every statement on them."""

from secrets_core.vault.storage.tables import (
    COMMIT_CHANGES,
    COMMIT_NUMBERS,
    COMMITS,
    FOLDERS,
    IMPORTS,
    SECRETS,
    VERSIONS,
)

__all__ = [
    "COMMITS",
    "COMMIT_CHANGES",
    "COMMIT_NUMBERS",
    "FOLDERS",
    "IMPORTS",
    "SECRETS",
    "VERSIONS",
]
