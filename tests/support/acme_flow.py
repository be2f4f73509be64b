"""One ACME account that many flows at once are driven by: newOrder, http-01, finalize, download.

A flow goes by what the server says of its order, as a client does that was interrupted: it can be started
again after any loss of connection.
"""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from typing import Any

from msgspec import Struct

from tests.support.acme_client import ClientKey, Reply, b64, sign_jws
from tests.support.challenge_host import ChallengeHost
from tests.support.http_connection import HttpConnection

_JOSE = {"Content-Type": "application/jose+json"}
_FIRST_PAUSE = 0.004
_LONGEST_PAUSE = 0.25
#: How long a flow waits for the validator to come by before it asks the server what is the matter.
_LONGEST_WAIT = 1.0

#: Told of each step of a flow when its request goes out.
Watch = Callable[[str], None]
STEPS = ("newOrder", "authz", "challenge", "poll", "finalize", "download")


class RefusedError(Exception):
    """The server answered something that a flow does not go on from."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status}: {reply.body.decode(errors='replace')}")
        self.reply = reply


class AcmeAccount:
    """An account with a connection of its own."""

    def __init__(self, url: str, context: ssl.SSLContext, key: ClientKey | None = None) -> None:
        self.key = key or ClientKey.new()
        self.kid: str | None = None
        self.url = url
        self.connection = HttpConnection(url, context)
        self._nonce: str | None = None
        self._thumbprint = self.key.thumbprint

    @property
    def thumbprint(self) -> str:
        """Return the thumbprint of the account's key."""
        return self._thumbprint

    def address(self, kind: str) -> str:
        """Return the URL of a resource of the directory `default` that has no id."""
        return f"{self.url}/acme/default/{kind}"

    async def register(self) -> None:
        """Open the account."""
        payload = {"termsOfServiceAgreed": True}
        self.kid = (await self.ask(self.address("new-account"), payload)).header("location")

    async def sign(self, url: str, payload: object = None) -> bytes:
        """Return a signed request; no payload means POST-as-GET."""
        if self._nonce is None:
            reply = await self.connection.request("HEAD", self.address("new-nonce"))
            self._nonce = reply.header("replay-nonce")
        nonce, self._nonce = self._nonce, None
        signer = {"jwk": self.key.jwk} if self.kid is None else {"kid": self.kid}
        body = None if payload is None else json.dumps(payload).encode()
        return sign_jws(self.key, body, {"alg": self.key.algorithm, "nonce": nonce, "url": url, **signer})

    async def post(self, url: str, payload: object = None) -> Reply:
        """Send a signed request, and once more if its nonce was refused (RFC 8555 section 6.5)."""
        reply = await self.send(url, await self.sign(url, payload))
        if reply.problem == "badNonce":
            reply = await self.send(url, await self.sign(url, payload))
        return reply

    async def send(self, url: str, body: bytes) -> Reply:
        """Send a request that is signed already."""
        reply = await self.connection.request("POST", url, body, _JOSE)
        self._nonce = reply.header("replay-nonce")
        return reply

    async def ask(self, url: str, payload: object = None) -> Reply:
        """Send a signed request that must succeed. Raises RefusedError."""
        reply = await self.post(url, payload)
        if reply.status not in {200, 201}:
            raise RefusedError(reply)
        return reply


class Flow(Struct):
    """One certificate on its way, and what the client has kept of it so far.

    `until_looked` is awaited before the first poll, for those who must know that the server is done.
    """

    name: str
    csr: bytes
    until_looked: Callable[[], Awaitable[None]] | None = None
    order_url: str | None = None
    certificate_url: str | None = None
    chain: bytes | None = None
    polls: int = 0

    async def run(self, account: AcmeAccount, host: ChallengeHost, watch: Watch = lambda _: None) -> None:
        """Go from wherever this flow stands to a downloaded chain. Raises RefusedError, OSError."""
        order = await self._order(account, watch)
        for turn in count():
            status = order["status"]
            if status == "valid":
                break
            if status == "ready":
                watch("finalize")
                order = (await account.ask(order["finalize"], {"csr": b64(self.csr)})).json()
            elif status == "pending" and turn == 0:
                for url in order["authorizations"]:
                    await self._prove(account, host, url, watch)
                order = await self._poll(account, watch)
            elif status in {"pending", "processing"}:
                await asyncio.sleep(min(_FIRST_PAUSE * 2**turn, _LONGEST_PAUSE))
                order = await self._poll(account, watch)
            else:
                raise RefusedError(Reply(0, {}, json.dumps(order).encode()))
        watch("download")
        self.certificate_url = str(order["certificate"])
        self.chain = (await account.ask(self.certificate_url)).body

    async def _order(self, account: AcmeAccount, watch: Watch) -> Any:
        if self.order_url is not None:
            return await self._poll(account, watch)
        watch("newOrder")
        payload = {"identifiers": [{"type": "dns", "value": self.name}]}
        reply = await account.ask(account.address("new-order"), payload)
        self.order_url = reply.header("location")
        return reply.json()

    async def _poll(self, account: AcmeAccount, watch: Watch) -> Any:
        assert self.order_url is not None, "an order is polled once it is known"
        watch("poll")
        self.polls += 1
        return (await account.ask(self.order_url)).json()

    async def _prove(self, account: AcmeAccount, host: ChallengeHost, url: str, watch: Watch) -> None:
        watch("authz")
        authorization = (await account.ask(url)).json()
        if authorization["status"] != "pending":
            return
        [challenge] = [each for each in authorization["challenges"] if each["type"] == "http-01"]
        fetched = host.serve(challenge["token"], account.thumbprint)
        if challenge["status"] == "pending":
            watch("challenge")
            await account.ask(challenge["url"], {})
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_WAIT):
                    await fetched.wait()
            if self.until_looked is not None:
                await self.until_looked()
