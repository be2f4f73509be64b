"""A folder with all below it, held still in a transaction: what is deleted or renamed as one."""

from collections.abc import Sequence

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call
from ca_service.governance.places import Environment
from secrets_core.paths import FolderPath
from secrets_core.vault.errors import ChangedMeanwhileError, FolderTooLargeError
from secrets_core.vault.folders import Folder
from secrets_core.vault.storage.folders import lock_folders
from secrets_core.vault.storage.secrets import Lying, list_tree, refetch_tree
from secrets_core.vault.vault import Vault

#: How many secrets may lie in a folder that is deleted or renamed as one; each is put to the policy.
MOST_SECRETS = 5000
#: How often the folders are locked until none was made meanwhile.
_ATTEMPTS = 10


class Tree(Struct, frozen=True):
    """Folders, and the secrets in them."""

    folders: Sequence[Folder]
    secrets: Sequence[Lying]

    def verify_decided(self, decided: Sequence[Lying]) -> None:
        """Refuse to go on with secrets that the policy was not asked about. Raises ChangedMeanwhileError."""
        known = {_facts(lying) for lying in decided}
        if any(_facts(lying) not in known for lying in self.secrets):
            raise ChangedMeanwhileError("folder")


async def read_tree(
    vault: Vault, call: Call, environment: Environment, path: FolderPath
) -> tuple[Lying, ...]:
    """Return all secrets of a folder and below, deleted ones included. Raises FolderTooLargeError."""
    found = await list_tree(vault.database, vault.rows, call.home, environment.id, path, MOST_SECRETS + 1)
    _verify_size(found)
    return tuple(found)


async def lock_tree(
    vault: Vault, transaction: Transaction, call: Call, environment: Environment, path: FolderPath
) -> Tree:
    """Return the same as it stands, with its folders: nothing is put into them until the transaction ends."""
    mac = vault.rows.folder_mac
    locked: list[Folder] = []
    for _ in range(_ATTEMPTS):
        before, locked = locked, await lock_folders(transaction, mac, call.home, environment.id, path)
        # Whoever makes a folder holds the one around it: once all are locked, the next look sees the last.
        if {each.id for each in before} == {each.id for each in locked}:
            secrets = await refetch_tree(
                transaction, vault.rows, call.home, environment.id, path, MOST_SECRETS + 1
            )
            _verify_size(secrets)
            return Tree(locked, secrets)
    raise ChangedMeanwhileError("folder")


def _verify_size(found: Sequence[Lying]) -> None:
    if len(found) > MOST_SECRETS:
        raise FolderTooLargeError(
            f"The folder holds more than {MOST_SECRETS} secrets; do this to the folders in it one by one.",
            field="path",
            rule="tree-size",
        )


def _facts(lying: Lying) -> tuple[object, ...]:
    secret = lying.secret
    return secret.id, lying.folder.path, secret.name, secret.tags
