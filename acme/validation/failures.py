"""From what went wrong outside to what RFC 8555 section 6.7 calls it, and whether to try again."""

from acme.errors import ValidationError
from ca_service.egress.errors import (
    AnswerRefusedError,
    ConnectionFailedError,
    DnsFailedError,
    EgressError,
    HandshakeFailedError,
    NameNotFoundError,
)


def failure_of(error: EgressError) -> ValidationError:
    """Return a challenge's failure; its detail is the egress's own, which obeys the bounds of S3."""
    match error:
        case NameNotFoundError():
            return ValidationError("dns", error.detail)
        case DnsFailedError():
            return ValidationError("dns", error.detail, is_transient=True)
        case AnswerRefusedError():
            return ValidationError("unauthorized", error.detail)
        case HandshakeFailedError():
            type_ = "unauthorized" if error.has_refused_protocol else "tls"
            return ValidationError(type_, error.detail)
        case ConnectionFailedError():
            return ValidationError("connection", error.detail, is_transient=True)
    return ValidationError("connection", error.detail)
