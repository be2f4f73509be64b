"""One request to one resource of one directory, and its answer: what the functions of the door see."""

from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from acme.accounts import Account
from acme.callers import AccountKeys, Signer, caller_of
from acme.directories import Directory
from acme.places import Resource
from acme.validation.looks import Looks
from acme.wire.messages import Urls
from ca_service.gate.caller import Caller
from ca_service.gate.operation import Operation
from ca_service.kernel.errors import MalformedError
from ca_service.web.door import AnyRequest, client_address, perform_as
from ca_service.web.exchange import exchange_of

A = TypeVar("A")

JSON = "application/json"
#: Seconds after which a client may look again at something that is being worked on.
RETRY_AFTER = "1"


class Answer(Struct, frozen=True):
    """What goes back, beside the headers that every answer of the door has."""

    status: int
    body: bytes = b""
    media_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


class Visit(Struct, frozen=True):
    """A request whose signature was verified."""

    request: AnyRequest
    urls: Urls
    resource: Resource
    directory: Directory
    keys: AccountKeys
    looks: Looks
    signer: Signer
    now: datetime

    @property
    def account(self) -> Account:
        """Return the account that signed; the door lets no key pass where one is needed."""
        assert self.signer.account is not None, "this resource takes requests of accounts only"
        return self.signer.account

    @property
    def address(self) -> str:
        """Return the client's address (S9)."""
        return client_address(self.request)

    async def perform(self, operation: Operation[A]) -> A:
        """Perform an operation as the account that signed."""
        caller = caller_of(self.directory, self.account, self.address, self.signer.sponsor)
        return await self.perform_as(caller, operation)

    async def perform_as(self, caller: Caller, operation: Operation[A]) -> A:
        """Perform an operation as a caller made from the key that signed."""
        exchange_of(self.request).caller = caller
        nonce = self.signer.nonce
        once = None if nonce.is_used else nonce
        return (await perform_as(self.request, caller, operation, once=once)).answer

    def require_read(self) -> None:
        """Refuse a payload where only reading is possible (RFC 8555 section 6.3). Raises MalformedError."""
        if not self.signer.jws.is_post_as_get:
            raise MalformedError(
                "This address is only read: the payload must be the empty string (POST-as-GET)."
            )


def link(url: str, relation: str) -> tuple[str, str]:
    """Return a Link header (RFC 8288)."""
    return "link", f'<{url}>;rel="{relation}"'
