"""The world that challenges are validated in, for real clients: DNS, http-01 and tls-alpn-01 on loopback.

    with AcmeWorld() as world:
        with running_server(folder, database_url, world.settings()) as server:
            ...                                     # every name resolves to 127.0.0.1 unless told otherwise

`settings()` are the environment variables of a server that looks at this world. A client that serves http-01
or tls-alpn-01 itself gets its own port: `world.settings(http_port=5002, tls_alpn_port=5003)`.

From Python, at any time and from any thread:

    world.add_txt("_acme-challenge.a.test", "digest")
    world.set_records("a.test", "CAA", ['0 issue "ca.test"']); world.set_records("a.test", "CAA", [])
    world.fail("b.test", "SERVFAIL"); world.dns.zone, world.dns.questions
    world.serve_http("token", "key authorization")     # at every host, on world.http_port
    world.handle_http(stall(b"HTTP/1.1 200"))          # hostile: see tests/support/challenge_site.py
    world.show(Shown("a.test", "key authorization"))   # tls-alpn-01: see tests/support/alpn_responder.py

From a client, which is a process of its own: `world.environment` in its environment, and `DNS_HOOK` as its
hook program. It understands `add|present NAME VALUE`, `del|cleanup NAME VALUE` (lego's `exec` provider),
`deploy_challenge` and `clean_challenge` (dehydrated), `certbot-auth` and `certbot-cleanup` (certbot's manual
hooks: `--manual-auth-hook "$DNS_HOOK certbot-auth"`), `begin|done|failed dns-01 NAME TOKEN VALUE` (uacme).
It sends `POST {world.control_url}/set-txt {"host": NAME, "value": VALUE}`, and the same to `/clear-txt`.
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Self, TypeVar

from tests.support.alpn_responder import Responder, Shown, responder
from tests.support.challenge_site import Handle, Site, web
from tests.support.dns_server import DnsServer

T = TypeVar("T")

DNS_HOOK = Path(__file__).with_name("dns_hook.py")
_CHALLENGE = "/.well-known/acme-challenge/"


class AcmeWorld:
    """DNS, web and TLS servers with an event loop in a thread of its own; a context manager."""

    dns: DnsServer
    site: Site
    responder: Responder
    control_port: int

    def __init__(self, *, default_address: str | None = "127.0.0.1") -> None:
        self._default_address = default_address
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._opened = contextlib.AsyncExitStack()
        self._pages: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def http_port(self) -> int:
        """Return the port of the world's own http-01 server."""
        return self.site.port

    @property
    def tls_alpn_port(self) -> int:
        """Return the port of the world's own tls-alpn-01 server."""
        return self.responder.port

    @property
    def control_url(self) -> str:
        """Return where clients change the world."""
        return f"http://127.0.0.1:{self.control_port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return what the hook programs need in their environment."""
        return {"ACME_WORLD": self.control_url, "DNS_HOOK": str(DNS_HOOK)}

    def settings(self, *, http_port: int | None = None, tls_alpn_port: int | None = None) -> dict[str, str]:
        """Return the environment of a server that validates in this world."""
        prefix = "KEYWRIGHT__ACME__VALIDATION__"
        return {
            prefix + "HTTP_PORT": str(http_port or self.http_port),
            prefix + "TLS_ALPN_PORT": str(tls_alpn_port or self.tls_alpn_port),
            prefix + "RESOLVERS": json.dumps([self.dns.address]),
            prefix + "ALLOWED_NETWORKS": json.dumps(["127.0.0.0/8", "::1/128"]),
        }

    def set_records(self, name: str, kind: str, records: list[str]) -> None:
        """Replace the records of a name and type, in the text form of a zone file; none remove them."""
        self._do(lambda: self._set(name, kind, records))

    def add_txt(self, name: str, value: str) -> None:
        """Add one TXT record beside those that are there."""
        self._do(lambda: self._set(name, "TXT", [*self._texts(name), _quoted(value)]))

    def fail(self, name: str, rcode: str | None) -> None:
        """Answer questions for a name with an error (`SERVFAIL`, `REFUSED`), or with None truly again."""
        self._do(
            lambda: (
                self.dns.rcodes.pop(name, None) if rcode is None else self.dns.rcodes.update({name: rcode})
            )
        )

    def serve_http(self, token: str, content: str | None) -> None:
        """Answer this token at every host, or with None no more."""
        self._do(lambda: self._page(token, content))

    def handle_http(self, handle: Handle) -> None:
        """Answer everything on the http-01 port so from now on."""

        def change() -> None:
            self.site.handle = handle

        self._do(change)

    def open_site(self, handle: Handle, host: str) -> Site:
        """Serve another web server, at another address and on the port of http-01."""
        return self._run(self._opened.enter_async_context(web(handle, host, port=self.http_port)))

    def show(self, shown: Shown) -> None:
        """Show this certificate to who asks for its name by tls-alpn-01."""
        self._do(lambda: self.responder.show(shown))

    async def _open(self) -> None:
        dns_ = DnsServer({}, default_address=self._default_address, is_recursive=True)
        self.dns = await self._opened.enter_async_context(dns_)
        self.site = await self._opened.enter_async_context(web(self.serve_pages))
        self.responder = await self._opened.enter_async_context(responder())
        control = await asyncio.start_server(self._control, "127.0.0.1", 0)
        await self._opened.enter_async_context(control)
        self.control_port = control.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        await self._opened.aclose()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _run(self, work: "Awaitable[T]") -> T:
        async def run() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    def _do(self, change: Callable[[], object]) -> None:
        async def run() -> None:
            change()

        self._run(run())

    def _set(self, name: str, kind: str, records: list[str]) -> None:
        key = (name.rstrip(".").lower(), kind)
        if records:
            self.dns.zone[key] = records
        else:
            self.dns.zone.pop(key, None)

    def _remove_txt(self, name: str, value: str) -> None:
        self._set(name, "TXT", [each for each in self._texts(name) if each != _quoted(value)])

    def _texts(self, name: str) -> list[str]:
        return self.dns.zone.get((name.rstrip(".").lower(), "TXT"), [])

    def _page(self, token: str, content: str | None) -> None:
        if content is None:
            self._pages.pop(_CHALLENGE + token, None)
        else:
            self._pages[_CHALLENGE + token] = content

    async def serve_pages(self, path: str, _headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        """Answer with what `serve_http` was told; `handle_http(world.serve_pages)` brings it back."""
        content = self._pages.get(path)
        status = "404 Not Found" if content is None else "200 OK"
        body = (content or "no such challenge").encode()
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            lengths = [line.partition(":")[2] for line in head if line.startswith("content-length:")]
            body = json.loads(await reader.readexactly(int(lengths[0])) if lengths else b"{}")
            known = self._obey(head[0].split()[1], body)
            writer.write(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % (b"200 OK" if known else b"404 X"))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def _obey(self, path: str, body: dict[str, str]) -> bool:
        match path:
            case "/set-txt":
                self._set(body["host"], "TXT", [*self._texts(body["host"]), _quoted(body["value"])])
            case "/clear-txt":
                self._remove_txt(body["host"], body["value"])
            case _:
                return False
        return True


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
