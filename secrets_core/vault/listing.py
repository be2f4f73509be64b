"""Lists: what folders show, in order, each name once: a folder's own secret, else that of its best import."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from ca_service.governance.places import Environment
from secrets_core.paths import FolderPath
from secrets_core.vault.readable import ReadableVault
from secrets_core.vault.references import Place
from secrets_core.vault.resolution import Resolver
from secrets_core.vault.storage import listing as storage
from secrets_core.vault.storage.secrets import Held

#: Where a list stands: the path of the folder that shows a secret, and the secret's name.
Key = tuple[str, str]
START: Key = ("", "")


class Candidate(Struct, frozen=True):
    """A secret that a folder shows, sealed. Its own folder is another where it is imported."""

    key: Key
    environment: Environment
    held: Held
    is_imported: bool


class _Head(Struct, frozen=True):
    """An imported secret of which only name and place were read."""

    environment: Environment
    path: FolderPath


class Listing:
    """One list under way."""

    def __init__(
        self,
        readable: ReadableVault,
        resolver: Resolver,
        environment: Environment,
        path: FolderPath,
        *,
        is_recursive: bool,
        with_imports: bool,
        with_values: bool,
    ) -> None:
        self._readable = readable
        self._resolver = resolver
        self._environment = environment
        self._path = path
        self._is_recursive = is_recursive
        self._with_imports = with_imports
        self._with_values = with_values
        self._importing: Sequence[FolderPath] | None = None

    async def chunk(self, after: Key, size: int) -> tuple[list[Candidate], Key | None]:
        """Return up to `size` secrets behind `after`, in order, and where to go on; None if these are all.

        The folder's own secrets are one read. Of imports only as much is opened as is shown.
        """
        own = await self._own(after, size)
        end = _key(own[-1]) if len(own) == size else None
        shown: dict[Key, Held | _Head] = {_key(held): held for held in own}
        for path in await self._importing_folders():
            if path >= after[0] and (end is None or path <= end[0]):
                start = after[1] if path == after[0] else ""
                end = await self._add_imported(shown, path, start, size, end)
                end = _full(shown, path, size, end)
        keys = sorted(key for key in shown if end is None or key <= end)
        return await self._opened({key: shown[key] for key in keys}), end

    async def _own(self, after: Key, size: int) -> list[Held]:
        vault, place = self._readable.vault, self._readable.at(self._environment, self._path)
        if self._is_recursive:
            return await storage.read_tree_page(
                vault.database, vault.rows, place, after, size, with_values=self._with_values
            )
        return await storage.read_folder_page(
            vault.database, vault.rows, place, after[1], size, with_values=self._with_values
        )

    async def _importing_folders(self) -> Sequence[FolderPath]:
        if self._importing is None:
            self._importing = ()
            if self._with_imports:
                self._importing = await self._readable.learn_imports(
                    self._environment, self._path, recursive=self._is_recursive
                )
        return self._importing

    async def _add_imported(
        self, shown: dict[Key, Held | _Head], path: FolderPath, start: str, size: int, end: Key | None
    ) -> Key | None:
        """Add what a folder's imports show of it, and return up to where everything is known."""
        sources = await self._resolver.sources(Place(self._environment.slug, path))
        for source in sources[1:]:
            environment = await self._readable.environment(source.environment)
            if environment is None:
                continue
            vault, place = self._readable.vault, self._readable.at(environment, source.path)
            heads = await storage.read_heads_page(vault.database, vault.rows, place, start, size)
            for head in heads:
                shown.setdefault((path, head.secret.name), _Head(environment, source.path))
            if len(heads) == size:
                last = (path, heads[-1].secret.name)
                end = last if end is None else min(end, last)
        return end

    async def _opened(self, shown: dict[Key, Held | _Head]) -> list[Candidate]:
        """Read what was only heard of: one read for each folder that it lies in."""
        wanted: dict[tuple[str, FolderPath], tuple[_Head, set[str]]] = {}
        for key, found in shown.items():
            if isinstance(found, _Head):
                wanted.setdefault((found.environment.id, found.path), (found, set()))[1].add(key[1])
        imported: dict[tuple[str, FolderPath, str], Held] = {}
        for (environment, path), (head, names) in wanted.items():
            for held in await self._readable.named(head.environment, head.path, names):
                imported[environment, path, held.secret.name] = held
        candidates = []
        for key, found in shown.items():
            if not isinstance(found, _Head):
                candidates.append(Candidate(key, self._environment, found, is_imported=False))
                continue
            read = imported.get((found.environment.id, found.path, key[1]))
            if read is not None:  # else it was deleted a moment ago
                candidates.append(Candidate(key, found.environment, read, is_imported=True))
        return candidates


def _full(shown: Iterable[Key], path: FolderPath, size: int, end: Key | None) -> Key | None:
    """Return where a chunk is full by what is known up to this folder; what comes behind it is later."""
    known = sorted(key for key in shown if key[0] <= path and (end is None or key <= end))
    return end if len(known) < size else known[size - 1]


def _key(held: Held) -> Key:
    return held.folder.path, held.secret.name
