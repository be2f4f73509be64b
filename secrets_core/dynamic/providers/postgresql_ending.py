"""Ending one account: no login, no sessions, nothing owned, no role; whatever the last attempt got done."""

import asyncio
from collections.abc import Sequence

from ca_service.egress.target_errors import StatementRefusedError
from ca_service.egress.target_session import PostgresqlWay, TargetSession
from secrets_core.dynamic.errors import TargetRefusedError, TargetUnreachableError
from secrets_core.dynamic.providers import postgresql_statements as statements
from secrets_core.dynamic.providers.port import Ending
from secrets_core.dynamic.providers.postgresql_config import PostgresqlSettings
from secrets_core.dynamic.providers.postgresql_refusals import UNDEFINED

_DEPENDENT = "2BP01"
#: How often the sessions are looked at again, and for how long: a session ends at its next wait.
_LOOKS = 100
_LOOK_SECONDS = 0.05
#: A session that was ending may have made one thing more after the first round.
_ROUNDS = 3
_MOST_DATABASES = 100


class AccountEnding:
    """The end of one account at one server."""

    def __init__(self, way: PostgresqlWay, settings: PostgresqlSettings, name: str) -> None:
        self._way = way
        self._settings = settings
        self._name = name
        self._is_member = False

    async def end(self) -> Ending:
        """End it, and tell whether it was there; raises what a session raises, and the port's errors."""
        async with self._way.postgresql(self._settings.place()) as session:
            # Whoever makes or ends the same account holds the lock: what comes next finds it made or gone.
            await session.rows(statements.LOCK_SESSION, statements.lock_key(self._name))
            oid = await self._find(session)
            if oid is None:
                return Ending.GONE
            try:
                await session.run(self._filled(statements.FORBID_LOGIN))
                await self._end_sessions(session, oid)
                if self._settings.revocation_statements:
                    await self._run_configured(session)
                await self._drop(session, oid)
            except StatementRefusedError as error:
                if error.sqlstate != UNDEFINED or await self._find(session) is not None:
                    raise
            return Ending.REVOKED

    async def _find(self, session: TargetSession) -> str | None:
        rows = await session.rows(statements.FIND, self._name)
        return rows[0][0] if rows else None

    async def _end_sessions(self, session: TargetSession, oid: str) -> None:
        if not await session.rows(statements.SESSIONS, oid):
            return
        await self._join(session)
        for _ in range(_LOOKS):
            if not await session.rows(statements.END_SESSIONS, oid):
                return
            await asyncio.sleep(_LOOK_SECONDS)
        raise TargetUnreachableError("A session of the account has not ended yet; it is tried again.")

    async def _run_configured(self, session: TargetSession) -> None:
        await self._join(session)
        await session.run("BEGIN")
        for statement in self._settings.revocation_statements:
            await session.run(self._filled(statement))
        await session.run("COMMIT")

    async def _drop(self, session: TargetSession, oid: str) -> None:
        for is_last in [False] * (_ROUNDS - 1) + [True]:
            await self._free(session, await session.rows(statements.DEPENDENTS, oid))
            try:
                await session.run(self._filled(statements.DROP))
            except StatementRefusedError as error:
                if error.sqlstate != _DEPENDENT or is_last:
                    raise
            else:
                return

    async def _free(self, session: TargetSession, dependents: Sequence[tuple[str | None, ...]]) -> None:
        """Give away and drop what depends on the account, in each database where anything does."""
        if not dependents:
            return
        if len(dependents) > _MOST_DATABASES:
            raise TargetRefusedError(f"The account owns things in more than {_MOST_DATABASES} databases.")
        await self._join(session)
        for name, is_here in dependents:
            if name is None or is_here == "t":
                await self._give_away(session)
                continue
            async with self._way.postgresql(self._settings.place(name)) as elsewhere:
                await self._give_away(elsewhere)

    async def _give_away(self, session: TargetSession) -> None:
        await session.run(self._filled(statements.REASSIGN))
        await session.run(self._filled(statements.DROP_OWNED))

    async def _join(self, session: TargetSession) -> None:
        """Make the login a member of the account, without which it may end nothing of it."""
        if self._is_member:
            return
        rows = await session.rows(statements.OWN_RIGHTS)
        if rows[0][0] != "t":
            await session.run(self._filled(statements.join(session.server_version)))
        self._is_member = True

    def _filled(self, template: str) -> str:
        return self._way.fill(template, {"name": self._name}, {})
