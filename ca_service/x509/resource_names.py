"""Names of authorities and profiles: unique in their project, safe in a path."""

import re

from ca_service.kernel.errors import MalformedError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def parse_resource_name(text: str, *, field: str = "name") -> str:
    """Return the name. Raises MalformedError."""
    if _NAME.fullmatch(text) is None:
        detail = (
            "A name is 1 to 63 lower-case letters, digits and hyphens, and begins and ends with no hyphen."
        )
        raise MalformedError(detail, field=field, rule="name")
    return text
