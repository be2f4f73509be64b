"""What is known of one HTTP request beside its body, and the ports its door needs to answer it."""

from collections.abc import Mapping
from typing import Any, Protocol, cast

from msgspec import Struct

from ca_service.gate.caller import Caller
from ca_service.gate.port import Authenticator, Gate
from ca_service.kernel.errors import KeywrightError
from ca_service.web.rate_limits import RateLimiter
from ca_service.web.refusals import Refusals

_KEY = "keywright"


class Doors(Struct, frozen=True):
    """What every door of this process shares. URLs have no trailing slash."""

    gate: Gate
    authenticator: Authenticator
    limiter: RateLimiter
    refusals: Refusals
    public_url: str
    plain_public_url: str


class Exchange(Struct):
    """One request and its answer; made by the middleware, carried in the ASGI scope.

    `address` is the client's as S9 says; `problem` is the slug of the error that was answered, for the log.
    `refusal` is why nothing may be done for this request, whatever it asks for; `is_refused` is whether that
    was said.
    """

    request_id: str
    address: str
    doors: Doors
    caller: Caller | None = None
    is_public: bool = False
    problem: str = ""
    refusal: KeywrightError | None = None
    is_refused: bool = False

    def verify(self) -> None:
        """Raise what the front found against this request, once."""
        if self.refusal is not None and not self.is_refused:
            self.is_refused = True
            raise self.refusal


class _Carrier(Protocol):
    """A connection of the framework: all we need of it is its scope."""

    @property
    def scope(self) -> Any:
        """Return the ASGI scope."""


def exchange_in(scope: Any) -> Exchange:
    """Return the exchange that the middleware put into this ASGI scope."""
    return cast("Exchange", cast("Mapping[str, Any]", scope)[_KEY])


def put_exchange(scope: Any, exchange: Exchange) -> None:
    """Carry `exchange` in this ASGI scope."""
    scope[_KEY] = exchange


def exchange_of(connection: _Carrier) -> Exchange:
    """Return the exchange of this request."""
    return exchange_in(connection.scope)
