"""The vocabulary of the vault: what can be asked of it, and how it answers."""

from secrets_core.vault.operations.commits import (
    ChangeAsked,
    CommitChanges,
    CommitPage,
    ListCommits,
    ReadCommit,
)
from secrets_core.vault.operations.folders import (
    CreateFolder,
    DeleteFolder,
    FolderPage,
    FolderRecord,
    ListFolders,
    UpdateFolder,
)
from secrets_core.vault.operations.secrets import (
    DeleteSecret,
    DestroyVersions,
    ListVersions,
    PutSecret,
    ReadSecret,
    RevealedSecret,
    SecretRecord,
    UndeleteSecret,
    UpdateSecret,
    VersionPage,
    VersionRecord,
)

__all__ = [
    "ChangeAsked",
    "CommitChanges",
    "CommitPage",
    "CreateFolder",
    "DeleteFolder",
    "DeleteSecret",
    "DestroyVersions",
    "FolderPage",
    "FolderRecord",
    "ListCommits",
    "ListFolders",
    "ListVersions",
    "PutSecret",
    "ReadCommit",
    "ReadSecret",
    "RevealedSecret",
    "SecretRecord",
    "UndeleteSecret",
    "UpdateFolder",
    "UpdateSecret",
    "VersionPage",
    "VersionRecord",
]
