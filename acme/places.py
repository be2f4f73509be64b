"""Where a directory answers: its canonical prefix and its aliases, and the URLs below them.

URLs answered under an alias keep that alias's prefix, so that a client never notices.
"""

from collections.abc import Mapping

from msgspec import Struct

from acme.directories import SLUG
from ca_service.config import ConfigError

MOUNT = "/acme"
_DIRECTORY = "/directory"


class Place(Struct, frozen=True):
    """One address of one directory: `index` is the directory object's path, `prefix` that of all others."""

    slug: str
    prefix: str
    index: str


class Resource(Struct, frozen=True):
    """What a path below a prefix names: the kind (`order`), an id if it has one, and the verb after it."""

    kind: str
    id: str = ""
    verb: str = ""


def canonical_place(slug: str) -> Place:
    """Return where a directory answers without any alias."""
    return Place(slug, f"{MOUNT}/{slug}", f"{MOUNT}/{slug}{_DIRECTORY}")


def parse_aliases(aliases: Mapping[str, str]) -> tuple[Place, ...]:
    """Return the places of `[acme] directory_aliases`. Raises ConfigError for a path that cannot be one."""
    return tuple(_alias(path, slug) for path, slug in aliases.items())


def _alias(path: str, slug: str) -> Place:
    segments = path.removeprefix("/").split("/")
    is_plain = all(segment and segment.isascii() and segment.isprintable() for segment in segments)
    if not path.startswith("/") or not is_plain or any(mark in path for mark in "{}?#% "):
        raise ConfigError(f"configuration: `acme.directory_aliases` has `{path}`, which is not a plain path")
    if not slug:
        raise ConfigError(f"configuration: `acme.directory_aliases` says no directory for `{path}`")
    return Place(slug, path.removesuffix(_DIRECTORY), path)


class Places:
    """All addresses of all directories of this server."""

    def __init__(self, aliases: tuple[Place, ...]) -> None:
        self._by_index = {place.index: place for place in aliases}
        self._by_prefix = {place.prefix: place for place in aliases}

    def prefixes_of(self, slug: str) -> tuple[str, ...]:
        """Return every prefix under which the resources of a directory have URLs."""
        aliases = [place.prefix for place in self._by_index.values() if place.slug == slug]
        return (canonical_place(slug).prefix, *aliases)

    def find(self, path: str) -> tuple[Place, Resource] | None:
        """Return the place and the resource that a path names."""
        if path in self._by_index:
            return self._by_index[path], Resource("directory")
        segments = path.split("/")
        if "" in segments[1:]:
            return None
        is_canonical = (
            len(segments) > 3 and segments[1] == MOUNT[1:] and SLUG.fullmatch(segments[2]) is not None
        )
        for size in range(1, min(4, len(segments))):
            prefix = "/".join(segments[:-size])
            place = self._by_prefix.get(prefix)
            if place is not None and (prefix or not is_canonical):
                resource = Resource(*segments[-size:])
                return None if resource.kind == "directory" else (place, resource)
        if is_canonical and len(segments) <= 6:
            return canonical_place(segments[2]), Resource(*segments[3:])
        return None
