"""Which names stand for all the names a wildcard covers, as far as some forbids can tell them apart (S7).

Cedar compares strings with `==`, with `contains` and with `like`, and makes none of its own. So the names one
label below a base fall into finitely many classes: each name that is written down somewhere, and for the rest
each combination of `like` patterns that match. One name of every class stands for them all: a forbid that
hits any name below the wildcard hits one of these. The classes are found by walking all patterns at once.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import TypeAlias

#: A `like` pattern as its characters, None standing for `*`.
Pattern: TypeAlias = tuple[str | None, ...]

_LABEL_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_LABEL_LIMIT = 63
#: Beyond this many states the answer is "cannot tell", and the wildcard is refused.
_STATE_LIMIT = 2_000


@lru_cache(maxsize=256)
def names_below(base: str, patterns: frozenset[Pattern], texts: frozenset[str]) -> tuple[str, ...] | None:
    """Return names one label below `base`, at least one of each class; None if there are too many to tell.

    `texts` are all strings a forbid could compare a name with: its literals and the question's own values.
    """
    suffix = "." + base
    known = {text for text in texts if _is_below(text, suffix)}
    relevant = [pattern for pattern in patterns if _can_end_with(pattern, suffix)]
    if not relevant:
        return (*sorted(known), _fresh_label(known, suffix) + suffix)
    return _classes([*relevant, *map(tuple, sorted(known))], suffix)


def _is_below(text: str, suffix: str) -> bool:
    label = text.removesuffix(suffix)
    return label not in {text, ""} and "." not in label and "*" not in label


def _fresh_label(known: Collection[str], suffix: str) -> str:
    label = "x"
    while label + suffix in known:
        label += "x"
    return label


def _closed(pattern: Pattern, positions: int) -> int:
    """Add the positions behind each `*` that is reached. Positions are bits; bit n is "n characters read"."""
    for index, element in enumerate(pattern):
        if element is None and positions >> index & 1:
            positions |= 1 << (index + 1)
    return positions


def _advance(pattern: Pattern, positions: int, character: str) -> int:
    reached = 0
    for index, element in enumerate(pattern):
        if positions >> index & 1:
            if element is None:
                reached |= 1 << index
            elif element == character:
                reached |= 1 << (index + 1)
    return _closed(pattern, reached)


def _accepts(pattern: Pattern, positions: int, rest: str) -> bool:
    for character in rest:
        positions = _advance(pattern, positions, character)
    return bool(positions >> len(pattern) & 1)


def _can_end_with(pattern: Pattern, suffix: str) -> bool:
    anywhere = (1 << (len(pattern) + 1)) - 1
    return _accepts(pattern, anywhere, suffix)


def _classes(patterns: list[Pattern], suffix: str) -> tuple[str, ...] | None:
    letters = _alphabet(patterns)
    start = tuple(_closed(pattern, 1) for pattern in patterns)
    # The start stands for the empty label, which is no name: reached again by a character, it counts.
    seen = set[tuple[int, ...]]()
    found, layer = dict[tuple[bool, ...], str](), [("", start)]
    for _ in range(_LABEL_LIMIT):
        following = []
        for label, state in layer:
            for letter in letters:
                after = tuple(_advance(p, s, letter) for p, s in zip(patterns, state, strict=True))
                if after in seen:
                    continue
                seen.add(after)
                if len(seen) > _STATE_LIMIT:
                    return None
                following.append((label + letter, after))
                matches = tuple(_accepts(p, s, suffix) for p, s in zip(patterns, after, strict=True))
                found.setdefault(matches, label + letter + suffix)
        layer = following
    return tuple(found.values())


def _alphabet(patterns: list[Pattern]) -> list[str]:
    """Return the characters the patterns can tell apart, and one that stands for all others."""
    written = {character for pattern in patterns for character in pattern if character is not None}
    other = next((letter for letter in _LABEL_CHARACTERS if letter not in written), None)
    return sorted(written - {".", "*"}) + ([other] if other is not None else [])
