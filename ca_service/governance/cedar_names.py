"""Entities as people write them: `Identity::"idn_…"`."""

import re

from ca_service.kernel.errors import MalformedError
from ca_service.policy.values import Entity

_WORD = r"[A-Za-z_][A-Za-z0-9_]*"
_NAME = re.compile(rf'({_WORD}(?:::{_WORD})*)::"((?:[^"\\\x00-\x1f]|\\["\\])*)"', re.ASCII)
_LONGEST = 500
_BARE = {"idn": "Identity", "prj": "Project", "org": "Organization"}


def parse_entity(text: str, *, field: str) -> Entity:
    """Return the entity; an id by itself stands for its kind. Raises MalformedError."""
    match = _NAME.fullmatch(text) if len(text) <= _LONGEST else None
    if match is not None:
        return Entity(match[1], re.sub(r"\\(.)", r"\1", match[2]))
    kind = _BARE.get(text.partition("_")[0]) if re.fullmatch(r"[a-z]+_[0-9a-z]+", text) else None
    if kind is None:
        raise MalformedError(
            'Write it as in policies, like Identity::"idn_…" or Project::"prj_…".', field=field, rule="entity"
        )
    return Entity(kind, text)
