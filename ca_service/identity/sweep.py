"""Housekeeping: tokens that ended long ago and failures that no longer count are forgotten."""

from datetime import timedelta

from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.identity.lockouts.storage import forget_ended
from ca_service.identity.token_storage import TokenRows

#: So long after its end a token's row still answers questions about it.
KEPT_FOR = timedelta(days=1)


class TokenSweep:
    """Removes the rows of tokens that ended more than a day ago, and of failures that old."""

    def __init__(self, database: Database, custody: Custody) -> None:
        self._database = database
        self._tokens = TokenRows(custody)

    async def run(self) -> None:
        """Remove them."""

        async def work(transaction: Transaction) -> None:
            await self._tokens.forget_before(transaction, transaction.now - KEPT_FOR)
            await forget_ended(transaction)

        await self._database.begin(work)
