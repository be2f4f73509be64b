"""Housekeeping: it grants nothing and changes nothing a caller owns, so it does not go through the gate."""

from datetime import timedelta

from acme.storage import expired, nonces
from acme.wire.nonces import LIFETIME
from ca_service.database.port import Database

#: Used nonces are kept longer than they are good for, by more than clocks may differ.
_KEPT = LIFETIME + timedelta(minutes=10)

#: How long what expired can still be looked at.
GRACE = timedelta(days=30)
#: So that nobody else waits long for the database.
_BATCH = 500
_BATCHES_AT_ONCE = 20


class NonceSweep:
    """Forgets used nonces that are too old to be taken again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> None:
        await nonces.sweep(self._database, self._database.now() - _KEPT)


class OrderSweep:
    """Forgets orders that never had a certificate, and authorizations that no order needs (S8).

    Both are kept for `GRACE` after they expired. What belongs to a certificate is never forgotten; the walk
    over authorizations goes on where it stopped, so that it does not look at those again and again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._position = expired.Position()

    async def __call__(self) -> None:
        before = self._database.now() - GRACE
        for _ in range(_BATCHES_AT_ONCE):
            if await expired.drop_orders(self._database, before, most=_BATCH) < _BATCH:
                break
        else:
            # Authorizations of orders that are still there would be passed over.
            return
        for _ in range(_BATCHES_AT_ONCE):
            reached = await expired.drop_authorizations(self._database, self._position, before, most=_BATCH)
            if reached is None:
                break
            self._position = reached
