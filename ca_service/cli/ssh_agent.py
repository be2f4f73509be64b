"""The person's ssh-agent: which of our certificates it holds, and how a new one gets into it."""

import asyncio
from base64 import b64encode
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from ca_service.cli.output import fail

if TYPE_CHECKING:
    from asyncssh import SSHAgentClient, SSHKeyPair

T = TypeVar("T")

_NOT_THERE = (
    "no ssh-agent answers: start one (eval $(ssh-agent)), or use keywright ssh connect, which needs none"
)


class HeldCertificate(Struct, frozen=True):
    """A certificate in the agent: its line, and what it says."""

    line: str
    key_line: str
    principals: tuple[str, ...]
    serial_number: int
    valid_before: datetime


class Agent:
    """The agent at a socket. Ours are told apart by the comment of their keys."""

    def __init__(self, socket: str, comment: str) -> None:
        self._socket = socket
        self._comment = comment

    def held(self) -> list[HeldCertificate]:
        """Return our certificates in the agent; ends the command if none answers."""
        return _finish(self._held())

    def replace(self, private_key: str, certificate: str, lifetime: int) -> None:
        """Load a key and its certificate for so many seconds, in the place of ours that are there."""
        _finish(self._replace(private_key, certificate, lifetime))

    async def _held(self) -> list[HeldCertificate]:
        async with self._client() as client:
            pairs = await self._ours(client)
        found = [_certificate_of(pair) for pair in pairs]
        return [each for each in found if each is not None]

    async def _replace(self, private_key: str, certificate: str, lifetime: int) -> None:
        import asyncssh

        key = asyncssh.import_private_key(private_key)
        key.set_comment(self._comment)
        async with self._client() as client:
            former = await self._ours(client)
            await client.add_keys([(key, asyncssh.import_certificate(certificate))], lifetime=lifetime)
            # After the new one is in: what fails in between leaves a person with what they had.
            if former:
                await client.remove_keys(former)

    def _client(self) -> "AbstractAsyncContextManager[SSHAgentClient]":
        import asyncssh

        return asyncssh.connect_agent(self._socket)

    async def _ours(self, client: "SSHAgentClient") -> "list[SSHKeyPair]":
        return [pair for pair in await client.get_keys() if pair.get_comment() == self._comment]


def _certificate_of(pair: "SSHKeyPair") -> HeldCertificate | None:
    from ca_service.kernel.errors import KeywrightError
    from ssh_ca.certificate_reader import parse_certificate

    name = pair.algorithm.decode("ascii", "replace")
    line = f"{name} {b64encode(pair.public_data).decode('ascii')}"
    try:
        content = parse_certificate(line).content
    except KeywrightError:
        return None
    return HeldCertificate(
        line, content.subject_key.line, content.principals, content.serial_number, content.valid_before
    )


def _finish(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except (OSError, ValueError):
        # asyncssh's errors of the agent are ValueErrors.
        fail(_NOT_THERE)
