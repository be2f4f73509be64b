"""Statements with placeholders: each becomes a quoted identifier or a quoted literal, and nothing else."""

import re
from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"\{\{\s*([a-z_]{1,32})\s*\}\}")


def placeholders_of(template: str) -> frozenset[str]:
    """Return the names between the double braces of a template."""
    return frozenset(_PLACEHOLDER.findall(template))


def fill(template: str, names: Mapping[str, str], texts: Mapping[str, str]) -> str:
    """Return the template with `{{key}}` replaced: by an identifier from `names`, by a literal from `texts`.

    Raises KeyError for a placeholder that neither knows.
    """
    from psycopg.sql import Identifier, Literal

    def replacement(match: re.Match[str]) -> str:
        key = match.group(1)
        if key in names:
            return Identifier(names[key]).as_string(None)
        return Literal(texts[key]).as_string(None)

    return _PLACEHOLDER.sub(replacement, template)
