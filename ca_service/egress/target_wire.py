"""A session at a target over libpq, in which time and bytes are bounded, whatever the other side does.

libpq is driven here step by step: a driver's own waiting has no bound on what a server sends, and asks a
server that is silent to cancel before it gives up.
"""

import asyncio
import socket
import struct
from collections.abc import Callable

from psycopg import Error, OperationalError, pq
from psycopg.pq import ConnStatus, ExecStatus, PollingStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from ca_service.egress.scram import SALT_SIZE, is_plain, scram_verifier
from ca_service.egress.target_errors import LoginRefusedError, StatementRefusedError, TargetLostError
from ca_service.egress.target_session import TargetRow
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue

MOST_BYTES = 16 * 1024 * 1024
_SQLSTATE = 67  # libpq's PG_DIAG_SQLSTATE, the letter C
#: Where struct tcp_info of Linux has the bytes that were received.
_RECEIVED = struct.Struct("128xQ")
_ANSWERED = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY)
#: What of a server's refusal at login will not change by waiting; only looked for, never shown.
_LASTING = (
    "authentication failed",
    "no pg_hba.conf entry",
    "does not exist",
    "is not permitted to log in",
    "permission denied for database",
    "password authentication",
    "authentication method requirement",
    "no password supplied",
)


class NoConnectionError(Exception):
    """No connection came about, so that another address may be tried; the text says why in a few words."""


class TargetWire:
    """One connection; after a failure that is not the target's plain refusal it is of no more use."""

    def __init__(self, connection: PGconn, place: str, seconds: float, randomness: Randomness) -> None:
        self._pg = connection
        self._place = place
        self._seconds = seconds
        self._randomness = randomness
        self._is_lost = False

    @property
    def server_version(self) -> int:
        return self._pg.server_version

    @property
    def is_idle(self) -> bool:
        """Tell whether the connection stands and no transaction is open."""
        return not self._is_lost and self._pg.transaction_status == TransactionStatus.IDLE

    async def run(self, text: str) -> None:
        await self._ask(text, [])

    async def rows(self, text: str, *values: str) -> list[TargetRow]:
        result = await self._ask(text, [value.encode() for value in values])
        return [
            tuple(_text(result.get_value(row, column)) for column in range(result.nfields))
            for row in range(result.ntuples)
        ]

    def verifier(self, password: SecretValue[str]) -> str:
        text = password.reveal()
        if is_plain(text):
            return scram_verifier(text, self._randomness.token_bytes(SALT_SIZE))
        return self._pg.encrypt_password(text.encode(), self._pg.user, b"scram-sha-256").decode()

    def close(self) -> None:
        """End the connection at once; a transaction that is open is rolled back by the server."""
        self._is_lost = True
        self._pg.finish()

    async def _ask(self, text: str, values: list[bytes]) -> PGresult:
        if self._is_lost:
            raise self._lost("is gone")
        try:
            async with asyncio.timeout(self._seconds):
                self._pg.send_query_params(text.encode(), list(values))
                result = await self._answer()
        except TimeoutError:
            raise self._lost(f"did not answer a statement within {self._seconds:g} s") from None
        except (Error, OSError):
            raise self._lost("broke the connection off") from None
        except BaseException:
            self._is_lost = True
            raise
        if result.status not in _ANSWERED:
            state = (result.error_field(_SQLSTATE) or b"").decode("ascii", "replace")
            if not state:
                raise self._lost("broke the connection off")
            raise StatementRefusedError(state)
        return result

    async def _answer(self) -> PGresult:
        while self._pg.flush():
            await _ready(self._pg.socket, is_to_write=True)
        found: PGresult | None = None
        while True:
            while self._pg.is_busy():
                await _ready(self._pg.socket)
                if received_bytes(self._pg.socket) > MOST_BYTES:
                    raise self._lost(f"sent more than {MOST_BYTES // 1024**2} MiB")
                self._pg.consume_input()
            result = self._pg.get_result()
            if result is None:
                break
            if result.status in {ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH}:
                raise self._lost("began to copy, which no statement here may ask for")
            # The last is the one that counts: what fails follows what succeeded.
            found = result
        if found is None:
            raise self._lost("broke the connection off")
        return found

    def _lost(self, what: str) -> TargetLostError:
        self._is_lost = True
        return TargetLostError(f"{self._place} {what}.")


async def open_wire(
    conninfo: bytes, place: str, randomness: Randomness, *, connect_seconds: float, seconds: float
) -> TargetWire:
    """Return a connection that is logged in; `seconds` bounds each statement.

    Raises NoConnectionError while nobody has answered yet, LoginRefusedError or TargetLostError after that.
    """
    reached = [ConnStatus.STARTED]
    connection = pq.PGconn.connect_start(conninfo)
    try:
        async with asyncio.timeout(connect_seconds):
            await _log_in(connection, reached)
    except TimeoutError:
        connection.finish()
        if reached[0] in _BEFORE_ANSWER:
            raise NoConnectionError("timed out") from None
        raise TargetLostError(f"{place} did not let us log in within {connect_seconds:g} s.") from None
    except _FailedLoginError as failure:
        message = connection.get_error_message()
        connection.finish()
        raise _refusal(place, reached[0], message) from failure
    except BaseException:
        connection.finish()
        raise
    connection.nonblocking = 1
    return TargetWire(connection, place, seconds, randomness)


class _FailedLoginError(Exception):
    """libpq gave up."""


#: As far as libpq gets without a word of the other side.
_BEFORE_ANSWER = (ConnStatus.STARTED, ConnStatus.NEEDED)


async def _log_in(connection: PGconn, reached: list[ConnStatus]) -> None:
    """Go through the steps of libpq; `reached` keeps the last one that it was in."""
    while connection.status != ConnStatus.BAD:
        reached[0] = ConnStatus(connection.status)
        try:
            step = connection.connect_poll()
        except OperationalError:
            raise _FailedLoginError from None
        if step == PollingStatus.OK:
            return
        if step == PollingStatus.FAILED:
            break
        if connection.status != ConnStatus.BAD:
            reached[0] = ConnStatus(connection.status)
        if received_bytes(connection.socket) > MOST_BYTES:
            break
        await _ready(connection.socket, is_to_write=step == PollingStatus.WRITING)
    raise _FailedLoginError


def _refusal(place: str, reached: ConnStatus, message: str) -> Exception:
    """Return what a failure means; the message itself is read and not repeated."""
    if reached in _BEFORE_ANSWER:
        return NoConnectionError("connection refused" if "refused" in message else "no connection")
    if "SSL" in message or "certificate" in message:
        if "does not support SSL" in message:
            reason = "does not offer TLS: switch it on there, or set `tls` to `disable` in a trusted network"
        else:
            reason = (
                "could not prove who it is: TLS failed. Its certificate must name the host and come from an "
                "authority of this system or of `[target] ca_file`"
            )
        return LoginRefusedError(f"{place} {reason}.", needs_person=True)
    if any(words in message for words in _LASTING):
        return LoginRefusedError(
            f"{place} refused the login. Check user name, password and database of the configuration, and "
            "pg_hba.conf there.",
            needs_person=True,
        )
    return LoginRefusedError(f"{place} lets us not log in now: is it starting, or full?", needs_person=False)


def received_bytes(descriptor: int) -> int:
    """Return how much the kernel has received on a TCP connection so far."""
    with socket.socket(fileno=socket.dup(descriptor)) as copy:
        try:
            info = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size)
        except OSError:
            return 0
    received: int = _RECEIVED.unpack(info)[0] if len(info) == _RECEIVED.size else 0
    return received


async def _ready(descriptor: int, *, is_to_write: bool = False) -> None:
    """Wait until something can be read, or written."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not waiting.done():
            waiting.set_result(None)

    forget: Callable[[int], bool] = loop.remove_writer if is_to_write else loop.remove_reader
    (loop.add_writer if is_to_write else loop.add_reader)(descriptor, wake)
    try:
        await waiting
    finally:
        forget(descriptor)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
