"""Writes what a file names into a folder, as one commit."""

from collections.abc import Collection

from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.governance.places import Environment
from ca_service.kernel.secret_value import SecretValue
from secrets_core.paths import FolderPath, parse_path
from secrets_core.vault.commits import MOST_CHANGES, ChangeAction, Commit
from secrets_core.vault.errors import ChangesRefusedError
from secrets_core.vault.handlers.commits import Committing, Proposed
from secrets_core.vault.operations.reading import ImportSecretFile
from secrets_core.vault.places import SecretPlace
from secrets_core.vault.secret_files import FileMode, parse_file
from secrets_core.vault.secrets import parse_message, parse_value
from secrets_core.vault.storage.listing import Place, read_heads_page
from secrets_core.vault.wishes import Wish
from secrets_core.vault.writing import Writing


class ImportSecretFileHandler(Committing, Handler[ImportSecretFile, Proposed, Writing, Commit]):
    """Reads a file and commits what it names."""

    async def prepare(self, call: Call, operation: ImportSecretFile) -> Prepared[Proposed]:
        """Read the file and find what is there; each secret is decided."""
        path, message = parse_path(operation.path), parse_message(operation.message)
        environment = await self._vault.environments.find(call.home, operation.environment)
        named = parse_file(operation.format, operation.content.reveal())
        wishes = [
            Wish(
                action=ChangeAction.SET,
                place=SecretPlace(environment, path, name),
                value=SecretValue(parse_value(value, field=f"content.{name}")),
                if_version=0 if operation.mode is FileMode.CREATE else None,
                label=f"content.{name}.",
            )
            for name, value in named.items()
        ]
        if operation.mode is FileMode.REPLACE:
            wishes += await self._rest(call, environment, path, named.keys())
        if not 1 <= len(wishes) <= MOST_CHANGES:
            raise ChangesRefusedError(
                f"A file changes 1 to {MOST_CHANGES} secrets at once, and this would be {len(wishes)}.",
                field="content",
                rule="bounds",
            )
        return await self._proposed(call, wishes, message)

    async def _rest(
        self, call: Call, environment: Environment, path: FolderPath, named: Collection[str]
    ) -> list[Wish]:
        """Return the deletion of what lies in the folder and is not named."""
        folder = Place(call.home, environment.id, path)
        held = await read_heads_page(self._vault.database, self._vault.rows, folder, "", MOST_CHANGES + 1)
        names = [each.secret.name for each in held if each.secret.name not in named]
        return [
            Wish(
                action=ChangeAction.DELETE,
                place=SecretPlace(environment, path, name),
                label=f"content.{name}.",
            )
            for name in names
        ]
