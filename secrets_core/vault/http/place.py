"""Where the vault's routes begin, and what they read from headers and query alike."""

import re
from typing import Any

from litestar import Request

from ca_service.kernel.errors import MalformedError

BASE = "/v1/projects/{project:str}"
IN_ENVIRONMENT = f"{BASE}/environments/{{environment:str}}"
AnyRequest = Request[Any, Any, Any]

#: What we give out: a version, and for a value with references a fingerprint of what was shown behind it.
_ETAG = re.compile(r'"([1-9][0-9]{0,17})(?:-[0-9a-f]{1,64})?"', re.ASCII)


def version_wanted(request: AnyRequest) -> int | None:
    """Return the version that must be current, 0 for none, as the headers of a write say.

    Raises MalformedError. RFC 9110 sections 13.1.1 and 13.1.2.
    """
    match, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if match is not None and none_match is not None:
        raise MalformedError("Send If-Match or If-None-Match, not both.", field="If-Match", rule="etag")
    if none_match is not None:
        if none_match.strip() != "*":
            raise MalformedError(
                "If-None-Match of a write is `*`: only if there is no such secret yet.",
                field="If-None-Match",
                rule="etag",
            )
        return 0
    if match is None:
        return None
    found = _ETAG.fullmatch(match.strip())
    if found is None:
        raise MalformedError(
            'If-Match is the ETag of one version, with its quotes, like "3".', field="If-Match", rule="etag"
        )
    return int(found[1])


def knows(request: AnyRequest, etag: str) -> bool:
    """Tell whether the caller has what it would be answered already (RFC 9110 section 13.1.2)."""
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return etag in known or "*" in known


def quoted(etag: str | int) -> str:
    """Return an ETag as headers have it."""
    return f'"{etag}"'
