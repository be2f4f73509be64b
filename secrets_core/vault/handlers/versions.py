"""Lists the versions of a secret and destroys some of them."""

import msgspec
from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.kernel.errors import MalformedError, NotFoundError
from ca_service.policy.values import Grant
from secrets_core.vault.accesses import UNDELETE, secret_access
from secrets_core.vault.commits import ChangeAction
from secrets_core.vault.operations.secrets import (
    DestroyVersions,
    ListVersions,
    VersionPage,
    VersionRecord,
)
from secrets_core.vault.questions import questions_of
from secrets_core.vault.secrets import LAST_VERSION, Secret, SecretVersion, parse_version
from secrets_core.vault.storage.secrets import Found, find_versions, list_versions
from secrets_core.vault.vault import Vault
from secrets_core.vault.wishes import Wish
from secrets_core.vault.writing import Writing, draft_all, write_all

_MOST_AT_ONCE = 500


class ListVersionsReader(Reader[ListVersions, VersionPage]):
    """Lists versions, newest first."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def prepare(self, call: Call, operation: ListVersions) -> Prepared[VersionPage]:
        """Read one page, and one row more to know whether another follows."""
        place = await self._vault.place(call, operation.environment, operation.path, operation.name)
        before = LAST_VERSION if operation.after is None else parse_version(operation.after, field="cursor")
        secret = (await self._vault.find(call, place)).secret
        if secret is None:
            raise NotFoundError("secret")
        read = await list_versions(self._vault.database, secret, before=before, limit=operation.limit + 1)
        items = read[: operation.limit]
        next_key = str(items[-1].version) if len(read) > len(items) else None
        page = VersionPage(tuple(_record(each, secret) for each in items), next_key)
        asked = (call.home, place.environment, place.path, place.name, secret.tags)
        if secret.is_live:
            return Prepared(page, (secret_access(operation.action, *asked),))
        # A deleted secret is one that is not there, but for those who may bring it back.
        accesses = tuple(
            secret_access(action, *asked, visible_by=UNDELETE) for action in (operation.action, UNDELETE)
        )
        return Prepared(page, accesses)


class Condemned(Struct, frozen=True):
    """Versions to destroy: the wish, the secret as it was found, and the versions themselves."""

    wish: Wish
    found: Found
    versions: tuple[SecretVersion, ...]


class SignedOff(Struct, frozen=True):
    """The same, ready to be written."""

    writing: Writing
    secret: Secret
    versions: tuple[SecretVersion, ...]


class DestroyVersionsHandler(Handler[DestroyVersions, Condemned, SignedOff, VersionPage]):
    """Destroys versions of one secret."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def prepare(self, call: Call, operation: DestroyVersions) -> Prepared[Condemned]:
        """Find them all."""
        place = await self._vault.place(call, operation.environment, operation.path, operation.name)
        numbers = tuple(sorted(set(operation.versions), reverse=True))
        if not 1 <= len(numbers) <= _MOST_AT_ONCE or not all(0 < each < LAST_VERSION for each in numbers):
            raise MalformedError(
                f"`versions` are 1 to {_MOST_AT_ONCE} whole numbers from 1 on.",
                field="versions",
                rule="bounds",
            )
        found = await self._vault.find(call, place)
        if found.secret is None:
            raise NotFoundError("secret")
        versions = tuple(await find_versions(self._vault.database, found.secret, numbers))
        if len(versions) < len(numbers):
            raise NotFoundError("version")
        wish = Wish(action=ChangeAction.DESTROY, place=place, versions=numbers)
        accesses = tuple(questions_of(call.home, wish, found.secret))
        return Prepared(Condemned(wish, found, versions), accesses, {"versions": list(numbers)})

    async def sign(self, call: Call, draft: Condemned, grant: Grant) -> SignedOff:
        """Find out whether it can be done."""
        del grant
        assert draft.found.secret is not None, "prepare found it"
        writing = await draft_all(self._vault, call, [(draft.wish, draft.found)], "")
        return SignedOff(writing, draft.found.secret, draft.versions)

    async def record(self, transaction: Transaction, call: Call, signed: SignedOff) -> VersionPage:
        """Drop what they hold."""
        written = await write_all(self._vault, transaction, call, signed.writing)
        now = transaction.now
        gone = [
            each if each.destroyed_at else msgspec.structs.replace(each, destroyed_at=now)
            for each in signed.versions
        ]
        secret = written.drafts[0].new
        return VersionPage(tuple(_record(each, secret) for each in gone), None)


def _record(version: SecretVersion, secret: Secret) -> VersionRecord:
    return VersionRecord(
        version=version.version,
        state=version.state_in(secret),
        created_at=version.created_at,
        created_by=version.created_by,
        commit=version.commit,
    )
