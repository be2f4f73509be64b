"""Counts failed logins for the login methods, in every process and over restarts.

Nothing is written for an identity that does not exist, and nothing for one that is locked out there.
"""

import asyncio
import logging
from collections import Counter
from datetime import timedelta

from ca_service.config import IdentityConfig
from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller
from ca_service.identity.identities import MachineIdentity
from ca_service.identity.lockouts.lockouts import LockoutRule, source_of
from ca_service.identity.lockouts.storage import count_failure, find_lockout, forget_failures
from ca_service.kernel.errors import KeywrightError

_log = logging.getLogger(__name__)


class LoginGuard:
    """Says who is locked out from where, and counts who guesses.

    A failure is written beside the answer, which waits for `pause` whether or not there is such an identity:
    neither what is written nor how long that takes is seen from outside.
    """

    def __init__(self, database: Database, config: IdentityConfig, *, pause: float = 0.05) -> None:
        self._database = database
        self._pause = pause
        self._rule = LockoutRule(
            threshold=config.lockout_threshold,
            duration=timedelta(seconds=config.lockout_duration),
            window=timedelta(seconds=config.lockout_window),
        )
        #: Failures of this process that are being written.
        self._under_way: Counter[tuple[str, str]] = Counter()
        self._writing: set[asyncio.Task[None]] = set()

    async def is_locked_out(self, identity: MachineIdentity, address: str) -> bool:
        """Tell whether logins of this identity from this address are refused unheard."""
        rule = self._rule.with_terms(identity.terms.lockout)
        source = source_of(address)
        lockout = await find_lockout(self._database, identity, source)
        if rule.threshold == 0:
            return False
        now = self._database.now()
        if lockout is not None and lockout.is_locked(now):
            return True
        counted = 0 if lockout is None else lockout.failures_that_count(rule, now)
        return counted + self._under_way[identity.id, source] >= rule.threshold

    def count(self, identity: MachineIdentity, address: str) -> None:
        """Have a wrong credential of this identity counted."""
        rule = self._rule.with_terms(identity.terms.lockout)
        if rule.threshold == 0:
            return
        source = source_of(address)
        self._under_way[identity.id, source] += 1
        task = asyncio.create_task(self._count(identity, source, rule))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def wait(self) -> None:
        """Let the time pass that every refused login takes."""
        await asyncio.sleep(self._pause)

    def forget(self, transaction: Transaction, caller: Caller) -> None:
        """Count from nothing again: the caller logged in."""
        forget_failures(transaction, caller.organization or "", caller.id, source_of(caller.address))

    async def settle(self) -> None:
        """Return once everything counted so far is written."""
        await asyncio.gather(*self._writing)

    async def _count(self, identity: MachineIdentity, source: str, rule: LockoutRule) -> None:
        async def work(transaction: Transaction) -> None:
            await count_failure(transaction, identity, source, rule)

        key = (identity.id, source)
        try:
            await self._database.begin(work)
        except KeywrightError as error:
            _log.warning("a failed login could not be counted: %s", error.detail)
        finally:
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]
