"""The one hierarchy of errors that people and programs outside are allowed to see.

An error knows what went wrong and what to do next; it knows nothing of HTTP. `web/problems.py` renders it
for our own API (RFC 9457), `acme/wire/problems.py` for ACME (RFC 8555 section 6.7).
"""

from datetime import timedelta
from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    """Who is at fault, and so what the other side may do about it."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    PRECONDITION = "precondition"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    MISDIRECTED = "misdirected"
    UNACCEPTABLE = "unacceptable"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class KeywrightError(Exception):
    """Something was refused or failed; `detail` tells a person what to do next and holds no secret.

    `field` names the part of the request at fault (`dns_names[2]`), `rule` the rule that refused it.
    """

    kind: ClassVar[Kind] = Kind.INTERNAL
    slug: ClassVar[str] = "internal"

    def __init__(self, detail: str, *, field: str | None = None, rule: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.rule = rule


class MalformedError(KeywrightError):
    """The request cannot be read."""

    kind = Kind.MALFORMED
    slug = "malformed"


class UnauthenticatedError(KeywrightError):
    """No caller could be established."""

    kind = Kind.UNAUTHENTICATED
    slug = "unauthenticated"


class ForbiddenError(KeywrightError):
    """The caller may see the thing but not do this to it; `decision_id` is found in the audit trail."""

    kind = Kind.FORBIDDEN
    slug = "forbidden"

    def __init__(
        self, detail: str, *, decision_id: str, field: str | None = None, rule: str | None = None
    ) -> None:
        super().__init__(detail, field=field, rule=rule)
        self.decision_id = decision_id


class NotFoundError(KeywrightError):
    """There is no such thing, or the caller may not see it; the two are told alike (S12)."""

    kind = Kind.NOT_FOUND
    slug = "not_found"

    def __init__(self, noun: str) -> None:
        super().__init__(f"There is no such {noun} here, or you may not see it.")
        self.noun = noun


class MethodNotAllowedError(KeywrightError):
    """The address exists but does not answer to this method."""

    kind = Kind.METHOD_NOT_ALLOWED
    slug = "method_not_allowed"


class ConflictError(KeywrightError):
    """The request contradicts what exists already."""

    kind = Kind.CONFLICT
    slug = "conflict"


class PreconditionError(KeywrightError):
    """A condition the caller set (`If-Match`) does not hold."""

    kind = Kind.PRECONDITION
    slug = "precondition"


class TooLargeError(KeywrightError):
    """The body or a part of it is beyond its bound."""

    kind = Kind.TOO_LARGE
    slug = "too_large"


class UnsupportedMediaTypeError(KeywrightError):
    """The body's content type is not the one this address reads."""

    kind = Kind.UNSUPPORTED_MEDIA_TYPE
    slug = "unsupported_media_type"


class MisdirectedError(KeywrightError):
    """The request names a host that is not ours (S9)."""

    kind = Kind.MISDIRECTED
    slug = "misdirected"


class UnacceptableError(KeywrightError):
    """The request is well formed, but a rule, profile or ceiling refuses it."""

    kind = Kind.UNACCEPTABLE
    slug = "unacceptable"


class RateLimitedError(KeywrightError):
    """The caller asks too often."""

    kind = Kind.RATE_LIMITED
    slug = "rate_limited"

    def __init__(self, detail: str, *, retry_after: timedelta) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class UnavailableError(KeywrightError):
    """The service cannot do this now; nothing was done, and the same request may succeed later."""

    kind = Kind.UNAVAILABLE
    slug = "unavailable"

    def __init__(self, detail: str, *, retry_after: timedelta = timedelta(seconds=5)) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class InternalError(KeywrightError):
    """A mistake of ours: the caller is told an id and nothing else, the log has the rest."""
