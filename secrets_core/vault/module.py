"""Everything that the vault contributes to the service."""

from collections.abc import Mapping
from typing import Any

from ca_service.gate.operation import Operation
from ca_service.web.module import AnyHandler, Contribution, Ground, Module
from secrets_core.vault.expansion import ReferenceExpander
from secrets_core.vault.handlers.change_folder import DeleteFolderHandler, UpdateFolderHandler
from secrets_core.vault.handlers.commits import CommitChangesHandler, ListCommitsReader, ReadCommitReader
from secrets_core.vault.handlers.folders import CreateFolderHandler, ListFoldersReader
from secrets_core.vault.handlers.import_file import ImportSecretFileHandler
from secrets_core.vault.handlers.imports import CreateImportHandler, DeleteImportHandler, ListImportsReader
from secrets_core.vault.handlers.list_secrets import DescribeSecretsReader, ListSecretsReader
from secrets_core.vault.handlers.read_secret import ReadSecretReader
from secrets_core.vault.handlers.versions import DestroyVersionsHandler, ListVersionsReader
from secrets_core.vault.handlers.write_secret import (
    DeleteSecretHandler,
    PutSecretHandler,
    UndeleteSecretHandler,
    UpdateSecretHandler,
)
from secrets_core.vault.http import ROUTES
from secrets_core.vault.operations import (
    CommitChanges,
    CreateFolder,
    DeleteFolder,
    DeleteSecret,
    DestroyVersions,
    ListCommits,
    ListFolders,
    ListVersions,
    PutSecret,
    ReadCommit,
    ReadSecret,
    UndeleteSecret,
    UpdateFolder,
    UpdateSecret,
)
from secrets_core.vault.operations.reading import (
    CreateImport,
    DeleteImport,
    DescribeSecrets,
    ImportSecretFile,
    ListImports,
    ListSecrets,
)
from secrets_core.vault.policies import POLICIES, SCHEMA
from secrets_core.vault.storage.imports import ImportRows
from secrets_core.vault.vault import Vault, over


def handlers_over(vault: Vault) -> Mapping[type[Operation[Any]], AnyHandler]:
    """Return the handler of each operation."""
    imports = ImportRows(vault.custody, vault.rows.folder_mac)
    return {
        PutSecret: PutSecretHandler(vault),
        UpdateSecret: UpdateSecretHandler(vault),
        DeleteSecret: DeleteSecretHandler(vault),
        UndeleteSecret: UndeleteSecretHandler(vault),
        ReadSecret: ReadSecretReader(vault, ReferenceExpander(vault, imports)),
        ListVersions: ListVersionsReader(vault),
        DestroyVersions: DestroyVersionsHandler(vault),
        CommitChanges: CommitChangesHandler(vault),
        ListCommits: ListCommitsReader(vault),
        ReadCommit: ReadCommitReader(vault),
        ListFolders: ListFoldersReader(vault),
        CreateFolder: CreateFolderHandler(vault),
        UpdateFolder: UpdateFolderHandler(vault),
        DeleteFolder: DeleteFolderHandler(vault),
        ListSecrets: ListSecretsReader(vault, imports, vault.custody),
        DescribeSecrets: DescribeSecretsReader(vault, imports, vault.custody),
        ListImports: ListImportsReader(vault, imports),
        CreateImport: CreateImportHandler(vault, imports),
        DeleteImport: DeleteImportHandler(vault, imports),
        ImportSecretFile: ImportSecretFileHandler(vault),
    }


def build(ground: Ground) -> Contribution:
    """Build the handlers and routes over the ground."""
    vault = over(ground.database, ground.custody, ground.identifiers, ground.policy)
    return Contribution(handlers=handlers_over(vault), routes=ROUTES)


MODULE = Module(name="vault", schema=SCHEMA, policies=POLICIES, build=build)
