"""Housekeeping: it grants nothing and changes nothing a caller owns, so it does not go through the gate."""

from datetime import timedelta

from acme.storage import nonces
from acme.wire.nonces import LIFETIME
from ca_service.database.port import Database

#: Used nonces are kept longer than they are good for, by more than clocks may differ.
_KEPT = LIFETIME + timedelta(minutes=10)


class NonceSweep:
    """Forgets used nonces that are too old to be taken again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> None:
        await nonces.sweep(self._database, self._database.now() - _KEPT)
