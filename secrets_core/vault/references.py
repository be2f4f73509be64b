"""References inside values: `${KEY}`, `${env.KEY}`, `${env.folder.sub.KEY}`, also one inside another.

What stands between `${` and `}` is a reference if it consists of letters, digits, `_`, `-`, `.`, `@` and
further references, and of one of them at least; every other text is taken as it is. `$${` is a literal `${`.
"""

import re
from typing import TypeAlias

from msgspec import Struct

from ca_service.kernel.errors import MalformedError, UnacceptableError
from secrets_core.paths import ROOT, FolderPath, parse_path

#: How deep one reference may stand inside another.
MOST_NESTED = 10

_OPEN = "${"
_WORD = re.compile(r"[A-Za-z0-9_.@-]*+", re.ASCII)
_ENVIRONMENT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,254}", re.ASCII)
_LONGEST_TARGET = 2048


class Reference(Struct, frozen=True):
    """One reference: the parts of its name, and how it is written in the value."""

    parts: "Template"
    text: str

    @property
    def is_plain(self) -> bool:
        """Tell whether its name is known without expanding another reference."""
        return len(self.parts) == 1 and isinstance(self.parts[0], str)


Part: TypeAlias = str | Reference
Template: TypeAlias = tuple[Part, ...]


class Place(Struct, frozen=True):
    """A folder of an environment, which is named by its slug."""

    environment: str
    path: FolderPath


class Target(Struct, frozen=True):
    """What a reference names: a secret as the list of a folder would show it."""

    place: Place
    name: str


class _Frame:
    """A `${` whose end was not seen yet."""

    __slots__ = ("parts", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.parts: list[Part] = []


def parse_template(value: str) -> Template:
    """Return the value as text and references, in time linear in its length.

    Raises UnacceptableError (rule `reference-nesting`) where more than ten stand open inside one another.
    """
    if _OPEN not in value:
        return (value,) if value else ()
    whole: list[Part] = []
    open_frames: list[_Frame] = []
    position = 0
    while position < len(value):
        if not open_frames:
            position = _skip_text(value, position, whole, open_frames)
            continue
        end = _word_end(value, position)
        frame = open_frames[-1]
        if end > position:
            frame.parts.append(value[position:end])
        if value.startswith("}", end) and frame.parts:
            position = end + 1
            _close(value, position, whole, open_frames)
        elif value.startswith(_OPEN, end):
            position = end + 2
            _verify_nesting(value[open_frames[0].start : position], open_frames)
            open_frames.append(_Frame(end))
        else:
            _give_up(whole, open_frames)
            position = end
    _give_up(whole, open_frames)
    return _joined(whole)


def _word_end(value: str, position: int) -> int:
    match = _WORD.match(value, position)
    assert match is not None, "the pattern matches the empty text"
    return match.end()


def _skip_text(value: str, position: int, whole: list[Part], open_frames: list[_Frame]) -> int:
    """Take the text before the next reference, and return where to go on."""
    found = value.find(_OPEN, position)
    if found < 0:
        whole.append(value[position:])
        return len(value)
    if found > position and value[found - 1] == "$":
        whole += (value[position : found - 1], _OPEN)
        return found + 2
    whole.append(value[position:found])
    open_frames.append(_Frame(found))
    return found + 2


def _close(value: str, end: int, whole: list[Part], open_frames: list[_Frame]) -> None:
    frame = open_frames.pop()
    around = open_frames[-1].parts if open_frames else whole
    around.append(Reference(tuple(frame.parts), value[frame.start : end]))


def _verify_nesting(text: str, open_frames: list[_Frame]) -> None:
    if len(open_frames) == MOST_NESTED:
        raise UnacceptableError(
            f"References stand at most {MOST_NESTED} deep inside one another; {shown(text)} goes deeper. "
            "Write `$${` where a literal `${` is meant.",
            field="value",
            rule="reference-nesting",
        )


def _give_up(whole: list[Part], open_frames: list[_Frame]) -> None:
    """Take everything that was opened for text: what stands in one place of it stands in all around it."""
    for frame in open_frames:
        whole.append(_OPEN)
        whole += frame.parts
    open_frames.clear()


def _joined(parts: list[Part]) -> Template:
    """Return the parts with neighbouring texts joined and empty ones left out."""
    joined: list[Part] = []
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if text := "".join(texts):
            joined.append(text)
        texts.clear()
        joined.append(part)
    if text := "".join(texts):
        joined.append(text)
    return tuple(joined)


def parse_target(name: str, said_in: Place) -> Target | None:
    """Return what the name inside a reference stands for; None if no secret can have it.

    `KEY` is looked for in the folder of the secret that says it, `env.KEY` in the environment's root folder,
    `env.folder.sub.KEY` in `/folder/sub`. A secret with a dot in its name cannot be referred to.
    """
    if len(name) > _LONGEST_TARGET or "/" in name:
        return None
    environment, *folders = name.split(".")
    key = folders.pop() if folders else environment
    if not _KEY.fullmatch(key):
        return None
    if "." not in name:
        return Target(said_in, key)
    if not _ENVIRONMENT.fullmatch(environment):
        return None
    try:
        path = parse_path("/" + "/".join(folders)) if folders else ROOT
    except MalformedError:
        return None
    # A trailing slash would be forgiven there, and `env..KEY` is a slip of the pen.
    return Target(Place(environment, path), key) if all(folders) else None


def shown(text: str) -> str:
    """Return how a reference is written, as a problem may show it: one line, and not all of a long one."""
    return text if len(text) <= 200 else f"{text[:200]}…"
