"""Lists secrets, with values and without: each is decided for itself, and what is refused is left out."""

from collections.abc import Sequence

import msgspec

from ca_service.custody.custody import Custody
from ca_service.gate.handler import Call, Prepared, Reader
from ca_service.kernel.errors import MalformedError
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.values import Access
from secrets_core.paths import FolderPath, parse_path
from secrets_core.vault.accesses import DESCRIBE, READ, folder_access
from secrets_core.vault.listing import START, Candidate, Key, Listing
from secrets_core.vault.operations.reading import DescribeSecrets, ListedSecret, ListSecrets, SecretPage
from secrets_core.vault.places import SecretPlace
from secrets_core.vault.readable import ReadableVault, open_readable
from secrets_core.vault.resolution import Readable, Resolver
from secrets_core.vault.sealed import open_notes
from secrets_core.vault.secrets import parse_tags
from secrets_core.vault.storage.imports import ImportRows
from secrets_core.vault.vault import Vault
from secrets_core.vault.writing import shown

#: How many secrets are read at once, so that one read of the greatest ones stays bounded.
_CHUNK = 101
#: A page ends before it has more bytes than this, unless with its first secret.
_MOST_BYTES = 4 * 1024 * 1024
_Asked = ListSecrets | DescribeSecrets


class _Page:
    """The items of a page as they come; it is full by number or by size."""

    def __init__(self, limit: int) -> None:
        self.items: list[ListedSecret] = []
        self.keys: list[Key] = []
        self.is_full = False
        self._limit = limit
        self._bytes = 0

    def add(self, key: Key, item: ListedSecret) -> bool:
        """Take one more; False if it belongs to the next page."""
        value = "" if item.value is None else item.value.reveal()
        self._bytes += len(value.encode()) + len(msgspec.json.encode(item.record))
        if len(self.items) == self._limit or (self.items and self._bytes > _MOST_BYTES):
            self.is_full = True
            return False
        self.items.append(item)
        self.keys.append(key)
        return True


class _Lister:
    """What both lists share."""

    def __init__(self, vault: Vault, imports: ImportRows, custody: Custody) -> None:
        self._vault = vault
        self._imports = imports
        self._etags = custody.mac_key("secret lists")

    async def _prepared(self, call: Call, asked: _Asked) -> Prepared[SecretPage]:
        environment = await self._vault.environments.find(call.home, asked.environment)
        path, tags = parse_path(asked.path), parse_tags(asked.tags, field="tag")
        readable = await open_readable(self._vault, self._imports, call)
        resolver = Resolver(readable)
        is_revealing = isinstance(asked, ListSecrets)
        listing = Listing(
            readable,
            resolver,
            environment,
            path,
            is_recursive=asked.is_recursive,
            with_imports=asked.imports,
            with_values=is_revealing,
        )
        whole = await self._whole(call, readable, asked, path)
        page = _Page(asked.limit)
        after: Key | None = _parse_key(asked.after)
        while after is not None and not page.is_full:
            size = min(_CHUNK, asked.limit - len(page.items) + 1)
            candidates, after = await listing.chunk(after, size)
            chosen = await _permitted(readable, asked.action, candidates, tags)
            await _fill(page, asked, readable, resolver, chosen)
        next_key = "\n".join(page.keys[-1]) if page.is_full else None
        items = tuple(page.items)
        answer = SecretPage(items, next_key, self._etag(call, items, next_key))
        details = {"environment": environment.slug, "path": path, "items": len(items)}
        return Prepared(answer, (whole, *readable.accesses), details)

    async def _whole(self, call: Call, readable: ReadableVault, asked: _Asked, path: FolderPath) -> Access:
        """Return the question about the folder itself.

        Who may read nothing at all here is told so; who may read some of it needs only to see the folder.
        """
        environment = await self._vault.environments.find(call.home, asked.environment)
        action = DESCRIBE
        if asked.action == READ and not await readable.may_read_anything():
            action = READ
        return folder_access(action, call.home, environment, path)

    def _etag(self, call: Call, items: Sequence[ListedSecret], next_key: str | None) -> str:
        """Return the tag of what this caller is shown (S21)."""
        told = [
            (item.record, None if item.value is None else item.value.reveal(), item.is_imported)
            for item in items
        ]
        return self._etags.tag(msgspec.msgpack.encode((call.caller.id, told, next_key))).hex()[:32]


class ListSecretsReader(_Lister, Reader[ListSecrets, SecretPage]):
    """Lists with values."""

    async def prepare(self, call: Call, operation: ListSecrets) -> Prepared[SecretPage]:
        """Read one page, and open what of it the caller may read."""
        return await self._prepared(call, operation)


class DescribeSecretsReader(_Lister, Reader[DescribeSecrets, SecretPage]):
    """Lists without values."""

    async def prepare(self, call: Call, operation: DescribeSecrets) -> Prepared[SecretPage]:
        """Read one page of what the caller may see."""
        return await self._prepared(call, operation)


async def _permitted(
    readable: ReadableVault, action: str, candidates: Sequence[Candidate], tags: Sequence[str]
) -> list[Candidate]:
    """Return those with one of the tags that the caller may have."""
    wanted = set(tags)
    chosen = []
    for each in candidates:
        secret = each.held.secret
        is_wanted = not wanted or not wanted.isdisjoint(secret.tags)
        if is_wanted and await readable.permits(action, each.environment, each.held.folder.path, secret):
            chosen.append(each)
    return chosen


async def _fill(
    page: _Page,
    asked: _Asked,
    readable: ReadableVault,
    resolver: Resolver,
    chosen: Sequence[Candidate],
) -> None:
    if isinstance(asked, DescribeSecrets):
        for each in chosen:
            if not page.add(each.key, _listed(readable, each, None)):
                return
        return
    opened = [await readable.readable(each.environment, each.held) for each in chosen]
    if asked.expand:
        resolver.know(opened)
        await resolver.foresee(opened)
    for each, secret in zip(chosen, opened, strict=True):
        value = await _value(secret, resolver if asked.expand else None)
        if not page.add(each.key, _listed(readable, each, value)):
            return


async def _value(secret: Readable, resolver: Resolver | None) -> SecretValue[str]:
    assert secret.value is not None, "only what may be read was chosen"
    return SecretValue(secret.value if resolver is None else await resolver.expand(secret))


def _listed(readable: ReadableVault, each: Candidate, value: SecretValue[str] | None) -> ListedSecret:
    held = each.held
    place = SecretPlace(each.environment, held.folder.path, held.secret.name)
    record = shown(place, held.secret, held.version, open_notes(readable.sealer, held.version))
    return ListedSecret(record=record, value=value, is_imported=each.is_imported)


def _parse_key(after: str | None) -> Key:
    """Return where to go on. Raises MalformedError."""
    if after is None:
        return START
    path, found, name = after.partition("\n")
    if not found:
        raise MalformedError(
            "This cursor is not one of this list; take `next_cursor` of the page before, or leave it out.",
            field="cursor",
            rule="cursor",
        )
    return path, name
