"""Expanding references: what a caller reads is put together from secrets that this very caller may read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from ca_service.kernel.errors import UnacceptableError
from secrets_core.vault.references import Part, Place, Reference, Target, parse_target, parse_template, shown

#: How many references may lie between a value and the last one it is put together from.
MOST_DEPTH = 10
#: How many references one read may expand.
MOST_REFERENCES = 2_000
#: How far imports of imports are followed, and how many folders one folder may draw from in all.
MOST_IMPORT_DEPTH = 10
MOST_SOURCES = 100
#: The size of one expanded value, and of all that one read expands, in bytes of UTF-8.
MOST_BYTES = 1024 * 1024
MOST_BYTES_IN_ALL = 32 * 1024 * 1024


class Readable(Struct, frozen=True):
    """A secret that lies in a folder; `value` is None where the caller may not read it."""

    place: Place
    name: str
    value: str | None

    @property
    def where(self) -> str:
        """Return the secret as problems name it."""
        return f"{self.place.environment}:{self.place.path}:{self.name}"


class Folders(Protocol):
    """What is read while a value is expanded; asked for the same thing at most once."""

    async def own(self, place: Place, names: Collection[str]) -> Mapping[str, Readable]:
        """Return the secrets that lie in this folder itself, of those named."""

    async def imports(self, place: Place) -> Sequence[Place]:
        """Return the folders that this one imports, the most important last; none if it is not there."""


class _Expanded(Struct, frozen=True):
    """A finished value, how many references deep it is, and its bytes."""

    text: str
    depth: int
    size: int


class Resolver:
    """Expands the references of one read: each folder is looked into, and each value expanded, once.

    A folder gives what its list shows: its own secrets first, then those of its imports, the last one first.
    A secret that is not there and one that the caller may not read are refused alike.
    """

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._held: dict[Place, dict[str, Readable | None]] = {}
        self._sources: dict[Place, tuple[Place, ...]] = {}
        self._expanded: dict[Target, _Expanded] = {}
        self._references = 0
        self._bytes = 0

    def know(self, secrets: Iterable[Readable]) -> None:
        """Take secrets that were read already, so that nobody reads them again."""
        for secret in secrets:
            self._held.setdefault(secret.place, {})[secret.name] = secret

    async def foresee(self, secrets: Iterable[Readable]) -> None:
        """Read what all of these refer to, with one question for each folder."""
        wanted: dict[Place, set[str]] = {}
        for secret in secrets:
            if secret.value is not None and "${" in secret.value:
                _add_plain_targets(wanted, parse_template(secret.value), secret.place)
        await self._learn_all(wanted)

    async def expand(self, secret: Readable) -> str:
        """Return the secret's value with every reference in it replaced.

        Raises UnacceptableError (field `value`) that names the reference at fault: rule `reference` if there
        is no such secret for this caller, else `reference-cycle`, `-depth`, `-nesting`, `-count` or `-size`.
        """
        return (await self._expand(secret, [])).text

    async def sources(self, place: Place) -> tuple[Place, ...]:
        """Return the folders whose secrets this one shows, the most important first: itself and its imports.

        A folder that was met before is passed over, so cycles end. Raises UnacceptableError (rule `imports`)
        where they are too many.
        """
        found = self._sources.get(place)
        if found is None:
            order: dict[Place, None] = {}
            await self._gather(place, order, 0)
            found = self._sources[place] = tuple(order)
        return found

    async def _gather(self, place: Place, order: dict[Place, None], depth: int) -> None:
        order[place] = None
        if len(order) > MOST_SOURCES:
            raise UnacceptableError(
                f"A folder shows the secrets of at most {MOST_SOURCES} folders; take some imports away.",
                field="path",
                rule="imports",
            )
        if depth == MOST_IMPORT_DEPTH:
            return
        for source in reversed(await self._folders.imports(place)):
            if source not in order:
                await self._gather(source, order, depth + 1)

    async def _expand(self, secret: Readable, said_by: list[Target]) -> _Expanded:
        target = Target(secret.place, secret.name)
        done = self._expanded.get(target)
        if done is None:
            assert secret.value is not None, "what may not be read is not expanded"
            parts = parse_template(secret.value)
            wanted: dict[Place, set[str]] = {}
            _add_plain_targets(wanted, parts, secret.place)
            await self._learn_all(wanted)
            said_by.append(target)
            done = await self._joined(parts, secret, said_by)
            said_by.pop()
            self._expanded[target] = done
        return done

    async def _joined(self, parts: Iterable[Part], secret: Readable, said_by: list[Target]) -> _Expanded:
        texts: list[str] = []
        size = depth = 0
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
                size += len(part) if part.isascii() else len(part.encode())
            else:
                put_in = await self._followed(part, secret, said_by)
                texts.append(put_in.text)
                size += put_in.size
                depth = max(depth, put_in.depth)
            if size > MOST_BYTES:
                raise _refused(secret, f"The value is larger than {MOST_BYTES} bytes once expanded.", "size")
        if depth:
            self._count_bytes(secret, size)
        return _Expanded("".join(texts), depth, size)

    def _count_bytes(self, secret: Readable, size: int) -> None:
        self._bytes += size
        if self._bytes > MOST_BYTES_IN_ALL:
            detail = f"One read expands at most {MOST_BYTES_IN_ALL} bytes; read fewer secrets at once."
            raise _refused(secret, detail, "size")

    async def _followed(self, reference: Reference, secret: Readable, said_by: list[Target]) -> _Expanded:
        """Return what a reference stands for, with how many references lie behind it, itself included."""
        self._references += 1
        if self._references > MOST_REFERENCES:
            detail = f"One read expands at most {MOST_REFERENCES} references; read fewer secrets at once."
            raise _refused(secret, detail, "count")
        name = await self._joined(reference.parts, secret, said_by)
        target = parse_target(name.text, secret.place)
        found = None if target is None else await self._find(target)
        if found is None or found.value is None:
            raise _missing(secret, reference)
        if Target(found.place, found.name) in said_by:
            raise _refused(secret, f"The reference {shown(reference.text)} leads back to itself.", "cycle")
        if len(said_by) > MOST_DEPTH:
            raise _too_deep(secret, reference)
        expanded = await self._expand(found, said_by)
        if len(said_by) + expanded.depth > MOST_DEPTH:
            raise _too_deep(secret, reference)
        return _Expanded(expanded.text, max(name.depth, expanded.depth + 1), expanded.size)

    async def _find(self, target: Target) -> Readable | None:
        """Return the secret that the folder shows under this name."""
        await self._learn(target.place, (target.name,))
        own = self._held[target.place].get(target.name)
        if own is not None:
            return own
        shown_here = (
            self._held.get(place, {}).get(target.name) for place in await self.sources(target.place)
        )
        return next((found for found in shown_here if found is not None), None)

    async def _learn_all(self, wanted: Mapping[Place, Collection[str]]) -> None:
        for place, names in wanted.items():
            await self._learn(place, names)

    async def _learn(self, place: Place, names: Collection[str]) -> None:
        """Know what the folder shows under these names; imports are read only for what does not lie in it."""
        missing = await self._ask(place, names)
        if not missing:
            return
        for source in (await self.sources(place))[1:]:
            missing = await self._ask(source, missing)
            if not missing:
                return

    async def _ask(self, place: Place, names: Collection[str]) -> list[str]:
        """Know which of these secrets lie in the folder itself, and return those that do not."""
        held = self._held.setdefault(place, {})
        unknown = [name for name in names if name not in held]
        if unknown:
            held.update(dict.fromkeys(unknown))
            held.update(await self._folders.own(place, unknown))
        return [name for name in names if held[name] is None]


def _add_plain_targets(wanted: dict[Place, set[str]], parts: Iterable[Part], said_in: Place) -> None:
    """Add what the references whose names are known already stand for."""
    for part in parts:
        if isinstance(part, Reference) and part.is_plain:
            target = parse_target(str(part.parts[0]), said_in)
            if target is not None:
                wanted.setdefault(target.place, set()).add(target.name)


def _missing(secret: Readable, reference: Reference) -> UnacceptableError:
    detail = (
        f"The reference {shown(reference.text)} cannot be resolved: there is no such secret, or you may not "
        "read it. Correct it, ask for the right to read that secret, or write `$${` for a literal `${`."
    )
    return _refused(secret, detail)


def _too_deep(secret: Readable, reference: Reference) -> UnacceptableError:
    detail = f"The reference {shown(reference.text)} stands in a chain of more than {MOST_DEPTH} references."
    return _refused(secret, detail, "depth")


def _refused(secret: Readable, detail: str, which: str | None = None) -> UnacceptableError:
    rule = "reference" if which is None else f"reference-{which}"
    return UnacceptableError(f"In {secret.where}: {detail}", field="value", rule=rule)
