"""Slugs: the names by which people write organizations, projects and environments."""

import re

from ca_service.kernel.errors import MalformedError

_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def parse_slug(text: str, *, field: str = "slug") -> str:
    """Return the slug. Raises MalformedError."""
    if _SLUG.fullmatch(text) is None:
        raise MalformedError(
            "Use 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end.",
            field=field,
            rule="slug",
        )
    return text
