"""The nonce of one request whose signature verified: always used up, whatever the answer (S16).

It goes with the transaction of the request's operation, where that commits; otherwise by itself, before
the answer.
"""

from collections.abc import Callable

from acme.errors import BadNonceError
from acme.storage import nonces
from ca_service.database.port import Database, Transaction


class NonceUse:
    """One nonce on its way to being used. It implements `gate.port.Once`.

    `condition` is what else must hold in the transaction of the operation: that the account is still as it
    was when the signature was verified.
    """

    def __init__(
        self, database: Database, nonce: bytes, condition: Callable[[Transaction], None] | None = None
    ) -> None:
        self._database = database
        self._nonce = nonce
        self._condition = condition
        self.is_used = False

    def use(self, transaction: Transaction) -> None:
        """Use it up with this transaction, which ends with BadNonceError if it was used before."""
        nonces.use_in(transaction, self._nonce, _used_before)
        if self._condition is not None:
            self._condition(transaction)

    def was_used(self) -> None:
        """Take note that such a transaction was committed."""
        self.is_used = True

    async def use_alone(self) -> None:
        """Use it up unless an operation did. Raises BadNonceError if another request was first."""
        if self.is_used:
            return
        if not await nonces.use(self._database, self._nonce):
            raise _used_before()
        self.is_used = True


def _used_before() -> BadNonceError:
    return BadNonceError("The nonce was used before; use the one of this answer.")
