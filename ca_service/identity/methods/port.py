"""What a way to log in is: it verifies a credential, and takes a use of it in the login's transaction."""

from typing import Protocol

from ca_service.database.port import Transaction
from ca_service.gate.caller import Caller


class LoginMethod(Protocol):
    """One way to log in. How it verifies is its own; it makes a caller that may do nothing but log in."""

    @property
    def name(self) -> str:
        """Return the method's name, as in `/v1/auth/{method}/login` and `Caller.authenticated_by`."""

    async def spend(self, transaction: Transaction, caller: Caller) -> None:
        """Take one use of the credential that proved `caller`. Raises LoginRefusedError if none is left."""
