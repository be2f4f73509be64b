"""Renames folders with everything in them, and deletes them."""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.governance.places import Environment
from ca_service.kernel.errors import MalformedError
from ca_service.policy.values import Access, Grant
from secrets_core.paths import ROOT, FolderPath, join, parent_of, parse_path
from secrets_core.vault.accesses import READ, folder_access, secret_access
from secrets_core.vault.commits import ChangeAction, CommittedChange
from secrets_core.vault.drafts import Drafter
from secrets_core.vault.errors import ChangedMeanwhileError, FolderNotEmptyError
from secrets_core.vault.folders import Folder, parse_description, parse_folder_name
from secrets_core.vault.handlers.folders import folder_record, live_folder
from secrets_core.vault.locked_trees import Tree, lock_tree, read_tree
from secrets_core.vault.operations.folders import DeleteFolder, FolderRecord, UpdateFolder
from secrets_core.vault.places import SecretPlace
from secrets_core.vault.storage.commits import insert_commit
from secrets_core.vault.storage.folders import require_folder_update, update_folder
from secrets_core.vault.storage.imports import delete_imports_of
from secrets_core.vault.storage.secrets import Found, Lying
from secrets_core.vault.vault import Vault
from secrets_core.vault.wishes import Wish
from secrets_core.vault.writing import Writing, commit_of, write_all


class FolderChange(Struct, frozen=True):
    """A folder as it is and shall be; `inside` are the secrets decided on, none for a description."""

    environment: Environment
    seen: Folder
    path: FolderPath
    description: str
    inside: tuple[Lying, ...]


class UpdateFolderHandler(Handler[UpdateFolder, FolderChange, FolderChange, FolderRecord]):
    """Describes or renames a folder."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def prepare(self, call: Call, operation: UpdateFolder) -> Prepared[FolderChange]:
        """Find it. What is renamed lies elsewhere for policies: it is read there and written here."""
        path = parse_path(operation.path)
        if operation.new_name is None and operation.description is None:
            raise MalformedError("Say what to change: new_name or description.", rule="required")
        environment = await self._vault.environments.find(call.home, operation.environment)
        seen = await live_folder(self._vault, call, environment, path)
        target, inside = path, tuple[Lying, ...]()
        if operation.new_name is not None:
            if path == ROOT:
                raise MalformedError("The root folder has no name.", field="new_name", rule="root")
            target = join(parent_of(path), parse_folder_name(operation.new_name))
        if target != path:
            inside = await read_tree(self._vault, call, environment, path)
        told = operation.description
        draft = FolderChange(
            environment, seen, target, seen.description if told is None else parse_description(told), inside
        )
        accesses = tuple(_questions_of_rename(call, operation.action, draft))
        return Prepared(draft, accesses, {"new_path": target} if target != path else {})

    async def sign(self, call: Call, draft: FolderChange, grant: Grant) -> FolderChange:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: FolderChange) -> FolderRecord:
        """Change the folder and, where it is renamed, those in it."""
        new = msgspec.structs.replace(
            signed.seen, path=signed.path, description=signed.description, updated_at=transaction.now
        )
        if new.path != signed.seen.path:
            await self._rename(transaction, call, signed)
        if not await update_folder(transaction, self._vault.rows.folder_mac, signed.seen, new):
            raise ChangedMeanwhileError("folder")
        return folder_record(new, signed.environment)

    async def _rename(self, transaction: Transaction, call: Call, signed: FolderChange) -> None:
        mac, before = self._vault.rows.folder_mac, signed.seen.path
        tree = await lock_tree(self._vault, transaction, call, signed.environment, before)
        tree.verify_decided(signed.inside)
        for folder in tree.folders:
            if folder.id == signed.seen.id:
                continue
            moved = msgspec.structs.replace(folder, path=_renamed(folder.path, before, signed.path))
            if not await update_folder(transaction, mac, folder, moved):
                raise ChangedMeanwhileError("folder")
        changes = tuple(
            _moved(signed.environment, lying, _renamed(lying.folder.path, before, signed.path))
            for lying in tree.secrets
            if lying.secret.is_live
        )
        if changes:
            commit_id = self._vault.identifiers.new("cmt")
            message = f"Rename {before} to {signed.path}"
            insert_commit(transaction, commit_of(transaction, call, commit_id, message, changes))


class Condemned(Struct, frozen=True):
    """A folder to delete, None for a root that was never made, with the live secrets decided on."""

    environment: Environment
    path: FolderPath
    seen: Folder | None
    inside: tuple[Lying, ...]
    is_recursive: bool


class DeleteFolderHandler(Handler[DeleteFolder, Condemned, Condemned, None]):
    """Deletes a folder."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def prepare(self, call: Call, operation: DeleteFolder) -> Prepared[Condemned]:
        """Find it and what is in it; each secret is decided."""
        path = parse_path(operation.path)
        environment = await self._vault.environments.find(call.home, operation.environment)
        seen = None if path == ROOT else await live_folder(self._vault, call, environment, path)
        inside = tuple[Lying, ...]()
        if operation.is_recursive:
            every = await read_tree(self._vault, call, environment, path)
            inside = tuple(lying for lying in every if lying.secret.is_live)
        accesses = [folder_access(operation.action, call.home, environment, path)]
        accesses += [_access(call, "secrets:delete", environment, lying) for lying in inside]
        draft = Condemned(environment, path, seen, inside, operation.is_recursive)
        return Prepared(draft, tuple(accesses), {"secrets": len(inside)})

    async def sign(self, call: Call, draft: Condemned, grant: Grant) -> Condemned:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Condemned) -> None:
        """Delete the secrets in one commit, then the folders."""
        tree = await lock_tree(self._vault, transaction, call, signed.environment, signed.path)
        living = [lying for lying in tree.secrets if lying.secret.is_live]
        folders = [folder for folder in tree.folders if folder.is_live]
        if not signed.is_recursive and (living or any(each.path != signed.path for each in folders)):
            raise FolderNotEmptyError(
                f"{signed.path} holds secrets or folders. Delete them first, or all at once with "
                "`recursive=true`.",
                field="recursive",
                rule="not-empty",
            )
        Tree(folders, living).verify_decided(signed.inside)
        if living:
            await write_all(self._vault, transaction, call, await self._deletion(call, signed, living))
        for folder in folders:
            delete_imports_of(transaction, folder)
            dead = msgspec.structs.replace(folder, deleted_at=transaction.now)
            require_folder_update(
                transaction,
                self._vault.rows.folder_mac,
                folder,
                dead,
                lambda: ChangedMeanwhileError("folder"),
            )

    async def _deletion(self, call: Call, signed: Condemned, living: Iterable[Lying]) -> Writing:
        drafter = Drafter(None, self._vault.rows, self._vault.identifiers, call)
        drafts = tuple(
            drafter.draft(
                Wish(action=ChangeAction.DELETE, place=_place(signed.environment, lying)),
                Found(lying.folder, lying.secret),
            )
            for lying in living
        )
        return Writing(drafter, drafts, f"Delete {signed.path}")


def _questions_of_rename(call: Call, action: str, draft: FolderChange) -> Iterable[Access]:
    environment, before = draft.environment, draft.seen.path
    yield folder_access(action, call.home, environment, before)
    if draft.path == before:
        return
    yield folder_access(action, call.home, environment, draft.path)
    for lying in draft.inside:
        yield _access(call, READ, environment, lying)
        path = _renamed(lying.folder.path, before, draft.path)
        secret = lying.secret
        yield secret_access("secrets:write", call.home, environment, path, secret.name, secret.tags)


def _access(call: Call, action: str, environment: Environment, lying: Lying) -> Access:
    secret = lying.secret
    return secret_access(action, call.home, environment, lying.folder.path, secret.name, secret.tags)


def _place(environment: Environment, lying: Lying) -> SecretPlace:
    return SecretPlace(environment, lying.folder.path, lying.secret.name)


def _renamed(path: FolderPath, before: FolderPath, after: FolderPath) -> FolderPath:
    return FolderPath(after + path[len(before) :])


def _moved(environment: Environment, lying: Lying, path: FolderPath) -> CommittedChange:
    return CommittedChange(
        action=ChangeAction.MOVE,
        environment=environment.slug,
        environment_id=environment.id,
        path=path,
        name=lying.secret.name,
        secret=lying.secret.id,
        version=lying.secret.version,
    )
