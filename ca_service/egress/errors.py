"""Why something outside could not be reached or did not answer as it should."""

from collections.abc import Sequence

from ca_service.egress.attempts import Attempt
from ca_service.kernel.errors import UnacceptableError


class EgressError(UnacceptableError):
    """The outside failed us; `attempts` say which addresses were tried, in order, and what became of each."""

    def __init__(self, detail: str, *, attempts: Sequence[Attempt] = ()) -> None:
        super().__init__(detail)
        self.attempts = tuple(attempts)


class ConnectionFailedError(EgressError):
    """No connection, or one that broke, stalled or spoke another protocol."""


class HandshakeFailedError(EgressError):
    """The host was reached and TLS with it failed.

    `has_refused_protocol` says that it speaks TLS, but not the ALPN protocol that it was offered.
    """

    def __init__(
        self, detail: str, *, attempts: Sequence[Attempt] = (), has_refused_protocol: bool = False
    ) -> None:
        super().__init__(detail, attempts=attempts)
        self.has_refused_protocol = has_refused_protocol


class RefusedAddressError(EgressError):
    """The address is one that Keywright does not connect to (S4)."""


class AnswerRefusedError(EgressError):
    """The host answered, but not as it must: a status, a redirect or a body that is refused."""

    def __init__(
        self, detail: str, *, attempts: Sequence[Attempt] = (), status: int | None = None, shown: str = ""
    ) -> None:
        super().__init__(detail, attempts=attempts)
        self.status = status
        self.shown = shown


class DnsFailedError(EgressError):
    """The name could not be resolved: a resolver failed, refused, or did not answer in time.

    `rcode` is the answer's code (`SERVFAIL`), or `TIMEOUT` or `UNREACHABLE` where there was none.
    """

    def __init__(self, detail: str, *, name: str, resolver: str, rcode: str) -> None:
        super().__init__(detail)
        self.name = name
        self.resolver = resolver
        self.rcode = rcode


class NameNotFoundError(DnsFailedError):
    """The resolver answered, and there is no such name (`NXDOMAIN`) or no such record of it (`NODATA`)."""
